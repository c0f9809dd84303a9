// LeaseTable remembers who holds which task: workers hold attempts, client sessions hold values that they
// were sent and have not acknowledged.
//
// Owner: Broker.  Thread: the loop thread.  No I/O, no clock.
// Always: a task in state leased stands here exactly once, under the holder and slot that its Task names.
#pragma once

#include <cstdint>
#include <vector>

#include "common/base/ids.h"
#include "master/core/chunk.h"

namespace reeve::master {

using HolderId = std::uint32_t;

struct Lease {
  TaskRef ref;
  Epoch epoch;  // in which it was granted: a lease outlives a restart of the master
  Fence fence() const { return {epoch, ref.id(), ref.task().attempt}; }
};

class LeaseTable {
 public:
  HolderId add_holder();
  void remove_holder(HolderId holder);  // Pre: it holds nothing

  void grant(HolderId holder, TaskRef ref, Epoch epoch);  // Pre: nobody holds it
  void release(const TaskRef& ref);                       // Pre: somebody holds it
  bool held_by(const TaskRef& ref, HolderId holder) const;
  const Lease& lease(const TaskRef& ref) const;  // Pre: somebody holds it
  const std::vector<Lease>& of(HolderId holder) const { return holders_[holder]; }
  std::size_t count(HolderId holder) const { return holders_[holder].size(); }

 private:
  std::vector<std::vector<Lease>> holders_;
  std::vector<HolderId> free_;
};

}  // namespace reeve::master
