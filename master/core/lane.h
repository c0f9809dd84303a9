// Lane: the ready tasks of one queue that need the same function, in the order in which they go out. A
// function that no worker serves therefore blocks nothing but its own lane.
//
// Thread: the loop thread.  Entries may be stale (their task was cancelled, say, or soon will be with its job): head() drops
// those.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <vector>

#include "master/core/chunk.h"

namespace reeve::master {

class Lane {
 public:
  struct Entry {
    TaskRef ref;
    std::uint64_t order = 0;  // of becoming ready, over all lanes
  };
  struct Head {
    TaskRef ref;
    std::int32_t priority = 0;
    std::uint64_t order = 0;
  };

  Lane(Queue& queue, FunctionId function, QueueKind kind)
      : queue_(&queue), function_(function), kind_(kind) {}

  void push(TaskRef ref, std::int32_t priority, std::uint64_t order);
  void push_front(TaskRef ref, std::int32_t priority);  // it was taken before and came back
  void push_front(std::vector<Entry> entries, std::int32_t priority);

  const Head* head();  // the next to go out; null when there is none
  void pop();          // Pre: head() is not null

  // Up to `limit` entries in order, without taking them.
  std::vector<TaskRef> first(std::size_t limit) const;

  // A task that stands here became final. What nobody takes from the front does not gather for ever behind it.
  void one_is_stale();

  std::size_t entries() const { return entries_; }  // stale ones too
  std::size_t ready() const;                        // how many are none; looks at each

  Queue& queue() const { return *queue_; }
  FunctionId function() const { return function_; }
  bool listed = false;  // the Broker's: stands in its list of lanes with work

 private:
  static bool waits(const Entry& entry);  // to be granted: it is not stale

  Queue* queue_;
  FunctionId function_;
  QueueKind kind_;
  std::map<std::int32_t, std::deque<Entry>, std::greater<>> by_priority_;  // no empty deques
  Head head_;
  std::size_t entries_ = 0;
  std::size_t stale_ = 0;  // at most, of those that became so since the last sweep
};

}  // namespace reeve::master
