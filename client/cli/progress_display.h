// ProgressDisplay draws progress on standard error: a bar that is drawn anew on a terminal, a line now and
// then anywhere else.
#pragma once

#include <string>

#include "client/cli/output.h"
#include "client/cli/progress.h"
#include "common/base/time.h"

namespace reeve::cli {

// Owner: whoever waits.  Thread: its own.  Always: the bar is gone when other text is printed.
class ProgressDisplay {
 public:
  ProgressDisplay(Output& err, std::string label, bool enabled)
      : err_(err), label_(std::move(label)), enabled_(enabled) {}
  ~ProgressDisplay() { clear(); }

  void update(const Counts& counts, TimePoint now);  // draws when it is time to
  void finish(const Counts& counts);                 // on a terminal the last bar stays
  void clear();                                      // before other text

 private:
  static constexpr Duration redraw_after = std::chrono::milliseconds{100};
  static constexpr Duration line_after = std::chrono::seconds{10};

  Output& err_;
  std::string label_;
  bool enabled_;
  bool drawn_ = false;  // a bar stands in the terminal's last line
  bool begun_ = false;
  TimePoint shown_{};
  RateMeter rate_;
};

}  // namespace reeve::cli
