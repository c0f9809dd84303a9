// reeve call: one function call, its value on standard output.
#include "client/cli/commands.h"
#include "client/cli/functions.h"
#include "client/cli/interrupt.h"
#include "client/cli/json_text.h"
#include "client/cli/watch.h"

namespace reeve::cli {

namespace {

// No argument is null, one is itself, several are an array.
std::string payload_of(const std::vector<std::string>& arguments) {
  for (const std::string& argument : arguments)
    if (!check_json(argument))
      refuse(Errc::invalid_argument, "'{}' is not JSON; a string needs its quotes, as in '\"{}\"'", argument,
             argument);
  if (arguments.empty()) return "null";
  if (arguments.size() == 1) return arguments.front();
  std::string array = "[";
  for (const std::string& argument : arguments) array += (array.size() > 1 ? "," : "") + argument;
  return array + "]";
}

class Call final : public Command {
 public:
  void declare(Options& options) override {
    call_.declare(options);
    options.argument("FUNCTION", call_.spec.function, "the function's name, as a worker serves it");
    options.arguments("JSON", arguments_, "its argument; several become one array", false);
  }

  Exit run(Context& context) override {
    std::string payload = payload_of(arguments_);
    call_.prepare(context);
    Pool pool = context.client().pool({.queue = call_.spec.queue, .name = "call " + call_.spec.function});
    const Future future = pool.apply_last(call_.spec, std::move(payload));
    const InterruptWatch interrupt;
    const TimePoint begin = mono_now();
    TroubleWatch trouble(context);
    const Duration tick = std::chrono::milliseconds{100};
    for (;;) {
      const Duration left = call_.timeout ? *call_.timeout - (mono_now() - begin) : Duration::max();
      if (future.wait_for(std::max(Duration{0}, std::min(tick, left)))) break;
      if (interrupt.interrupted() || left <= Duration{0}) {
        pool.leave();
        if (future.ready()) break;
        return left_running(context, {accepted_job(pool)}, interrupt.interrupted(),
                            call_.timeout.value_or(Duration{0}));
      }
      trouble.look(pool.job());
    }
    const Outcome outcome = future.outcome();
    print_value(context, future.task(), outcome);
    if (outcome.state == TaskState::succeeded) return Exit::ok;
    return outcome.state == TaskState::cancelled ? Exit::cancelled : Exit::failed;
  }

 private:
  CallOptions call_;
  std::vector<std::string> arguments_;
};

}  // namespace

const CommandEntry call_entry{"call", "Call a function on a worker and print its value",
                              "Examples:\n"
                              "  reeve call square 12\n"
                              "  reeve call thumbnail '{\"file\": \"a.png\", \"width\": 80}'",
                              make_command<Call>};

}  // namespace reeve::cli
