// StopSignal: how the loop thread reaches the attempt that runs in one slot.
//
// Owner: the slot's thread.  Thread: begin, end and everything a runner calls: the slot's thread;
// stop_if_running: any thread.  Always: a stop that is asked for after begin() wakes whoever waits on fd(); a
// stop that was asked for before is seen by the first stopped(). A wake-up may be left over from an earlier
// attempt: look at stopped().
#pragma once

#include <atomic>

#include "common/base/time.h"
#include "worker/work.h"

namespace reeve::worker {

class StopSignal {
 public:
  StopSignal();                             // aborts when the system has no file descriptor left
  explicit StopSignal(int fd) : fd_(fd) {}  // an eventfd that somebody else may write to as well; takes it
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  // `started` is when the attempt began: the time limit counts from it.
  void begin(const Work& work, const std::atomic<StopReason>& reason, TimePoint started);
  void end();

  StopReason reason() const { return reason_->load(std::memory_order_relaxed); }
  bool stopped() const { return reason() != StopReason::none; }
  TimePoint deadline() const { return deadline_; }  // TimePoint::max(): no limit
  bool past_deadline() const { return deadline_ != TimePoint::max() && mono_now() >= deadline_; }

  // Readable when stopped() may have changed; drain() makes it unreadable again.
  int fd() const { return fd_; }
  void drain() const;

  // Returns when stopped, or at `until` or the deadline, whichever comes first.
  void wait_until(TimePoint until) const;

  // Wakes the slot if it runs the attempt with this stop flag, which the caller has set.
  void stop_if_running(const std::atomic<StopReason>& reason);

 private:
  void wake() const;

  std::atomic<const std::atomic<StopReason>*> running_{nullptr};
  const std::atomic<StopReason>* reason_ = nullptr;
  TimePoint deadline_ = TimePoint::max();
  int fd_ = -1;
};

}  // namespace reeve::worker
