#include "worker/pools/pool.h"

#include <sched.h>
#include <signal.h>

#include <algorithm>

namespace reeve::worker {
namespace {

constexpr Duration brief_run_max = std::chrono::microseconds{20};
constexpr unsigned brief_runs_min =
    16;  // of the same function in a row: then the next one will be brief as well
constexpr unsigned announce_max = 128;  // outcomes that may wait for an announcement
constexpr Duration announce_late_max = std::chrono::microseconds{200};

}  // namespace

// Batch: what one slot has finished and not announced, and how long its recent attempts took.
class Pool::Batch {
 public:
  explicit Batch(Pool& pool) : pool_(pool) { set_clock(); }

  // The end of the last attempt, or of the wait for this one: when the next one starts.
  TimePoint mono() const { return mono_; }
  WallTime wall() const { return WallTime{mono_.time_since_epoch() + wall_offset_}; }
  void set_clock() {
    mono_ = mono_now();
    wall_offset_ = wall_now().time_since_epoch() - mono_.time_since_epoch();
  }

  void before(const TaskSpec* spec) {
    if (spec != spec_) {
      spec_ = spec;
      brief_runs_ = 0;
    }
    if (waiting_ > 0 && brief_runs_ < brief_runs_min) announce();  // what comes now may take long
  }

  Duration after() {
    const TimePoint end = mono_now();
    const Duration run = end - mono_;
    mono_ = end;
    brief_runs_ = run <= brief_run_max ? brief_runs_ + 1 : 0;
    return run;
  }

  void add() {
    if (waiting_++ == 0) first_ = mono_;
    if (waiting_ >= announce_max || mono_ - first_ >= announce_late_max) announce();
  }

  void announce() {
    if (waiting_ == 0) return;
    waiting_ = 0;
    pool_.announce();
  }

