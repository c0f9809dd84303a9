// Timers: what is to be looked at, and when. Entries are hints: whoever handles one checks whether it still
// applies, so nothing is ever removed before its time.
#pragma once

#include <cstdint>
#include <optional>
#include <queue>
#include <vector>

#include "common/base/time.h"
#include "master/core/chunk.h"

namespace reeve::master {

struct Timer {
  enum class Kind : std::uint8_t {
    task_due,
    waiter,
    worker_lease,
    watch,
    client_gone,
    recovery_ends,
    retention
  };
  TimePoint at{};
  Kind kind = Kind::task_due;
  std::uint64_t id = 0;  // of the waiter, worker, job or client; task_due: how many neighbours from ref on
  TaskRef ref;           // task_due
  std::uint32_t attempt = 0;  // task_due: the last one granted when the wait began; a later one ended it
};

class Timers {
 public:
  void add(Timer timer) { heap_.push(std::move(timer)); }
  std::optional<TimePoint> next() const {
    return heap_.empty() ? std::nullopt : std::optional{heap_.top().at};
  }
  // The earliest timer at or before `now`.
  std::optional<Timer> pop_due(TimePoint now) {
    if (heap_.empty() || heap_.top().at > now) return std::nullopt;
    Timer timer = heap_.top();
    heap_.pop();
    return timer;
  }

 private:
  struct Later {
    bool operator()(const Timer& a, const Timer& b) const { return a.at > b.at; }
  };
  std::priority_queue<Timer, std::vector<Timer>, Later> heap_;
};

}  // namespace reeve::master
