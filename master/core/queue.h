// Queue: a named container of tasks and values, with the clients that wait at it.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "master/core/lane.h"
#include "master/core/records.h"
#include "master/core/views.h"

namespace reeve::master {

using WaiterId = std::uint64_t;

// Thread: the loop thread.  Always: counts speak of the unfinished tasks and values that live here.
struct Queue {
  std::string name;
  QueueKind kind = QueueKind::fifo;
  std::uint64_t maxsize = 0;  // 0: no bound
  bool paused = false;
  std::uint32_t purges = 0;       // that are under way
  std::string function, results;  // of the tasks that values become; empty: they stay values, no results
  bool ack_task_done = false;     // a Python client that takes a value owns it when it calls task_done
  Counts counts;
  std::uint64_t taken = 0;                     // values that a client took and did not call task_done for
  JobId values_job;                            // carries the plain values; none before the first
  std::shared_ptr<const TaskSpec> value_spec;  // of the last put: puts that look alike share it
  std::vector<std::unique_ptr<Lane>> lanes;    // few; by order of creation
  // Blocked clients, longest first. Ids of waiters that ended may stand here: they are skipped.
  std::deque<WaiterId> getters, putters, joiners;
  std::uint64_t getting = 0, putting = 0, joining = 0;  // how many of them are still there
  bool admitting = false;                               // some of what a blocked put holds is let in just now

  std::uint64_t size() const { return counts[TaskState::waiting] + counts[TaskState::ready]; }
  std::uint64_t room() const {
    if (maxsize == 0) return ~std::uint64_t{0};
    return size() >= maxsize ? 0 : maxsize - size();
  }
  bool gives() const { return !paused && purges == 0; }  // what is in it may be handed out
  std::uint64_t unfinished() const { return counts.unfinished() + taken; }
  QueueRecord record() const {
    return {name, kind, maxsize, paused, taken, function, results, ack_task_done};
  }
  Lane& lane(FunctionId of) {
    for (const auto& lane : lanes)
      if (lane->function() == of) return *lane;
    return *lanes.emplace_back(std::make_unique<Lane>(*this, of, kind));
  }
};

}  // namespace reeve::master
