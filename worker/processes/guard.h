// Guard: a process that outlives a killed worker by a moment, and takes with it what the worker had started.
//
// It holds one end of a pipe whose other end only the worker has. When that closes, the worker is gone,
// however it went, and every process group in the table is killed.
//
// Owner: App.  Thread: the one that started it.
#pragma once

#include "worker/processes/group_table.h"

namespace reeve::worker {

inline constexpr const char* guard_argument = "--guard";

class Guard {
 public:
  static Result<Guard> start(const GroupTable& table);

 private:
  explicit Guard(Descriptor lifeline) : lifeline_(std::move(lifeline)) {}
  Descriptor lifeline_;
};

int guard_main();  // of the process that was started with guard_argument

}  // namespace reeve::worker
