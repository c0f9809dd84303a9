// Timers: what is to be looked at, and when. Entries are hints: whoever handles one checks whether it still
// applies. Those of tasks that ended before their time are dropped when there may be many of them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "common/base/time.h"
#include "master/core/chunk.h"

namespace reeve::master {

struct Timer {
  enum class Kind : std::uint8_t { task_due, worker_lease, watch, client_gone, recovery_ends, retention };
  TimePoint at{};
  Kind kind = Kind::task_due;
  std::uint64_t id = 0;       // of the worker, job or client; task_due: how many neighbours from ref on
  TaskRef ref;                // task_due
  std::uint32_t attempt = 0;  // task_due: the last one granted when the wait began; a later one ended it
};

class Timers {
 public:
  void add(Timer timer) {
    if (heap_.size() >= sweep_at_) sweep();
    heap_.push_back(std::move(timer));
    std::ranges::push_heap(heap_, Later{});
  }
  std::optional<TimePoint> next() const {
    return heap_.empty() ? std::nullopt : std::optional{heap_.front().at};
  }
  // The earliest timer at or before `now`.
  std::optional<Timer> pop_due(TimePoint now) {
    if (heap_.empty() || heap_.front().at > now) return std::nullopt;
    std::ranges::pop_heap(heap_, Later{});
    Timer timer = std::move(heap_.back());
    heap_.pop_back();
    return timer;
  }
  std::size_t size() const { return heap_.size(); }

 private:
  struct Later {
    bool operator()(const Timer& a, const Timer& b) const { return a.at > b.at; }
  };
  // Seldom enough to cost less than what was added since the last time.
  void sweep() {
    std::erase_if(heap_, [](const Timer& timer) {
      return timer.kind == Timer::Kind::task_due && timer.ref.chunk && !timer.ref.chunk->tasks;
    });
    std::ranges::make_heap(heap_, Later{});
    sweep_at_ = std::max(sweep_min, 2 * heap_.size());
  }

  static constexpr std::size_t sweep_min = 64;
  std::vector<Timer> heap_;
  std::size_t sweep_at_ = sweep_min;
};

}  // namespace reeve::master
