// Work: what a runner needs to know about one attempt. Attempt: how the Agent and the pool share one.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "common/base/ids.h"
#include "common/base/task.h"

namespace reeve::worker {

struct Work {
  Fence fence;
  std::shared_ptr<const TaskSpec> spec;
  std::string payload;
};

// Why an attempt should end before its time.
enum class StopReason : std::uint8_t {
  none,
  cancelled,   // the master asked for it
  lease_lost,  // the master has given the task to somebody else, or may do so
  shut_down,   // this worker ends
};

// Attempt: one attempt this worker holds, from its grant until the master has acknowledged its outcome.
//
// Owner: the Agent, which recycles it.  Thread: the loop thread; but between AgentEffects::start and
// Agent::finished or ::withdrawn the attempt is lent to the pool, whose thread writes `outcome` and
// `too_late` and which uses `next`. Only `stop` is touched by both at once.
struct Attempt {
  Work work;
  Outcome outcome;
  std::atomic<StopReason> stop{StopReason::none};
  Attempt* next = nullptr;  // the pool's lists
  bool too_late = false;    // the pool's word: the lease was over when its turn came, and it did not begin

  // The Agent's own notes.
  enum class Phase : std::uint8_t {
    free,
    lent,       // to the pool: queued or running there
    returning,  // not started and to be handed back when there is a connection
    finished,   // its outcome was not sent on this connection
    sent,       // its outcome was sent and not acknowledged
  };
  Phase phase = Phase::free;
  bool abandoned = false;   // the master dropped it: whatever becomes of it is not reported
  std::uint64_t order = 0;  // in which attempts were lent
};

}  // namespace reeve::worker
