// CPU time and memory of a process, from /proc.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>

namespace reeve::bench {

// What all threads of a process have used so far, by the scheduler's clock of nanoseconds. A thread that has
// ended is not counted: the daemons measured here keep theirs.
std::chrono::nanoseconds cpu_time(pid_t pid);
std::chrono::nanoseconds own_cpu_time();

// Resident memory that is not backed by files, so without program text.
std::uint64_t resident_bytes(pid_t pid);

}  // namespace reeve::bench
