#include "bench/cpu.h"

#include <fmt/format.h>

#include <ctime>
#include <filesystem>
#include <fstream>
#include <string>

namespace reeve::bench {

std::chrono::nanoseconds cpu_time(pid_t pid) {
  std::int64_t sum = 0;
  for (const auto& thread : std::filesystem::directory_iterator(fmt::format("/proc/{}/task", pid))) {
    std::ifstream file(thread.path() / "schedstat");
    std::int64_t running = 0;
    if (file >> running) sum += running;
  }
  return std::chrono::nanoseconds{sum};
}

std::chrono::nanoseconds own_cpu_time() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec};
}

std::uint64_t resident_bytes(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/status", pid));
  std::string word;
  while (file >> word) {
    if (word != "RssAnon:") continue;
    std::uint64_t kib = 0;
    file >> kib;
    return kib * 1024;
  }
  return 0;
}

}  // namespace reeve::bench
