// Runner: runs one attempt at a time on the thread that calls it, to its end, and says how it ended.
#pragma once

#include "worker/runners/stop_signal.h"
#include "worker/work.h"

namespace reeve::worker {

class Runner {
 public:
  virtual ~Runner() = default;
  // Fills `outcome` (fresh) except attempt, started and run. Ends soon after `stop` asks for it or the time
  // limit has passed. Throws nothing.
  virtual void run(const Work& work, StopSignal& stop, Outcome& outcome) = 0;
};

inline void set_failed(Outcome& outcome, std::string error) {
  outcome.state = TaskState::failed;
  outcome.error = std::move(error);
}

// For a runner that ended its attempt because of `stop`.
void set_stopped(Outcome& outcome, StopReason reason);
void set_timed_out(Outcome& outcome, Duration time_limit);

}  // namespace reeve::worker
