// ChildRunner: a slot of the process pool: has functions run by a child process of its own (pool_child.h), so
// that a function that crashes or cannot be stopped takes nothing with it but that child and that attempt.
//
// The child is started with the slot, replaced when it has died or has run tasks_max tasks, and killed when a
// task is over its time limit. Children that die at their start are started again with growing waits.
//
// Owner: a slot of the pool.  Thread: the slot's.
#pragma once

#include <atomic>
#include <memory>
#include <random>

#include "common/base/backoff.h"
#include "common/base/result.h"
#include "worker/pools/pool_child.h"
#include "worker/processes/long_lived.h"
#include "worker/runners/runner.h"

namespace reeve::worker {

struct ChildOptions {
  ChildSetup setup;
  std::uint64_t tasks_max = 0;  // a child runs; 0: as many as there are
  Duration kill_grace = std::chrono::seconds{5};
  Duration time_limit_slack = std::chrono::milliseconds{20};  // in which a function can notice by itself
  unsigned starts_max = 3;  // in a row that fail, before the attempt that needs the child fails
  Backoff restart{.first = std::chrono::milliseconds{100}, .max = std::chrono::seconds{10}};
};

class ChildRunner : public Runner {
 public:
  ChildRunner(ChildOptions options, std::atomic<pid_t>* group = nullptr);
  ~ChildRunner() override;

  void run(const Work& work, StopSignal& stop, Outcome& outcome) override;

 private:
  struct Child;

  Result<void> start();
  Result<void> make_ready(StopSignal& stop);
  Result<void> await_ready(StopSignal& stop);
  std::string request_for(const Work& work);
  LongLived::Manners manners(StopSignal& stop, TimePoint deadline);
  void retire();

  const ChildOptions options_;
  std::atomic<pid_t> own_entry_{0};
  std::atomic<pid_t>& group_;
  std::unique_ptr<Child> child_;
  std::uint32_t failed_starts_ = 0;  // since the last child that was ready
  TimePoint start_after_{};
  std::minstd_rand random_{std::random_device{}()};
};

}  // namespace reeve::worker
