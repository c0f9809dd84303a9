// Linger: looks for more work for a moment before its thread goes to sleep.
//
// Waking a thread costs little where its processor is awake, and up to 50 us where a virtual machine has to
// bring it back first; a round trip through client, master and worker pays that several times. So a loop that
// was lately woken soon after it had fallen asleep looks on for a while instead, and gives way to whoever else
// wants the processor. Where looking did not pay it sleeps at once: an idle program costs nothing. (The idea
// is that of the adaptive polling of Linux's haltpoll governor.)
//
// Thread: the loop's.
#pragma once

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <cstddef>
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

  bool pays() const { return short_sleeps_ >= doubt_; }
  void found() { doubt_ = 1; }  // looking on paid
  // It did not: the sleep that follows is none that it would have saved, and it takes more of them to try again.
  void in_vain() {
    doubt_ = std::min(doubt_ * 2, doubt_max);
    after_looking_ = true;
  }
  // How long the loop slept, waking up and the first handler's time included.
  void slept(Duration time) {
    const bool is_short = !std::exchange(after_looking_, false) && time < longest + waking_up_max;
    short_sleeps_ = is_short ? short_sleeps_ + 1 : 0;
  }

 private:
  unsigned short_sleeps_ = 0;  // in a row
  unsigned doubt_ = 1;         // so many of them are needed
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
