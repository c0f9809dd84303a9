// What a task of the fault tests tells the world about itself, past the system under test: lines appended to a
// file, one write(2) each, so that lines of many processes never mix. A line is
//
//   start|tick|end|fail TASK ATTEMPT EPOCH WORKER PID MICROSECONDS NAME          (CLOCK_MONOTONIC)
//
// NAME is what the client called it, the same however often it had to submit it; TASK is the number it got.
// `fail` is the end of an attempt that was told to fail. `tick` comes every tick_every while the task runs, so that one that was killed shows how long it lived.
#pragma once

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <string>
#include <string_view>

namespace reeve::testing {

inline constexpr std::chrono::milliseconds tick_every{20};

inline std::int64_t monotonic_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

inline std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

// Lines for one file. No fsync: what matters is what other processes of this machine see, not a power cut.
class LineFile {
 public:
  explicit LineFile(const std::string& path)
      : fd_(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) {}
  ~LineFile() { ::close(fd_); }
  LineFile(const LineFile&) = delete;
  LineFile& operator=(const LineFile&) = delete;

  void add(std::string line) const {
    line += '\n';
    if (::write(fd_, line.data(), line.size()) != static_cast<ssize_t>(line.size())) std::abort();
  }

 private:
  int fd_;
};

class Note {
 public:
  Note(const std::string& file, std::string task, std::uint32_t attempt, std::string epoch, std::string name)
      : file_(file),
        who_(fmt::format("{} {} {} {} {}", task, attempt, epoch.empty() ? "0" : epoch,
                         environment("LEDGER_WORKER"), ::getpid())),
        name_(std::move(name)) {}
  void say(std::string_view what) const {
    file_.add(fmt::format("{} {} {} {}", what, who_, monotonic_us(), name_));
  }

 private:
  LineFile file_;
  std::string who_, name_;
};

// A task's payload: NAME:MILLISECONDS:MODE. Modes: n runs and succeeds; f fails in its first attempt; t does
// not end when it is told to (commands only).
struct TaskPayload {
  std::string name;
  int milliseconds = 0;
  char mode = 'n';

  static TaskPayload parse(std::string_view text) {
    const auto first = text.find(':'), second = text.rfind(':');
    if (first == text.npos || second <= first || second + 1 >= text.size()) std::abort();
    return {std::string(text.substr(0, first)), std::atoi(std::string(text.substr(first + 1)).c_str()),
            text[second + 1]};
  }
  std::string text() const { return fmt::format("{}:{}:{}", name, milliseconds, mode); }
};

// The value a task ends with: what it was, and which attempt it was.
inline std::string task_value(std::string_view name, std::uint32_t attempt) {
  return fmt::format("{} by attempt {}", name, attempt);
}

}  // namespace reeve::testing
