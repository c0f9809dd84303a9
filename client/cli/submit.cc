// reeve submit: a command line, or an array of them, as one job.
#include <algorithm>

#include "client/cli/commands.h"
#include "client/cli/elements_option.h"
#include "client/cli/progress.h"
#include "client/cli/schema.h"
#include "client/cli/text.h"
#include "client/cli/watch.h"

namespace reeve::cli {

namespace {

constexpr std::size_t stdin_bytes_max = 16u << 20;

std::pair<std::string, std::string> parse_pair(std::string_view option, const std::string& text) {
  const auto equals = text.find('=');
  if (equals == 0 || equals == text.npos)
    refuse(Errc::invalid_argument, "--{} {}: write it as NAME=VALUE", option, text);
  return {text.substr(0, equals), text.substr(equals + 1)};
}

// Hands the elements to the library one by one, counts them, and shows on a terminal how far it is.
class Feeder {
 public:
  Feeder(Context& context, Elements& elements, bool into_arguments)
      : context_(context), elements_(elements), into_arguments_(into_arguments) {}

  // Reads the first element: an empty array is told before anything is submitted.
  bool any() {
    read();
    return has_next_;
  }

  bool next(std::string& payload) {
    if (!has_next_) return false;
    payload.assign(next_);
    ++count_;
    show();
    read();
    return true;
  }

  std::uint64_t count() const { return count_; }
  const std::optional<Error>& error() const { return error_; }

  void clear() {
    if (shown_) context_.err().write("\r\x1b[K");
    context_.err().flush_if_possible();
  }

 private:
  void read() {
    Result<std::optional<std::string_view>> element = elements_.next();
    has_next_ = element && element->has_value();
    if (!element) error_ = element.error();
    if (!has_next_) return;
    next_.assign(**element);
    if (into_arguments_ && next_.find('\0') != next_.npos) {
      has_next_ = false;
      error_ = Error{
          Errc::invalid_argument,
          fmt::format("element {} holds a NUL byte, which no argument of a program can hold", count_ + 1)};
    }
  }

  void show() {
    constexpr std::uint64_t look_every = 1024;  // elements; a look at the clock is not free
    if (count_ % look_every != 0 || !context_.err().is_terminal() || context_.quiet() || context_.json())
      return;
    const TimePoint now = mono_now();
    if (now - shown_at_ < std::chrono::milliseconds{100}) return;
    shown_at_ = now;
    shown_ = true;
    const auto total = elements_.count();
    context_.err().write(fmt::format("\rsubmitting {}{} …\x1b[K", with_commas(count_),
                                     total ? " of " + with_commas(*total) : std::string{}));
    context_.err().flush();
  }

  Context& context_;
  Elements& elements_;
  bool into_arguments_;
  std::string next_;
  bool has_next_ = false;
  std::uint64_t count_ = 0;
  std::optional<Error> error_;
  bool shown_ = false;
  TimePoint shown_at_{};
};

class Submit final : public Command {
 public:
  void declare(Options& options) override {
    options.text("-n,--name", name_, "NAME", "a name for the job");
    options.queue_or_quiet(queue_);
    elements_.declare(options);
    options.flag("--to-stdin", element_to_stdin_, "each element is its task's standard input");
    options.number("--retries", spec_.retries, "N", "try a failed task again, up to N times (default: 0)");
    options.duration("--backoff", backoff_, "wait before the first retry, doubled for each further one");
    options.duration("--time-limit", time_limit_,
                     "of one attempt; it is ended then and counts as failed (default: 0, none)");
    options.number("--priority", spec_.priority, "P", "higher first (default: 0)");
    options.duration("--delay", delay_, "do not start before this much time has passed");
    options.texts("--after", after_, "JOB", "start when JOB has succeeded (may be given again)");
    options.number("--crash-limit", spec_.crash_limit, "N", "lost workers that a task survives");
    options.flag("--at-most-once", spec_.at_most_once, "rather lose a task than run it twice");
    options.texts("--env", env_, "K=V", "environment of the command (may be given again)");
    options.text("--cwd", spec_.command.cwd, "DIR",
                 "directory to run in, on the worker (default: the worker's own)");
    options.text("--stdin", stdin_, "FILE", "standard input of the command (-: this program's)");
    options.text("--result-queue", spec_.result_queue, "QUEUE", "put each outcome there as a value, too");
    options.texts("--label", labels_, "K=V", "kept with the job, for people and programs");
    options.flag("--nowait", nowait_, "fail at once when the queue is full, rather than wait for room");
    options.flag("-w,--wait", wait_, "wait until the job is finished; the exit code tells how it ended");
    options.flag("--progress", progress_, "wait, and show progress");
    options.duration("--timeout", timeout_, "of --wait; the job goes on");
    options.command_line("COMMAND ARG…", spec_.command.args,
                         "what to run; in an array, {} in an argument is replaced by the element");
  }

  Exit run(Context& context) override {
    build_spec();
    const std::unique_ptr<Elements> elements = elements_.given() ? elements_.open() : nullptr;
    const std::uint64_t job = elements ? submit_array(context, *elements) : submit_one(context);
    tell(context, job, elements ? count_ : 1);
    if (!wait_ && !progress_) return Exit::ok;
    return wait_for_jobs(context, {job},
                         {.progress = progress_ || context.err().is_terminal(), .timeout = timeout_});
  }

