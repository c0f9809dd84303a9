// RunnerTest: has a Runner run one task, as a slot of the pool does: the second attempt at task 17.3.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>

#include "worker/runners/runner.h"

namespace reeve::worker {

struct Call {
  std::string function;
  std::string payload = {};
  Encoding encoding = Encoding::json;
  Duration limit = {};
};

class RunnerTest : public testing::Test {
 protected:
  Outcome run(Runner& runner, Call call) {
    auto spec = std::make_shared<TaskSpec>();
    spec->function = std::move(call.function);
    spec->encoding = call.encoding;
    spec->time_limit = call.limit;
    const Work work{.fence = {Epoch{1}, {JobId{17}, 3}, 2}, .spec = spec, .payload = std::move(call.payload)};
    Outcome outcome;
    signal.begin(work, stop, mono_now());
    runner.run(work, signal, outcome);
    signal.end();
    return outcome;
  }

  StopSignal signal;
  std::atomic<StopReason> stop{StopReason::none};
};

}  // namespace reeve::worker
