// Session: one connection of a Python client, from its first byte to its last. It shakes hands, cuts the
// stream into requests, gives them to the Manager one at a time and writes the answers; it holds no rule of
// what they mean.
//
// Owner: ManagersServer (shared_ptr, because pending operations keep it alive).  Thread: the loop thread.
// Always: at most one request is being answered, so answers leave in the order of their requests; end() is
// called once, and nothing reaches the server after it. An idle session has no buffers but this object.
#pragma once

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <list>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/ids.h"
#include "common/base/result.h"
#include "common/base/time.h"
#include "master/managers/challenge.h"
#include "master/managers/message.h"

namespace reeve::master::managers {

class ManagersServer;

class Session : public std::enable_shared_from_this<Session> {
 public:
  using Strangers = std::list<std::shared_ptr<Session>>;

  Session(ManagersServer& server, SessionId id, boost::asio::ip::tcp::socket socket);

  void start();
  SessionId id() const { return id_; }
  TimePoint since() const { return since_; }
  std::string peer_address() const;

  // The answer to the request that is being handled; a payload, without its header.
  void answer(std::string_view payload);
  // The answer that follows is the last one.
  void close_after_answer() { close_when_sent_ = true; }
  // Whether the peer is known to be gone; asks the system. For who is about to hand over something precious.
  bool at_end();
  void end(const Error& why);
  void abandon();  // without telling the server

  Strangers::iterator place;  // in the server's list while the handshake goes on

 private:
  enum class State : std::uint8_t { handshake, idle, busy, closing, ended };

  void read();
  void on_read(const boost::system::error_code& error, std::size_t bytes);
  void drain_socket();
  void acknowledge();
  void handle_messages();
  Result<void> shake_hands(std::string_view message);
  void send(std::string_view header_and_payload);
  void write_rest();
  void on_sent();

  // Requests behind the one being answered are left in the socket beyond this.
  static constexpr std::size_t read_ahead_max_bytes = 256u << 10;

  ManagersServer& server_;
  SessionId id_;
  boost::asio::ip::tcp::socket socket_;
  State state_ = State::handshake;
  bool close_when_sent_ = false;
  bool reading_ = false;
  bool handling_ = false;  // handle_messages is on the stack
  TimePoint since_ = mono_now();
  Challenge challenge_;
  MessageReader reader_{handshake_message_max_bytes};
  std::string unsent_;
  std::size_t unsent_begin_ = 0;
  std::array<char, 512> arrived_;
};

}  // namespace reeve::master::managers
