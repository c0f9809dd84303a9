// Watchdog: tells the service manager again and again that the loop still turns. From the loop itself: one that
// hangs is what the service manager is to find. Without a service manager that waits for it, it does nothing.
//
// Owner: a daemon's App.  Thread: the loop thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

namespace reeve {

class Watchdog {
 public:
  explicit Watchdog(boost::asio::io_context& io) : timer_(io) {}
  void start();

 private:
  boost::asio::steady_timer timer_;
};

}  // namespace reeve
