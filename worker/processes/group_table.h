// GroupTable: which process groups this worker has started and not yet ended, one entry for each slot. It
// lies in memory that the guard shares, so that keeping it costs no system call: an entry is set by the
// kernel itself while it makes the process (see Spawner), before that runs its first instruction, and cleared
// by a store. Beside the entries stands until when they may run, for the case that the worker cannot see to it.
//
// Owner: App; the guard maps it too.  Thread: each entry by its slot's thread, the rest by the loop thread.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <span>

#include "common/base/result.h"
#include "common/base/time.h"
#include "worker/processes/descriptor.h"

namespace reeve::worker {

class GroupTable {
 public:
  static Result<GroupTable> make(std::size_t entries);
  static Result<GroupTable> map(Descriptor memory);  // one that another process has made
  GroupTable(GroupTable&& other) noexcept
      : memory_(std::move(other.memory_)),
        head_(std::exchange(other.head_, nullptr)),
        entries_(std::exchange(other.entries_, {})) {}
  GroupTable& operator=(GroupTable&&) = delete;
  ~GroupTable();

  std::atomic<pid_t>* entry(std::size_t index) { return &entries_[index]; }
  int fd() const { return memory_.get(); }

  // When whatever runs must have ended; never: nobody said. Moved on by a worker that lives.
  void set_end(TimePoint end) const { head_->end.store(end, std::memory_order_relaxed); }
  TimePoint end() const { return head_->end.load(std::memory_order_relaxed); }
  static constexpr TimePoint never{};

  // SIGKILL to the group that stands in an entry, which is cleared. Returns whether there was one.
  static bool kill(std::atomic<pid_t>& entry);
  std::size_t kill_all() const;  // how many there were

 private:
  struct Head {
    std::atomic<TimePoint> end;
  };

  GroupTable(Descriptor memory, Head* head, std::span<std::atomic<pid_t>> entries)
      : memory_(std::move(memory)), head_(head), entries_(entries) {}

  Descriptor memory_;
  Head* head_;
  std::span<std::atomic<pid_t>> entries_;  // 0: nothing runs
};

}  // namespace reeve::worker
