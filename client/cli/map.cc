// reeve map: a function over many elements, values as they come or in order.
#include <condition_variable>
#include <deque>
#include <mutex>

#include "client/cli/commands.h"
#include "client/cli/elements_option.h"
#include "client/cli/functions.h"
#include "client/cli/interrupt.h"
#include "client/cli/json_text.h"
#include "client/cli/watch.h"

namespace reeve::cli {

namespace {

constexpr std::size_t window_default = 10'000;
constexpr Duration tick = std::chrono::milliseconds{100};

// Futures that became ready, handed from the thread that drives the connection to ours. Shared, because a
// callback may still come while we give up.
class Arrivals {
 public:
  void add(Future future) {
    const std::lock_guard lock(mutex_);
    ready_.push_back(std::move(future));
    arrived_.notify_one();
  }

  std::deque<Future> take(Duration longest) {
    std::unique_lock lock(mutex_);
    arrived_.wait_for(lock, longest, [this] { return !ready_.empty(); });
    return std::exchange(ready_, {});
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Future> ready_;
};

class Map final : public Command {
 public:
  void declare(Options& options) override {
    elements_.declare(options);
    options.flag("--ordered", ordered_, "values in the order of the elements, not as they come");
    options.number("--window", window_, "N", "elements under way at once (default: 10000)");
    call_.declare(options);
    options.argument("FUNCTION", call_.spec.function, "the function's name, as a worker serves it");
  }

  Exit run(Context& context) override {
    if (!elements_.given())
      refuse(Errc::invalid_argument, "over what? give --range A-B, --each-line FILE or --each-json FILE");
    if (window_ == 0) refuse(Errc::invalid_argument, "--window must be above 0");
    const std::unique_ptr<Elements> elements = elements_.open();
    call_.prepare(context);
    pool_.emplace(context.client().pool({.queue = call_.spec.queue, .name = "map " + call_.spec.function}));
    const InterruptWatch interrupt;
    const TimePoint begin = mono_now();
    TroubleWatch trouble(context);
    for (bool more = true; more || under_way_ > 0;) {
      while (more && under_way_ < window_ && !interrupt.interrupted()) more = start_next(*elements);
      collect(context);
      const bool late = call_.timeout && mono_now() - begin >= *call_.timeout;
      if ((interrupt.interrupted() || late) && (more || under_way_ > 0)) {
        pool_->leave();
        collect(context);  // what came in between is not with the master any more
        if (more || under_way_ > 0)
          return left_running(context, {accepted_job(*pool_)}, interrupt.interrupted(),
                              call_.timeout.value_or(Duration{0}));
      }
      if (under_way_ > 0) trouble.look(pool_->job());
    }
    pool_->close();
    if (counts_.total == 0) refuse(Errc::invalid_argument, "there are no elements: nothing was called");
    return exit_of(counts_);
  }

 private:
  // False: there are no more elements.
  bool start_next(Elements& elements) {
    const Result<std::optional<std::string_view>> element = elements.next();
    if (!element) {
      const std::uint64_t job = counts_.finished() + under_way_ > 0 ? pool_->job() : 0;
      if (job == 0) throw_error(element.error());
      refuse(element.error().code,
             "{}; the elements before that are job {}: 'reeve wait {}', 'reeve cancel {}'",
             element.error().detail, job, job, job);
    }
    if (!*element) return false;
    std::string payload;
    if (elements_.lines.empty())
      payload = **element;
    else
      JsonWriter(payload).text(**element);
    ++under_way_;
    if (ordered_) {
      futures_.push_back(pool_->apply_async(call_.spec, std::move(payload)));
    } else {
      pool_->apply_async(call_.spec, std::move(payload),
                         [arrivals = arrivals_](Future future) { arrivals->add(std::move(future)); });
    }
    return true;
  }

  // Prints what has come, waiting for a tick at most.
  void collect(Context& context) {
    if (!ordered_) {
      for (const Future& future : arrivals_->take(tick)) print(context, future);
      return;
    }
    for (Duration patience = tick; !futures_.empty() && futures_.front().wait_for(patience);) {
      patience = Duration{0};
      print(context, futures_.front());
      futures_.pop_front();
    }
  }

  void print(Context& context, const Future& future) {
    --under_way_;
    const Outcome outcome = future.outcome();
    ++counts_.total;
    if (outcome.state == TaskState::succeeded)
      ++counts_.succeeded;
    else
      ++(outcome.state == TaskState::cancelled ? counts_.cancelled : counts_.failed);
    print_value(context, future.task(), outcome);
    if (under_way_ == 0) context.out().flush();
  }

  CallOptions call_;
  ElementsOption elements_;
  bool ordered_ = false;
  std::uint32_t window_ = window_default;
  std::optional<Pool> pool_;
  std::uint64_t under_way_ = 0;
  std::deque<Future> futures_;  // in the order of the elements (--ordered)
  std::shared_ptr<Arrivals> arrivals_ = std::make_shared<Arrivals>();
  Counts counts_;
};

}  // namespace

const CommandEntry map_entry{
    "map", "Call a function for each of many elements and print the values",
    "An element of --each-line is passed as a JSON string, one of --each-json as it is, one of\n"
    "--range as a number. One value in each line; with --json each line names its element.\n"
    "\n"
    "Examples:\n"
    "  reeve map square --range 1-100 --ordered\n"
    "  find . -name '*.png' | reeve map thumbnail --each-line -",
    make_command<Map>};

}  // namespace reeve::cli
