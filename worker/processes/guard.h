// Guard: a process that outlives a killed worker by a moment, and takes with it what the worker had started.
//
// It holds one end of a pipe whose other end only the worker has, and for a moment each child between vfork
// and exec. When that closes, the worker is gone, however it went, and nobody is on the way any more: every
// process group that lives stands in the table, and is killed.
//
// It does the same when the end that stands in the table has come: a worker that stands still (SIGSTOP, a
// debugger, a machine that swaps) cannot stop its tasks itself when its lease is lost.
//
// Owner: App.  Thread: the one that started it.
#pragma once

#include "worker/processes/group_table.h"

namespace reeve::worker {

inline constexpr const char* guard_argument = "--guard";

class Guard {
 public:
  static Result<Guard> start(const GroupTable& table);
  Guard(Guard&&) = default;
  Guard& operator=(Guard&&) = delete;
  ~Guard();  // the process ends, and kills what still stands in the table

  // Readable when the process has ended although nobody asked it to. Then a new guard is wanted.
  int fd() const { return pidfd_.get(); }

 private:
  Guard(Descriptor lifeline, Descriptor pidfd, pid_t process)
      : lifeline_(std::move(lifeline)), pidfd_(std::move(pidfd)), process_(process) {}

  Descriptor lifeline_;
  Descriptor pidfd_;
  pid_t process_;
};

int guard_main();  // of the process that was started with guard_argument

}  // namespace reeve::worker
