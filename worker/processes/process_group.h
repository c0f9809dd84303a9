// ProcessGroup: a program that runs and whatever it leaves in its process group, until end().
#pragma once

#include <sys/types.h>

#include <atomic>
#include <csignal>
#include <string>
#include <utility>

#include "worker/processes/descriptor.h"

namespace reeve::worker {

struct ExitStatus {
  int code = 0;
  int signal = 0;  // not 0: it was killed, and `code` says nothing
};
std::string describe(ExitStatus status);  // "exited with code 3", "killed by SIGSEGV"

// Owner: a runner.  Thread: one.
// Always: until end() the process is at least a zombie, so that no other group can have its number.
class ProcessGroup {
 public:
  // `entry` names the group (see GroupTable) until end().
  ProcessGroup(pid_t leader, Descriptor pidfd, std::atomic<pid_t>& entry)
      : leader_(leader), pidfd_(std::move(pidfd)), entry_(&entry) {}
  ProcessGroup(ProcessGroup&& other) noexcept
      : leader_(std::exchange(other.leader_, 0)), pidfd_(std::move(other.pidfd_)), entry_(other.entry_) {}
  ProcessGroup& operator=(ProcessGroup&& other) noexcept {
    if (leader_ != 0) end();
    leader_ = std::exchange(other.leader_, 0);
    pidfd_ = std::move(other.pidfd_);
    entry_ = other.entry_;
    return *this;
  }
  ~ProcessGroup() {
    if (leader_ != 0) end();
  }

  int fd() const { return pidfd_.get(); }  // readable when the leader has ended
  void signal(int number) const { ::kill(-leader_, number); }
  // Kills what is left of the group, the leader too if it still runs, and says how that one ended.
  ExitStatus end();

 private:
  pid_t leader_;
  Descriptor pidfd_;
  std::atomic<pid_t>* entry_;
};

}  // namespace reeve::worker
