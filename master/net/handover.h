// Handover takes connections that proved themselves from the doorway's thread to the loop. The loop is woken when there
// is somebody, once for all who came meanwhile.
//
// Owner: Listener (shared_ptr, because what was posted to the loop keeps it alive).  Threads: put() and waiting() on the
// doorway's, the rest on the loop thread.
// Always: a connection that was put here is welcomed, or closed when the listener ends.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "common/net/handshake.h"

namespace reeve::master {

// A place among the connections of a listener, which its connection keeps from its first byte to its last.
//
// Thread: any. The doorway's takes places, so the count is never over what it allows; whoever ends the connection frees it.
class Place {
 public:
  using Taken = std::shared_ptr<std::atomic<std::size_t>>;

  Place() = default;
  explicit Place(Taken taken) : taken_(std::move(taken)) { ++*taken_; }
  ~Place() { leave(); }
  Place(Place&& other) noexcept : taken_(std::move(other.taken_)) {}
  Place& operator=(Place&& other) noexcept {
    leave();
    taken_ = std::move(other.taken_);
    return *this;
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

 private:
  void leave() {
    if (taken_) --*std::exchange(taken_, nullptr);
  }
  Taken taken_;
};

// A socket on its way from one io_context to another: in neither's poller, so that it wakes nobody.
class LooseSocket {
 public:
  LooseSocket(boost::asio::ip::tcp::socket socket, boost::asio::ip::tcp protocol);
  ~LooseSocket();
  LooseSocket(LooseSocket&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, -1)), protocol_(other.protocol_) {}
  LooseSocket& operator=(LooseSocket&&) = delete;
  LooseSocket(const LooseSocket&) = delete;
  LooseSocket& operator=(const LooseSocket&) = delete;

  // When the system will not have it there it is closed, which shows when it is used.
  boost::asio::ip::tcp::socket settle(boost::asio::io_context& io) &&;

 private:
  int descriptor_;
  boost::asio::ip::tcp protocol_;
};

// A connection that proved itself.
template <typename Socket>
struct Proven {
  Socket socket;
  Role role = Role::client;
  std::string early;  // what it sent behind the handshake, as far as it was read with that
  Place place;
};
using Arrival = Proven<boost::asio::ip::tcp::socket>;  // of the loop's io_context

class Handover : public std::enable_shared_from_this<Handover> {
 public:
  using Welcome = std::function<void(Arrival)>;

  Handover(boost::asio::io_context& loop, Welcome welcome) : loop_(loop), welcome_(std::move(welcome)) {}

  void put(Proven<LooseSocket> connection);
  std::size_t waiting() const;
  // Those that wait are closed, and nobody is welcomed any more. Pre: nothing is put any more.
  void close();

 private:
  // Newcomers in one piece of the loop's work; then others get their turn.
  static constexpr std::size_t welcomed_in_a_row_max = 8;

  void wake_loop();
  void welcome_some();

  boost::asio::io_context& loop_;
  Welcome welcome_;
  mutable std::mutex mutex_;
  // Guarded by mutex_. While somebody is in it, welcome_some() is on its way.
  std::deque<Proven<LooseSocket>> waiting_;
};

}  // namespace reeve::master
