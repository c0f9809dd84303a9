// ProgramErrors: the standard error of a long-lived program, as lines of the worker's log under the program's
// name. Bounded: a line is cut, and what comes too fast is counted instead of logged. It is always read on, so
// that no program waits for us. A line that begins with "<3>" is an error, "<4>" a warning, and so on: the priorities of
// sd-daemon(3). An error that is told again and again is counted, too.
//
// Owner: ProgramRunner, for all the processes that it starts.  Thread: the owner's, and one of its own that reads.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <thread>

#include "common/app/log.h"
#include "common/base/result.h"
#include "common/base/time.h"
#include "worker/processes/descriptor.h"

namespace reeve::worker {

inline constexpr std::size_t error_line_max_bytes = 1024;
// Some tracebacks at once in full, while a loop that only prints costs no more than 200 KiB/s.
inline constexpr std::uint64_t error_lines_per_second_max = 200;

// Within which an error that is the one before is only counted: that of a child that cannot begin, for each task.
inline constexpr Duration same_error_pause = std::chrono::seconds{10};

// What becomes of the bytes: sentences for the log.
class ErrorLines {
 public:
  using Sink = std::function<void(log::Level level, std::string line)>;
  explicit ErrorLines(Sink sink) : sink_(std::move(sink)) {}

  void add(std::string_view bytes, TimePoint now);
  // When tick() has something to say although nothing more was added; max(): never.
  TimePoint next_tick() const;
  void tick(TimePoint now);
  void finish();  // what stands without a line end, and how much was left out or said again

 private:
  void end_line(TimePoint now);
  void log_line(TimePoint now);
  bool was_just_told(TimePoint now);
  void tell_left_out();
  void tell_repeated();

  Sink sink_;
  std::string line_;  // begun; at most one byte longer than what is kept
  TimePoint second_{};
  std::uint64_t lines_ = 0;     // in this second
  std::uint64_t left_out_ = 0;  // since the last that was not
  std::string last_error_;
  TimePoint error_told_{};
  std::uint64_t repeated_ = 0;  // since then
};

class ProgramErrors {
 public:
  explicit ProgramErrors(std::string name);
  ~ProgramErrors();
  ProgramErrors(const ProgramErrors&) = delete;
  ProgramErrors& operator=(const ProgramErrors&) = delete;

  int descriptor() const { return to_.get(); }  // for the program; -1: there could be none

 private:
  void read();

  const std::string name_;
  Descriptor from_, to_;
  Descriptor over_;  // an eventfd: the reader should end
  std::jthread reader_;
};

}  // namespace reeve::worker