 private:
  void build_spec() {
    if (!queue_.empty()) spec_.queue = queue_;
    for (const std::string& text : env_) spec_.command.env.push_back(parse_pair("env", text));
    for (const std::string& text : labels_) spec_.labels.push_back(parse_pair("label", text));
    spec_.time_limit = time_limit_.value_or(Duration{0});
    spec_.delay = delay_.value_or(Duration{0});
    spec_.backoff = backoff_.value_or(Duration{0});
    submit_ = {.name = name_, .after = parse_jobs(after_), .wait_for_room = !nowait_};
    if (element_to_stdin_ && !elements_.given())
      refuse(Errc::invalid_argument, "--to-stdin needs elements: --range, --each-line or --each-json");
    if (element_to_stdin_ && !stdin_.empty())
      refuse(Errc::invalid_argument, "--to-stdin and --stdin exclude each other");
    if (!stdin_.empty())
      spec_.command.stdin_bytes = take(take(Input::open(stdin_)).read_all(stdin_bytes_max));
    if (elements_.given() && spec_.command.args.front().find("{}") != std::string::npos)
      refuse(Errc::invalid_argument,
             "the program's own name cannot be an element; to run each as a shell command: -- sh -c {{}}");
    spec_.command.payload_to_stdin = element_to_stdin_;
    spec_.command.payload_to_args =
        elements_.given() && std::ranges::any_of(spec_.command.args, [](const std::string& arg) {
          return arg.find("{}") != std::string::npos;
        });
  }

  std::uint64_t submit_one(Context& context) {
    std::vector<std::string> payloads(1);
    return context.client().submit(spec_, std::move(payloads), submit_).number();
  }

  std::uint64_t submit_array(Context& context, Elements& elements) {
    Feeder feeder(context, elements, spec_.command.payload_to_args);
    if (!feeder.any()) {
      if (feeder.error()) throw_error(*feeder.error());
      refuse(Errc::invalid_argument, "there are no elements: nothing was submitted");
    }
    check_count(context.client(), elements);
    std::uint64_t number = 0;
    submit_.accepted = [&number](std::uint64_t job) { number = job; };
    try {
      context.client().submit(
          spec_, [&feeder](std::string& payload) { return feeder.next(payload); }, submit_);
    } catch (const Exception& error) {
      feeder.clear();
      if (number == 0) throw;
      refuse(error.code(), "{}; {}", error.what(), fate_of_part(context.client().job(number)));
    }
    feeder.clear();
    count_ = feeder.count();
    if (!feeder.error()) return number;
    context.client().job(number).cancel();
    refuse(feeder.error()->code, "{}; job {} with the {} before that was cancelled", feeder.error()->detail,
           number, count_of(count_, "task"));
  }

  // What the master could never keep is refused before the first task is sent.
  static void check_count(const Client& client, const Elements& elements) {
    const std::uint64_t tasks_max = client.tasks_max(), count = elements.count().value_or(0);
    if (tasks_max == 0 || count <= tasks_max) return;
    refuse(Errc::limit_reached,
           "{} are too many: the master keeps {} at most that are not finished (tasks-max); nothing was "
           "submitted. "
           "Submit them in parts, or start reeve-master with a larger --tasks-max",
           count_of(count, "task"), with_commas(tasks_max));
  }

  // The library has cancelled what was submitted, if it could.
  static std::string fate_of_part(const Job& job) {
    try {
      job.cancel();
      return fmt::format("job {} with the {} before that was cancelled", job.number(),
                         count_of(job.info().counts.total, "task"));
    } catch (const Exception&) {  // what went wrong first is worth more
      return fmt::format("job {} holds a part of the tasks: 'reeve cancel {}' ends it", job.number(),
                         job.number());
    }
  }

  void tell(Context& context, std::uint64_t job, std::uint64_t tasks) const {
    if (context.json())
      context.out().line(json_submitted(job, tasks));
    else if (context.quiet())
      context.out().line(std::to_string(job));
    else
      context.out().line(fmt::format("job {}: {} submitted", job, count_of(tasks, "task")));
    context.out().flush();  // also when we go on to wait
  }

  TaskSpec spec_;
  SubmitOptions submit_;
  ElementsOption elements_;
  std::string name_, queue_, stdin_;
  std::vector<std::string> after_, env_, labels_;
  std::optional<Duration> time_limit_, delay_, backoff_, timeout_;
  bool element_to_stdin_ = false, nowait_ = false, wait_ = false, progress_ = false;
  std::uint64_t count_ = 0;
};

}  // namespace

const CommandEntry submit_entry{
    "submit", "Submit a command, or an array of them, as one job",
    "Examples:\n"
    "  reeve submit -- make -C /src all\n"
    "  reeve submit --each-line files.txt --retries 2 --wait -- convert {} {}.png\n"
    "  reeve submit --each-line commands.txt -- sh -c {}\n"
    "  reeve submit --range 1-100000 -q -- ./simulate --seed {}\n"
    "\n"
    "-q before a word names the queue; before another option, before -- or at the end it means --quiet.\n"
    "--queue and --quiet always mean the same.",
    make_command<Submit>};

}  // namespace reeve::cli
