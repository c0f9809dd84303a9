#include "client/core/link.h"

#include <fmt/format.h>

#include <utility>

#include "common/base/assert.h"
#include "proto/convert.h"

namespace reeve::client {
namespace {

std::string random_client_key() {
  const Nonce nonce = random_nonce();
  return {reinterpret_cast<const char*>(nonce.data()), 16};
}

}  // namespace

Link::Link(boost::asio::io_context& io, LinkOwner& owner, LinkSettings settings)
    : io_(io),
      owner_(owner),
      settings_(std::move(settings)),
      client_key_(random_client_key()),
      random_(std::random_device{}()),
      timer_(io) {}

Link::~Link() {
  if (connection_) connection_->close();
}

void Link::start() {
  down_since_ = mono_now();
  connect();
}

void Link::connect() {
  state_ = State::connecting;
  timer_.expires_after(settings_.connect_timeout);  // what the handshake leaves of it is for the welcome
  const auto deadline = std::chrono::duration_cast<std::chrono::milliseconds>(settings_.connect_timeout);
  connecting_ =
      async_connect(io_, settings_.master, settings_.authkey, Role::client, deadline, ConnectionLimits{},
                    [this](Result<std::shared_ptr<Connection>> result) { connected(std::move(result)); });
}

void Link::connected(Result<std::shared_ptr<Connection>> connection) {
  if (!connection) return lost(connection.error());
  connection_ = std::move(*connection);
  state_ = State::greeting;
  wire::ClientHello hello;
  hello.set_client_key(client_key_);
  hello.set_program(settings_.program);
  append_frame(connection_->out(), FrameType::client_hello, hello);
  connection_->start(*this);
  connection_->flush();
  bound_greeting();
}

// A master that shook hands may still say nothing: it was stopped, or its disk stands still.
void Link::bound_greeting() {
  const auto longest = std::chrono::duration_cast<std::chrono::milliseconds>(settings_.connect_timeout);
  timer_.async_wait([this, longest](const boost::system::error_code& cancelled) {
    if (cancelled || state_ != State::greeting) return;
    connection_->close();
    lost({Errc::timed_out, fmt::format("{} let us in, but did not welcome us within {} ms",
                                       to_string(settings_.master), longest.count())});
  });
}

Result<void> Link::on_frame(const Frame& frame) {
  if (frame.type == FrameType::refused) {
    wire::Refused refused;
    if (!refused.ParseFromArray(frame.body.data(), static_cast<int>(frame.body.size())))
      return fail(Errc::protocol_error, "a malformed Refused");
    return fail(from_wire(refused.error()));
  }
  if (state_ == State::up) return owner_.on_frame(frame);
  if (state_ != State::greeting) return {};  // on the way out: nobody wants it any more
  wire::ClientWelcome welcome;
  if (frame.type != FrameType::client_welcome ||
      !welcome.ParseFromArray(frame.body.data(), static_cast<int>(frame.body.size())))
    return fail(Errc::protocol_error, "the master answered the greeting with frame type {}",
                static_cast<int>(frame.type));
  const InstanceId instance{welcome.instance()};
  replaced_ = was_up_ && instance != instance_;
  if (replaced_)
    return fail(Errc::unavailable,
                "the master at {} started anew and knows nothing of what was before (it runs with "
                "--ephemeral, or its "
                "data directory was replaced); connect again to use it",
                to_string(settings_.master));
  timer_.cancel();
  instance_ = instance;
  state_ = State::up;
  was_up_ = true;
  failures_ = 0;
  owner_.on_up(welcome);
  return {};
}

// The connection ended, or did not come about.
void Link::lost(const Error& why) {
  connecting_.reset();
  connection_.reset();
  const bool was_in_use = state_ == State::up;
  if (state_ == State::finishing || state_ == State::ended) {
    state_ = State::ended;
    return;
  }
  state_ = State::resting;
  if (was_in_use) {
    down_since_ = mono_now();
    owner_.on_down();
  }
  const bool hopeless =
      replaced_ || why.code == Errc::authentication_failed || why.code == Errc::permission_denied;
  if (!was_up_ || hopeless) return give_up(why);
  if (settings_.reconnect_for > Duration{0} && mono_now() - down_since_ > settings_.reconnect_for)
    return give_up(
        {Errc::unavailable,
         why.detail + " (tried for " + std::to_string(settings_.reconnect_for.count() / 1'000'000) + " s)"});
  timer_.expires_after(settings_.backoff.after(++failures_, random_));
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error && state_ == State::resting) connect();
  });
}

void Link::give_up(const Error& why) {
  state_ = State::ended;
  owner_.on_given_up(why);
}

void Link::drop(const Error& why) {
  if (state_ != State::up) return;
  connection_->close();
  lost(why);
}

void Link::finish() {
  if (state_ == State::finishing || state_ == State::ended) return;
  timer_.cancel();
  if (state_ != State::up) {
    connecting_.reset();
    if (connection_) connection_->close();
    connection_.reset();
    state_ = State::ended;
    return;
  }
  state_ = State::finishing;
  connection_->close_after_flush({Errc::unavailable, "the client was closed"});
}

}  // namespace reeve::client
