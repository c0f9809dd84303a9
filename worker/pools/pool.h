// Pool: N slots, each a thread with a runner of its own, that run what the loop thread lends them.
//
// The thread pool and the process pool differ only in the runner of a slot (pools/slot_runner.h,
// pools/child_runner.h). Work is handed over in batches; outcomes come back in batches, with one wake-up of
// the loop for many short attempts, but none of them waits behind a long one.
//
// Owner: WorkerApp.  Thread: all calls on the loop thread; `notify` is called on the slots' threads.
// Always: an attempt that was started is handed out again by collect() or withdraw(), exactly once.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "worker/pools/attempt_queue.h"
#include "worker/runners/runner.h"

namespace reeve::worker {

struct PoolOptions {
  unsigned slots = 1;
  std::size_t queue_max = 8192;  // attempts queued at once
  // How long a slot that ran out of work looks for more before it sleeps; one slot at a time does so, and
  // gives way to whoever else wants the processor. Waking a sleeping thread takes up to 50 us on a virtual
  // machine.
  Duration linger = std::chrono::microseconds{50};
};

class Pool {
 public:
  using MakeRunner = std::function<std::unique_ptr<Runner>(unsigned slot)>;

  // `make_runner` is called once on each slot's thread. `notify` says that collect() is worth calling.
  Pool(PoolOptions options, MakeRunner make_runner, std::function<void()> notify);
  ~Pool();  // waits for what runs
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  void start(std::span<Attempt* const> attempts);
  // As start(), but runs it here and now. False: a slot was faster. Pre: the pool has nothing else.
  bool start_here(Attempt& attempt, Runner& runner);
  void stop(Attempt& attempt);  // its `stop` is set
  // From then on nothing begins: what a slot takes is marked `too_late`. A process that stood still finds work that
  // was given to others meanwhile, here and in its socket, and its slots may run before its loop does.
  void set_lease_end(TimePoint end) { lease_end_.store(end, std::memory_order_relaxed); }
  // Takes up to `count` attempts back from the front of the queue.
  void withdraw(std::size_t count, std::vector<Attempt*>& out);
  // Appends what has finished since the last call. Not later than a few milliseconds after notify, and now
  // and then without it: the outcomes of short attempts are announced late when the next one turns out to be
  // long.
  void collect(std::vector<Attempt*>& out);
  std::uint64_t taken() const { return queue_.taken(); }

 private:
  struct Slot {
    StopSignal stop;
    std::thread thread;
  };
  class Batch;

  void run_slot(unsigned index, const MakeRunner& make_runner);
  void run_one(Attempt& attempt, Runner& runner, StopSignal& stop, Batch& batch);
  Attempt* wait_for_work();
  Attempt* linger();
  Attempt* share_the_rest(Attempt* attempt);
  void wake(std::size_t wanted);  // slots that sleep
  void announce();

  const PoolOptions options_;
  const std::function<void()> notify_;
  AttemptQueue queue_;
  std::atomic<bool> closing_{false};
  std::atomic<TimePoint> lease_end_{TimePoint::max()};

  // Eventcount: a slot that sleeps waits for wake_ups_ to change.
  std::atomic<std::uint32_t> wake_ups_{0};
  std::atomic<unsigned> sleepers_{0};
  std::atomic<bool> lingering_{false};

  alignas(64) std::atomic<Attempt*> done_{nullptr};  // last finished first
  std::atomic<bool> announced_{false};  // notify was called, or the loop thread is looking anyway

  StopSignal here_;  // of what the loop thread runs itself
  std::vector<std::unique_ptr<Slot>> slots_;
};

}  // namespace reeve::worker
