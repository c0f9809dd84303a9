// Progress: how far a job is, as a line for a terminal that is drawn anew, or as plain lines now and then.
// Pure functions of counts, time and width; wait.cc and submit.cc own the drawing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "client/cli/table.h"
#include "common/base/time.h"
#include "reeve/info.h"

namespace reeve::cli {

// The tasks of several jobs together.
Counts sum(const Counts& a, const Counts& b);

// Tasks per second, smoothed over the last seconds, so that an estimate follows a change of pace but does not
// jump.
class RateMeter {
 public:
  // `finished` tasks at `now`; the first call sets the beginning.
  void add(std::uint64_t finished, TimePoint now);
  double per_second() const { return rate_; }  // 0: not known yet

 private:
  bool begun_ = false;
  bool known_ = false;
  TimePoint at_{};
  std::uint64_t finished_ = 0;
  double rate_ = 0;
};

struct ProgressView {
  std::string_view label;  // "job 17"
  Counts counts;
  double per_second = 0;
};

// One line of at most style.width columns, without its end:
//   job 17 [########------------]  41%  41,203/100,000  2 failed  8 running  5,120/s  11s left
std::string progress_bar(const Style& style, const ProgressView& view);

// The same for a log: no bar, no colours, no limit on its length.
std::string progress_line(const ProgressView& view);

std::string with_commas(std::uint64_t number);

}  // namespace reeve::cli
