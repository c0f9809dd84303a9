// Doorway is the thread on which strangers are met: connections are accepted and shake hands here, however many come
// with a wrong key, and only those that proved themselves are handed over to the loop. Clients at work share neither the
// loop nor its turns with strangers.
//
// Owner: NativeServer; the listeners of both protocols use it.  Threads: all functions but stranger_came and stranger_left
// are for the loop thread.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <functional>
#include <thread>

namespace reeve::master {

class Doorway {
 public:
  Doorway() = default;
  ~Doorway() { stop(); }
  Doorway(const Doorway&) = delete;
  Doorway& operator=(const Doorway&) = delete;

  boost::asio::io_context& io() { return io_; }
  void open();  // the thread begins, if it has not
  // Does this on the thread and waits until it is done; here when there is no such thread.
  void ask(const std::function<void()>& piece);
  void stop();  // idempotent; nothing runs on the thread afterwards

  // How many connections have not proved themselves, at all listeners together.
  std::size_t strangers() const { return strangers_.load(std::memory_order_relaxed); }
  void stranger_came() { strangers_.fetch_add(1, std::memory_order_relaxed); }
  void stranger_left() { strangers_.fetch_sub(1, std::memory_order_relaxed); }

 private:
  boost::asio::io_context io_{1};
  std::atomic<std::size_t> strangers_{0};
  std::thread thread_;
};

}  // namespace reeve::master
