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
  task.holder = holder;
  task.lease_slot = static_cast<std::uint32_t>(leases.size());
  leases.push_back({std::move(ref), epoch});
}

void LeaseTable::release(const TaskRef& ref) {
  const Task& task = ref.task();
  auto& leases = holders_[task.holder];
  ASSERT(task.lease_slot < leases.size() && leases[task.lease_slot].ref.chunk == ref.chunk);
  const std::uint32_t slot = task.lease_slot;
  if (slot + 1 != leases.size()) {
    leases[slot] = std::move(leases.back());
    leases[slot].ref.task().lease_slot = slot;
  }
  leases.pop_back();
}

bool LeaseTable::held_by(const TaskRef& ref, HolderId holder) const {
  return ref.is(TaskState::leased) && ref.task().holder == holder;
}

const Lease& LeaseTable::lease(const TaskRef& ref) const {
  const Task& task = ref.task();
  ASSERT(task.lease_slot < holders_[task.holder].size());
  return holders_[task.holder][task.lease_slot];
}

}  // namespace reeve::master
