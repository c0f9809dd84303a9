// GroupTable: which process groups this worker has started and not yet ended, one entry for each slot. It
// lies in memory that the guard shares, so that keeping it costs no system call: an entry is set by the
// kernel itself while it makes the process (see Spawner), before that runs its first instruction, and cleared
// by a store.
//
// Owner: App; the guard maps it too.  Thread: each entry by its slot's thread.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <span>

#include "common/base/result.h"
#include "worker/processes/descriptor.h"

namespace reeve::worker {

class GroupTable {
 public:
  static Result<GroupTable> make(std::size_t entries);
  static Result<GroupTable> map(Descriptor memory);  // one that another process has made
  GroupTable(GroupTable&& other) noexcept
      : memory_(std::move(other.memory_)), entries_(std::exchange(other.entries_, {})) {}
  GroupTable& operator=(GroupTable&&) = delete;
  ~GroupTable();

  std::atomic<pid_t>* entry(std::size_t index) { return &entries_[index]; }
  int fd() const { return memory_.get(); }
  // SIGKILL to the group that stands in an entry, which is cleared. Returns whether there was one.
  static bool kill(std::atomic<pid_t>& entry);
  std::size_t kill_all() const;  // how many there were

 private:
  GroupTable(Descriptor memory, std::span<std::atomic<pid_t>> entries)
      : memory_(std::move(memory)), entries_(entries) {}

  Descriptor memory_;
  std::span<std::atomic<pid_t>> entries_;  // 0: nothing runs
};

}  // namespace reeve::worker
