// reeve queue put|get|peek: values in a queue, as other programs put and get them.
#include "client/cli/commands.h"
#include "client/cli/elements.h"
#include "client/cli/interrupt.h"
#include "client/cli/json_text.h"
#include "client/cli/schema.h"
#include "client/cli/text.h"
#include "common/base/duration.h"
#include "common/pickle/payload.h"

namespace reeve::cli {

namespace {

constexpr std::size_t value_bytes_max = 64u << 20;  // of --stdin, before the master's own limit
constexpr std::size_t put_batch_values = 1000;
constexpr std::size_t put_batch_bytes = 1u << 20;

class QueuePut final : public Command {
 public:
  void declare(Options& options) override {
    options.choice("--encoding", encoding_, {"raw", "json"},
                   "what the values are for those who get them (default: raw)");
    options.text("--each-line", lines_, "FILE", "every line of FILE is a value (-: standard input)");
    options.flag("--stdin", stdin_, "standard input, all of it, is one value");
    options.number("--priority", put_.priority, "P", "higher first (default: 0)");
    options.flag("--nowait", nowait_, "fail at once when the queue is full");
    options.duration("--timeout", timeout_, "how long to wait while the queue is full (default: for ever)");
    options.argument("QUEUE", queue_, "the queue's name");
    options.arguments("VALUE", values_, "the values", false);
  }

  Exit run(Context& context) override {
    if (int{!values_.empty()} + int{!lines_.empty()} + int{stdin_} != 1)
      refuse(Errc::invalid_argument, "put what? give VALUEs, --each-line FILE or --stdin");
    put_.timeout = nowait_ ? Duration{0} : timeout_.value_or(forever);
    try {
      put_all(context);
    } catch (const QueueFull&) {
      const bool late = !nowait_ && timeout_;
      fail_after_some({late ? Errc::timed_out : Errc::queue_full,
                       fmt::format("queue {} is full{}", queue_,
                                   late ? " since " + format_duration(*timeout_) : std::string{})});
    } catch (const Exception& error) {
      fail_after_some({error.code(), error.what()});
    }
    if (context.json())
      context.out().line(json_changed("put", queue_, count_));
    else if (!context.quiet())
      context.out().line(fmt::format("queue {}: {} put", queue_, count_of(count_, "value")));
    return Exit::ok;
  }

 private:
  // So that whoever reads it can go on behind the values that are in the queue.
  [[noreturn]] void fail_after_some(const Error& error) {
    if (unsure_ == 1 && error.code != Errc::unavailable) unsure_ = 0;  // refused by itself
    std::string done = count_ == 0   ? "nothing was put"
                       : count_ == 1 ? "the first value was put"
                                     : fmt::format("the first {} were put", count_of(count_, "value"));
    if (unsure_ > 0) done += fmt::format(", but perhaps some of the next {}", count_of(unsure_, "value"));
    throw PartlyDone({error.code, fmt::format("{}; {}", error.detail, done)},
                     {{"put", count_}, {"unsure", unsure_}});
  }

  void put_all(Context& context) {
    if (put_.timeout != forever) batch_values_ = is_bounded(context) ? 1 : put_batch_values;
    for (const std::string& value : values_) add(context, value);
    if (stdin_) add(context, take(take(Input::open("-")).read_all(value_bytes_max)));
    if (!lines_.empty()) {
      const std::unique_ptr<Elements> lines = line_elements(take(Input::open(lines_)));
      for (auto line = take(lines->next()); line; line = take(lines->next())) add(context, *line);
    }
    flush(context);
  }

  // Values that travel together may overtake one that finds no room. Where that can be, each goes by itself, so that
  // those that were put are always the first ones.
  bool is_bounded(Context& context) const {
    try {
      return context.client().queue(queue_).info().maxsize > 0;
    } catch (const NotFound&) {  // the first value makes it
      return false;
    }
  }

  void add(Context& context, std::string_view value) {
    if (encoding_ == "json") {
      const Result<void> valid = check_json(value);
      if (!valid) refuse(Errc::invalid_argument, "'{}': {}", value.substr(0, 60), valid.error().detail);
      // Whoever gets it may be a Python program.
      if (const auto readable = pickle::from_payload(Encoding::json, value); !readable)
        refuse(Errc::invalid_argument, "'{}': {}", value.substr(0, 60), readable.error().detail);
    }
    batch_bytes_ += value.size();
    batch_.emplace_back(std::string(value), encoding_ == "json" ? Encoding::json : Encoding::raw);
    if (batch_.size() >= batch_values_ || batch_bytes_ >= put_batch_bytes) flush(context);
  }

  void flush(Context& context) {
    batch_bytes_ = 0;
    if (batch_.empty()) return;
    Client& client = context.client();
    unsure_ = batch_.size();
    client.queue(queue_).put_many(std::exchange(batch_, {}), put_);
    count_ += std::exchange(unsure_, 0);
  }

