#include "master/core/lease_table.h"

#include <utility>

#include "common/base/assert.h"

namespace reeve::master {

HolderId LeaseTable::add_holder() {
  if (!free_.empty()) {
    const HolderId holder = free_.back();
    free_.pop_back();
    return holder;
  }
  holders_.emplace_back();
  return static_cast<HolderId>(holders_.size() - 1);
}

void LeaseTable::remove_holder(HolderId holder) {
  ASSERT(holders_[holder].empty());
  holders_[holder].shrink_to_fit();
  free_.push_back(holder);
}

void LeaseTable::grant(HolderId holder, TaskRef ref, Epoch epoch) {
  Task& task = ref.task();
  auto& leases = holders_[holder];
  task.lease.holder = holder;
  task.lease.slot = static_cast<std::uint32_t>(leases.size());
  leases.push_back({std::move(ref), epoch});
}

void LeaseTable::release(const TaskRef& ref) {
  const Task& task = ref.task();
  auto& leases = holders_[task.lease.holder];
  ASSERT(task.lease.slot < leases.size() && leases[task.lease.slot].ref.chunk == ref.chunk);
  const std::uint32_t slot = task.lease.slot;
  if (slot + 1 != leases.size()) {
    leases[slot] = std::move(leases.back());
    leases[slot].ref.task().lease.slot = slot;
  }
  leases.pop_back();
}

bool LeaseTable::held_by(const TaskRef& ref, HolderId holder) const {
  return ref.is(TaskState::leased) && ref.task().lease.holder == holder;
}

const Lease& LeaseTable::lease(const TaskRef& ref) const {
  const Task& task = ref.task();
  ASSERT(task.lease.slot < holders_[task.lease.holder].size());
  return holders_[task.lease.holder][task.lease.slot];
}

}  // namespace reeve::master
