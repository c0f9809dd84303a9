#include "worker/processes/group_table.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

namespace reeve::worker {

static_assert(std::atomic<pid_t>::is_always_lock_free, "the entries are shared between processes");
static_assert(std::atomic<TimePoint>::is_always_lock_free, "and so is the end");

Result<GroupTable> GroupTable::make(std::size_t entries) {
  Descriptor memory{::memfd_create("reeve-groups", MFD_CLOEXEC)};
  const std::size_t bytes = sizeof(Head) + entries * sizeof(std::atomic<pid_t>);
  if (!memory || ::ftruncate(memory.get(), static_cast<off_t>(bytes)) != 0)
    return fail(Errc::unavailable, "cannot make the table of process groups: {}", std::strerror(errno));
  return map(std::move(memory));
}

Result<GroupTable> GroupTable::map(Descriptor memory) {
  struct stat info{};
  if (::fstat(memory.get(), &info) != 0 || info.st_size < static_cast<off_t>(sizeof(Head)))
    return fail(Errc::unavailable, "there is no table of process groups");
  const auto bytes = static_cast<std::size_t>(info.st_size);
  void* const mapped = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memory.get(), 0);
  if (mapped == MAP_FAILED)
    return fail(Errc::unavailable, "cannot map the table of process groups: {}", std::strerror(errno));
  // Fresh memory is zero: no end, and entries in which nothing runs.
  auto* const head = static_cast<Head*>(mapped);
  return GroupTable{
      std::move(memory),
      head,
      {reinterpret_cast<std::atomic<pid_t>*>(head + 1), (bytes - sizeof(Head)) / sizeof(std::atomic<pid_t>)}};
}

GroupTable::~GroupTable() {
  if (head_ != nullptr) ::munmap(head_, sizeof(Head) + entries_.size_bytes());
}

bool GroupTable::kill(std::atomic<pid_t>& entry) {
  const pid_t group = entry.exchange(0, std::memory_order_acq_rel);
  return group > 1 && ::kill(-group, SIGKILL) == 0;
}

std::size_t GroupTable::kill_all() const {
  std::size_t killed = 0;
  for (auto& entry : entries_) killed += kill(entry) ? 1 : 0;
  return killed;
}

}  // namespace reeve::worker