  std::string queue_, encoding_, lines_;
  std::vector<std::string> values_;
  bool stdin_ = false, nowait_ = false;
  std::optional<Duration> timeout_;
  PutOptions put_;
  std::vector<Payload> batch_;
  std::size_t batch_values_ = put_batch_values;
  std::size_t batch_bytes_ = 0;
  std::uint64_t count_ = 0;   // values that are in the queue: the first ones
  std::uint64_t unsure_ = 0;  // of a batch that failed: some may be in the queue
};

void print_item(Context& context, const Item& item) {
  if (context.json()) {
    context.out().line(json_item(item));
    return;
  }
  if (item.from.job != 0 && item.from_state != TaskState::succeeded)
    context.complain_in_lines(fmt::format("task {} {}", to_string(item.from),
                                          ending_of(item.from_state, without_echo(item.error))));
  const std::string text = payload_text(item.bytes, item.encoding);
  context.out().write(text);
  if (!text.ends_with('\n')) context.out().write("\n");
}

class QueueGet final : public Command {
 public:
  void declare(Options& options) override {
    options.number("-n,--count", count_, "N", "so many values, waiting for each (default: 1)");
    options.flag("--nowait", nowait_, "fail at once when the queue is empty or not there");
    options.duration("--timeout", timeout_, "how long to wait for the next value (default: for ever)");
    options.flag("--task-done", task_done_, "count the values as done, for those who join the queue");
    options.argument("QUEUE", name_, "the queue's name");
  }

  Exit run(Context& context) override {
    Queue queue = context.client().queue(name_);
    for (std::uint64_t left = count_; left > 0;) {
      const std::vector<Item> items = next(queue, left);
      for (const Item& item : items) print_item(context, item);
      context.out().flush();  // a taken value is nowhere else any more
      if (task_done_) queue.task_done(items.size());
      left -= items.size();
    }
    return Exit::ok;
  }

 private:
  std::vector<Item> next(Queue& queue, std::uint64_t left) {
    constexpr std::uint64_t at_once = 1000;
    try {
      return queue.get_many(std::min(left, at_once), nowait_ ? Duration{0} : timeout_.value_or(forever));
    } catch (const QueueEmpty&) {
      const std::string why = why_nothing_came(queue);
      if (nowait_ || !timeout_) refuse(Errc::queue_empty, "{}", why);
      refuse(Errc::timed_out, "{}; timed out after {}", why, format_duration(*timeout_));
    }
  }

  std::string why_nothing_came(const Queue& queue) const {
    try {
      const QueueInfo info = queue.info();
      if (info.paused && info.ready > 0)
        return fmt::format("queue {} is paused, and {} in it: 'reeve queue resume {}' lets it go on", name_,
                           info.ready == 1 ? "1 value waits" : count_of(info.ready, "value") + " wait",
                           name_);
    } catch (const NotFound&) {
      if (nowait_) throw;  // a name that is not there is more likely a slip than an empty queue
    }
    return fmt::format("queue {} is empty", name_);
  }

  std::string name_;
  std::uint64_t count_ = 1;
  bool nowait_ = false, task_done_ = false;
  std::optional<Duration> timeout_;
};

class QueuePeek final : public Command {
 public:
  void declare(Options& options) override {
    options.number("-n,--count", count_, "N", "so many values, or fewer (default: 1)");
    options.argument("QUEUE", name_, "the queue's name");
  }

  Exit run(Context& context) override {
    const std::vector<Item> items = context.client().queue(name_).peek(count_);
    if (items.empty()) refuse(Errc::queue_empty, "queue {} is empty", name_);
    for (const Item& item : items) print_item(context, item);
    return Exit::ok;
  }

 private:
  std::string name_;
  std::uint32_t count_ = 1;
};

}  // namespace

const CommandEntry queue_put_entry{"queue put", "Put values into a queue",
                                   "Examples:\n"
                                   "  reeve queue put numbers 1 2 3 --encoding json\n"
                                   "  reeve queue put words --each-line /usr/share/dict/words\n"
                                   "Exit code 1: the queue is full; 124: and stayed full for the given time.",
                                   make_command<QueuePut>};
const CommandEntry queue_get_entry{
    "queue get", "Take values out of a queue and print them",
    "One value in each line; what Python put there is shown as JSON, or by "
    "its class and size. Exit code 1: the "
    "queue is empty; 124: and stayed empty for the given time. A queue that is not there is "
    "made by a get that waits, and an error (4) to --nowait.",
    make_command<QueueGet>};
const CommandEntry queue_peek_entry{"queue peek", "Print what is next in a queue, and leave it there", "",
                                    make_command<QueuePeek>};

}  // namespace reeve::cli