 private:
  Pool& pool_;
  TimePoint mono_{};
  Duration wall_offset_{0};
  const TaskSpec* spec_ = nullptr;  // only compared: the function of the last attempts
  unsigned brief_runs_ = 0;
  unsigned waiting_ = 0;
  TimePoint first_{};
};

Pool::Pool(PoolOptions options, MakeRunner make_runner, std::function<void()> notify)
    : options_(options), notify_(std::move(notify)), queue_(options.queue_max) {
  // Signals are for the loop thread. Commands undo this before they run a program. But SIGCHLD, which nobody
  // handles, is thrown away only where it is not blocked; elsewhere each program's end would wake the loop.
  sigset_t all, before;
  sigfillset(&all);
  sigdelset(&all, SIGCHLD);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  slots_.reserve(options_.slots);
  for (unsigned i = 0; i < options_.slots; ++i) slots_.push_back(std::make_unique<Slot>());
  for (unsigned i = 0; i < options_.slots; ++i)
    slots_[i]->thread = std::thread([this, i, make_runner] { run_slot(i, make_runner); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Pool::~Pool() {
  closing_.store(true);
  wake_ups_.fetch_add(1);
  wake_ups_.notify_all();
  for (const auto& slot : slots_) slot->thread.join();
}

// ---------------------------------------------------------------- the loop thread

void Pool::start(std::span<Attempt* const> attempts) {
  if (attempts.empty()) return;
  queue_.push(attempts);
  // A slot that does not see this work yet is counted here, and one that is not counted will look again.
  std::size_t wanted = attempts.size();
  if (lingering_.load(std::memory_order_seq_cst)) --wanted;
  wake(wanted);
}

bool Pool::start_here(Attempt& attempt, Runner& runner) {
  Attempt* const pushed = &attempt;
  queue_.push({&pushed, 1});
  if (queue_.take() == nullptr) return false;
  Batch batch{*this};
  run_one(attempt, runner, here_, batch);
  return true;
}

void Pool::wake(std::size_t wanted) {
  if (wanted == 0 || sleepers_.load(std::memory_order_seq_cst) == 0) return;
  wake_ups_.fetch_add(1, std::memory_order_seq_cst);
  if (wanted == 1)
    wake_ups_.notify_one();
  else
    wake_ups_.notify_all();
}

void Pool::stop(Attempt& attempt) {
  for (const auto& slot : slots_) slot->stop.stop_if_running(attempt.stop);
}

void Pool::withdraw(std::size_t count, std::vector<Attempt*>& out) {
  for (; count > 0; --count) {
    Attempt* attempt = queue_.take();
    if (attempt == nullptr) return;
    out.push_back(attempt);
  }
}

void Pool::collect(std::vector<Attempt*>& out) {
  announced_.exchange(false, std::memory_order_acq_rel);  // whoever finishes from here on announces it again
  const auto first = static_cast<std::ptrdiff_t>(out.size());
  for (Attempt* attempt = done_.exchange(nullptr, std::memory_order_acquire); attempt != nullptr;) {
    out.push_back(attempt);
    attempt = attempt->next;
  }
  std::reverse(out.begin() + first, out.end());
}

// ---------------------------------------------------------------- the slots' threads

void Pool::run_slot(unsigned index, const MakeRunner& make_runner) {
  const std::unique_ptr<Runner> runner = make_runner(index);
  Batch batch{*this};
  for (;;) {
    Attempt* attempt = queue_.take();
    if (attempt == nullptr) {
      batch.announce();
      attempt = wait_for_work();
      if (attempt == nullptr) return;
      batch.set_clock();
    }
    run_one(*attempt, *runner, slots_[index]->stop, batch);
  }
}

void Pool::run_one(Attempt& attempt, Runner& runner, StopSignal& stop, Batch& batch) {
  batch.before(attempt.work.spec.get());
  attempt.outcome.started = batch.wall();
  stop.begin(attempt.work, attempt.stop, batch.mono());
  if (const StopReason reason = attempt.stop.load(std::memory_order_seq_cst); reason != StopReason::none)
    set_stopped(attempt.outcome, reason);
  else if (batch.mono() >= lease_end_.load(std::memory_order_relaxed))
    attempt.too_late = true;
  else
    runner.run(attempt.work, stop, attempt.outcome);
  stop.end();
  attempt.outcome.run = batch.after();

  attempt.next = done_.load(std::memory_order_relaxed);
  while (!done_.compare_exchange_weak(attempt.next, &attempt, std::memory_order_release,
                                      std::memory_order_relaxed)) {
  }
  batch.add();
}

void Pool::announce() {
  if (!announced_.exchange(true, std::memory_order_acq_rel)) notify_();
}

// Null: the pool closes and the queue is empty.
Attempt* Pool::wait_for_work() {
  if (Attempt* attempt = linger()) return share_the_rest(attempt);
  sleepers_.fetch_add(1, std::memory_order_seq_cst);
  Attempt* attempt = nullptr;
  for (;;) {
    const std::uint32_t seen = wake_ups_.load(std::memory_order_seq_cst);
    attempt = queue_.take();
    if (attempt != nullptr || closing_.load()) break;
    wake_ups_.wait(seen, std::memory_order_seq_cst);
  }
  sleepers_.fetch_sub(1, std::memory_order_seq_cst);
  return share_the_rest(attempt);
}

// start() may have counted on one lingering slot several times, so whoever found work wakes another for what is
// left, and that one the next.
Attempt* Pool::share_the_rest(Attempt* attempt) {
  if (attempt != nullptr && !queue_.empty()) wake(1);
  return attempt;
}

Attempt* Pool::linger() {
  if (options_.linger <= Duration::zero() || lingering_.exchange(true, std::memory_order_seq_cst))
    return nullptr;
  const TimePoint until = mono_now() + options_.linger;
  Attempt* attempt = queue_.take();
  while (attempt == nullptr && mono_now() < until && !closing_.load(std::memory_order_relaxed)) {
    ::sched_yield();
    attempt = queue_.take();
  }
  lingering_.store(false, std::memory_order_seq_cst);
  return attempt;
}

}  // namespace reeve::worker
