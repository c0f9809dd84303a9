// Link: the one connection of a Client, made again whenever it is lost.
//
// Owner: Core.  Thread: the driver of the Loop.  Always: the owner hears on_up and on_down in turn; frames
// come between them.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <random>
#include <string>

#include "common/base/backoff.h"
#include "common/base/ids.h"
#include "common/base/time.h"
#include "common/net/connection.h"
#include "proto/reeve.pb.h"

namespace reeve::client {

struct LinkSettings {
  Endpoint master;
  std::string authkey;
  std::string program;
  Duration connect_timeout{};
  Duration reconnect_for{};  // zero: for ever
  Backoff backoff{.first = std::chrono::milliseconds{50}, .max = std::chrono::seconds{5}};
};

class LinkOwner {
 public:
  virtual void on_up(const wire::ClientWelcome& welcome) = 0;
  virtual Result<void> on_frame(const Frame& frame) = 0;
  virtual void on_down() = 0;
  // There will be no other connection: the first attempt failed, the key is wrong, it took too long, or it is
  // another master that answers now.
  virtual void on_given_up(const Error& why) = 0;

 protected:
  ~LinkOwner() = default;
};

class Link final : private ConnectionHandler {
 public:
  Link(boost::asio::io_context& io, LinkOwner& owner, LinkSettings settings);
  ~Link() override;

  void start();
  bool up() const { return state_ == State::up; }
  std::string& out() { return connection_->out(); }  // Pre: up()
  void flush() { connection_->flush(); }             // Pre: up()
  std::size_t unsent_bytes() const { return connection_->unsent_bytes(); }
  bool congested() const { return connection_->congested(); }
  void drop(const Error& why);  // the peer does not behave: make another connection
  void finish();                // send what is in out(), then end; no on_down, no other connection
  const LinkSettings& settings() const { return settings_; }

 private:
  enum class State : std::uint8_t { idle, connecting, greeting, up, resting, finishing, ended };

  void connect();
  void connected(Result<std::shared_ptr<Connection>> connection);
  void bound_greeting();
  void lost(const Error& why);
  void give_up(const Error& why);

  Result<void> on_frame(const Frame& frame) override;
  void on_closed(const Error& why) override { lost(why); }

  boost::asio::io_context& io_;
  LinkOwner& owner_;
  LinkSettings settings_;
  State state_ = State::idle;
  std::string client_key_;  // the same for every connection: it makes a repeated submission known as one
  bool was_up_ = false;
  InstanceId instance_;    // of the first master
  bool replaced_ = false;  // another one answers there now
  std::uint32_t failures_ = 0;
  TimePoint down_since_{};
  std::minstd_rand random_;
  boost::asio::steady_timer timer_;  // resting: until the next attempt; else the end of the present one
  std::shared_ptr<Connecting> connecting_;
  std::shared_ptr<Connection> connection_;
};

}  // namespace reeve::client
