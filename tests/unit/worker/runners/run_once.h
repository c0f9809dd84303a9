// RunOnce: a runner's surroundings as a pool's slot makes them, for one attempt at a time.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "worker/runners/runner.h"

namespace reeve::worker {

class RunOnce {
 public:
  Outcome operator()(Runner& runner, TaskSpec spec, std::string payload = {}) {
    return (*this)(runner, std::make_shared<const TaskSpec>(std::move(spec)), std::move(payload));
  }
  Outcome operator()(Runner& runner, std::shared_ptr<const TaskSpec> spec, std::string payload = {}) {
    const Work work{
        .fence = {Epoch{1}, {JobId{17}, 3}, 2}, .spec = std::move(spec), .payload = std::move(payload)};
    Outcome outcome;
    signal_.begin(work, stop_, mono_now());
    runner.run(work, signal_, outcome);
    signal_.end();
    EXPECT_EQ(outcome.error.empty(), outcome.state == TaskState::succeeded) << outcome.error;
    return outcome;
  }

  void stop(StopReason reason) {
    stop_.store(reason);
    signal_.stop_if_running(stop_);
  }
  void reset() { stop_.store(StopReason::none); }

 private:
  StopSignal signal_;
  std::atomic<StopReason> stop_{StopReason::none};
};

}  // namespace reeve::worker
