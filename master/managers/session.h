// Session: one connection of a Python client that has shown the authkey, to its last byte. It cuts the stream into
// requests, gives them to the Manager one at a time and writes the answers; it holds no rule of what they mean.
//
// Owner: ManagersServer (shared_ptr, because pending operations keep it alive).  Thread: the loop thread.
// Always: at most one request is being answered, so answers leave in the order of their requests; end() is
// called once, and nothing reaches the server after it. Of a client that sends requests ahead one is carried out in a
// pass of the loop: between any two of them everybody else has a turn. An idle session keeps this object, and up to
// 2 KiB each of what it read and of what it wrote (MessageReader::kept_bytes, unsent_kept_bytes).
#pragma once

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "common/base/ids.h"
#include "common/base/result.h"
#include "master/managers/message.h"
#include "master/net/handover.h"

namespace reeve::master::managers {

class ManagersServer;

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(ManagersServer& server, SessionId id, boost::asio::ip::tcp::socket socket, Place place);

  // `early`: bytes that came behind the handshake and were read with it.
  void start(std::string_view early);
  SessionId id() const { return id_; }

  // The answer to the request that is being handled; a payload, without its header.
  void answer(std::string_view payload);
  // The answer that follows is the last one.
  void close_after_answer() { close_when_sent_ = true; }
  // An answer that may not leave yet stays here until it is taken for answer().
  void hold(std::string_view payload);
  std::string take_held() { return std::exchange(held_, {}); }
  std::size_t buffered_bytes() const { return reader_.buffered_bytes() + unsent_.size() + held_.size(); }
  // Whether the peer is known to be gone; asks the system, which knows it before what came ahead of the end was read, if
  // that fits into its buffers. For who is about to hand over something precious.
  bool at_end();
  void end(const Error& why);
  void abandon();  // without telling the server

 private:
  enum class State : std::uint8_t { idle, busy, ended };

  void read();
  void on_read(const boost::system::error_code& error, std::size_t bytes);
  void go_on();
  void go_on_after_others();
  void drain_socket();
  void handle_message();
  bool read_ahead_enough() const;
  void send(std::string_view header_and_payload);
  void write_rest();
  void on_sent();
  void count_buffered();  // may end this session, or another one

  // While whole requests wait for those before them, reading pauses when there is so much; what one read takes (256 KiB,
  // and up to eight times that while nothing waits) may be on top. A request that has begun is read to its end: else
  // nobody would see that the client died in it.
  static constexpr std::size_t read_ahead_max_bytes = 256u << 10;

  ManagersServer& server_;
  SessionId id_;
  boost::asio::ip::tcp::socket socket_;
  Place place_;
  State state_ = State::idle;
  bool close_when_sent_ = false;
  bool reading_ = false;
  bool others_first_ = false;  // go_on_after_others() is on its way
  MessageReader reader_;
  std::string unsent_;
  std::size_t unsent_begin_ = 0;
  std::string held_;
  std::size_t counted_bytes_ = 0;  // of buffered_bytes(), by the server
  std::array<char, 512> arrived_;
};

}  // namespace reeve::master::managers
