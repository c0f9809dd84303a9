// Linger: looks for more work for a moment before its thread goes to sleep.
//
// Waking a thread costs little where its processor is awake, and up to 50 us where a virtual machine has to
// bring it back first; a round trip through client, master and worker pays that several times. So a loop that
// was lately woken soon after it had fallen asleep looks on for a while instead, and gives way to whoever else
// wants the processor. Where looking did not pay it sleeps at once: an idle program costs nothing. (The idea
// is that of the adaptive polling of Linux's haltpoll governor.) Neither does it look on beside a program that computes:
// giving way to that costs a time slice of some milliseconds, whereas who is woken is let in before it.
//
// Thread: the loop's.
#pragma once

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "common/base/time.h"

namespace reeve {

// Whether to look on before the next sleep. Plain: no clock.
class LingerRule {
 public:
  static constexpr Duration longest = std::chrono::microseconds{50};  // to look on
  // What comes within `longest` ends a sleep so much later, because waking up takes its time as well.
  static constexpr Duration waking_up_max = std::chrono::microseconds{50};
  static constexpr unsigned doubt_max = 64;
  // Nobody who takes part in a round trip computes for so long without us: giving way gave a time slice away.
  static constexpr Duration slice_min = std::chrono::microseconds{500};
  static constexpr unsigned founds_per_slice = 64, distrust_min = 256, distrust_max = 1u << 16;

  bool pays() const { return short_sleeps_ >= doubt_; }
  void found() {  // looking on paid
    doubt_ = 1;
    ++found_;
  }
  // It did not: the sleep that follows is none that it would have saved, and it takes more of them to try again.
  void in_vain() {
    doubt_ = std::max(doubt_, std::min(doubt_ * 2, doubt_max));
    after_looking_ = true;
  }
  // It cost as much as a hundred short sleeps. Unless it had paid as often before, many of them have to come before it is
  // tried again, and more each time.
  void gave_slice_away() {
    const bool paid = std::exchange(found_, 0) >= founds_per_slice;
    distrust_ = paid ? distrust_min : std::min(distrust_ * 2, distrust_max);
    if (paid) return;
    doubt_ = distrust_;
    short_sleeps_ = 0;
  }
  // How long the loop slept, waking up and the first handler's time included.
  void slept(Duration time) {
    const bool is_short = !std::exchange(after_looking_, false) && time < longest + waking_up_max;
    short_sleeps_ = is_short ? short_sleeps_ + 1 : 0;
  }

 private:
  unsigned short_sleeps_ = 0;  // in a row
  unsigned doubt_ = 1;         // so many of them are needed
  unsigned distrust_ = distrust_min;
  std::uint64_t found_ = 0;  // since a slice was given away
  bool after_looking_ = false;
};

class Linger {
 public:
  // Runs the handlers that are ready; when there are none, those that become ready soon, if that is likely.
  // Returns how many; 0: it is time to sleep.
  std::size_t poll(boost::asio::io_context& io);
  void slept(Duration time) { rule_.slept(time); }

 private:
  LingerRule rule_;
};

// As io.run(), with a Linger before each sleep.
void run_loop(boost::asio::io_context& io);

}  // namespace reeve
