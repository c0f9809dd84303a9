// Yardsticks: the least that the machine itself needs, measured in the same run. A figure that is a multiple of
// one says more than its microseconds do, on a machine that others use or that is virtual.
#pragma once

#include <cstddef>
#include <filesystem>

namespace reeve::bench {

// One byte over a TCP connection on loopback to another process and back, which sleeps in read: the median.
double ping_pong_p50_us(std::size_t round_trips);

// How often a second 4 KiB can be appended to a file in `directory` and flushed (fdatasync), one after the other.
double flushes_per_s(const std::filesystem::path& directory, std::size_t flushes);

// Starts /bin/true `count` times and waits for each, in `loops` processes at once; how many a second.
double raw_processes_per_s(std::size_t count, int loops);

}  // namespace reeve::bench
