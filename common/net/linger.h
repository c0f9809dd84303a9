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

#include <boost/asio/io_context.hpp>
#include <cstddef>

#include "common/base/time.h"

namespace reeve {

class Linger {
 public:
  static constexpr Duration longest = std::chrono::microseconds{50};

  // Runs the handlers that are ready; when there are none, those that become ready soon, if that is likely.
  // Returns how many; 0: it is time to sleep.
  std::size_t poll(boost::asio::io_context& io);
  // How long the loop slept, the first handler's time included.
  void slept(Duration time) { pays_ = time < longest; }

 private:
  bool pays_ = false;
};

// As io.run(), with a Linger before each sleep.
void run_loop(boost::asio::io_context& io);

}  // namespace reeve
