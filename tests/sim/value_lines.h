// ValueLines: where every value stands. Values leave a queue in the order in which they came; those that were in the hands of a
// client whose session ends go back to the front, in that order.
//
// It hears what the master keeps, and is asked at each value that is handed out.
//
// Owner: History.
#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "common/base/ids.h"
#include "master/core/records.h"
#include "tests/sim/disk.h"

namespace reeve::sim {

class ValueLines {
 public:
  void kept(const master::Record& record) {
    if (const auto* chunk = std::get_if<master::ChunkRecord>(&record)) {
      if (!chunk->spec->is_value()) return;
      const auto count = static_cast<std::uint32_t>(chunk->payloads->size());
      chunks_[{chunk->job, chunk->first}] = count;
      for (std::uint32_t i = 0; i < count; ++i) {
        const TaskId value{chunk->job, chunk->first + i};
        came_[value] = {next_order_++, chunk->spec->queue};
        lines_[chunk->spec->queue].push_back(value);
      }
    } else if (const auto* outcome = std::get_if<master::OutcomeRecord>(&record)) {
      leave(outcome->task);
    } else if (const auto* erased = std::get_if<master::ChunkErased>(&record)) {
      const auto count = chunks_.find({erased->job, erased->first});
      for (std::uint32_t i = 0; count != chunks_.end() && i < count->second; ++i)
        leave({erased->job, erased->first + i});
    }
  }

  // Whether it was the first in its line.
  bool handed_out(const TaskId& value, SessionId to) {
    auto& line = lines_[came_[value].queue];
    const bool first = !line.empty() && line.front() == value;
    std::erase(line, value);
    hands_[to].insert(value);
    return first;
  }

  void session_ended(SessionId id) {
    for (const TaskId& value : in_order(std::exchange(hands_[id], {}), std::greater<>{}))
      lines_[came_[value].queue].push_front(value);
    hands_.erase(id);
  }

  void restarted(const Disk& disk) {
    lines_.clear();
    hands_.clear();
    std::erase_if(came_, [&disk](const auto& value) { return !disk.holds_value(value.first); });
    std::set<TaskId> all;
    for (const auto& [value, came] : came_) all.insert(value);
    for (const TaskId& value : in_order(all, std::less<>{})) lines_[came_[value].queue].push_back(value);
  }

 private:
  struct Came {
    std::uint64_t order = 0;
    std::string queue;
  };

  template <typename Compare>
  std::vector<TaskId> in_order(const std::set<TaskId>& values, Compare compare) const {
    std::vector<TaskId> sorted(values.begin(), values.end());
    std::ranges::sort(sorted, compare, [this](const TaskId& value) { return came_.at(value).order; });
    return sorted;
  }

  void leave(const TaskId& value) {
    const auto came = came_.find(value);
    if (came == came_.end()) return;
    std::erase(lines_[came->second.queue], value);
    for (auto& [session, values] : hands_) values.erase(value);
  }

  std::map<TaskId, Came> came_;
  std::map<std::string, std::deque<TaskId>> lines_;
  std::map<SessionId, std::set<TaskId>> hands_;
  std::map<std::pair<JobId, std::uint32_t>, std::uint32_t> chunks_;
  std::uint64_t next_order_ = 0;
};

}  // namespace reeve::sim
