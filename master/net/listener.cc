#include "master/net/listener.h"

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <utility>

#include "common/app/log.h"

namespace reeve::master {

namespace asio = boost::asio;
using asio::ip::tcp;

struct Listener::Stranger {
  Stranger(tcp::socket s, std::string_view authkey)
      : socket(std::move(s)), handshake(authkey, random_nonce()) {}
  tcp::socket socket;
  ServerHandshake handshake;
  std::array<char, 64> bytes{};
  std::size_t got = 0;
  TimePoint since = mono_now();
  std::string address;
  Strangers::iterator place;
  bool said_hello = false;
  bool gone = false;
};

Listener::Listener(asio::io_context& io, std::string authkey, Limits limits, Welcome welcome, Refusal refusal)
    : io_(io),
      authkey_(std::move(authkey)),
      limits_(limits),
      welcome_(std::move(welcome)),
      refusal_(std::move(refusal)),
      acceptor_(io),
      pause_(io),
      sweep_timer_(io) {}

Listener::~Listener() { close(); }

Result<void> Listener::listen(const Endpoint& endpoint) {
  boost::system::error_code error;
  tcp::resolver resolver{io_};
  const auto found = resolver.resolve(endpoint.host, std::to_string(endpoint.port),
                                      tcp::resolver::passive | tcp::resolver::numeric_service, error);
  if (error || found.empty())
    return fail(Errc::unavailable, "cannot listen on {}: {}", to_string(endpoint), error.message());
  const tcp::endpoint where = found.begin()->endpoint();
  acceptor_.open(where.protocol(), error);
  if (!error) acceptor_.set_option(tcp::acceptor::reuse_address{true}, error);
  if (!error) acceptor_.bind(where, error);
  if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
  if (error) return fail(Errc::unavailable, "cannot listen on {}: {}", to_string(endpoint), error.message());
  acceptor_.non_blocking(true);
  accept();
  sweep();
  return {};
}

Endpoint Listener::address() const {
  boost::system::error_code error;
  const auto local = acceptor_.local_endpoint(error);
  return {local.address().to_string(), local.port()};
}

void Listener::close() {
  boost::system::error_code ignored;
  acceptor_.close(ignored);
  pause_.cancel();
  sweep_timer_.cancel();
  for (const auto& stranger : strangers_) {
    stranger->gone = true;
    stranger->socket.close(ignored);
  }
  strangers_.clear();
}

void Listener::accept() {
  acceptor_.async_accept([this](const boost::system::error_code& error, tcp::socket socket) {
    accepted(error, std::move(socket));
  });
}

void Listener::accepted(const boost::system::error_code& error, tcp::socket socket) {
  if (error == asio::error::operation_aborted || !acceptor_.is_open()) return;
  if (error) {
    // Out of descriptors or memory: the connection stays in the kernel's queue, so wait instead of spinning.
    refusal_({Errc::limit_reached, fmt::format("cannot accept: {}", error.message())}, "");
    pause_.expires_after(std::chrono::milliseconds{100});
    pause_.async_wait([this](const boost::system::error_code& cancelled) {
      if (!cancelled) accept();
    });
    return;
  }
  if (strangers_.size() >= limits_.unauthenticated_max) {
    const auto oldest = strangers_.front();
    drop(oldest, {Errc::limit_reached, fmt::format("more than {} connections that have not shown the authkey "
                                                   "(unauthenticated_max): the oldest was closed",
                                                   limits_.unauthenticated_max)});
  }
  auto stranger = std::make_shared<Stranger>(std::move(socket), authkey_);
  boost::system::error_code ignored;
  const auto peer = stranger->socket.remote_endpoint(ignored);
  stranger->address = ignored ? "?" : fmt::format("{}:{}", peer.address().to_string(), peer.port());
  stranger->place = strangers_.insert(strangers_.end(), stranger);
  read(stranger);
  accept();
}

void Listener::read(const std::shared_ptr<Stranger>& stranger) {
  const auto rest =
      asio::buffer(stranger->bytes.data() + stranger->got, stranger->handshake.wants() - stranger->got);
  stranger->socket.async_read_some(
      rest, [this, stranger](const boost::system::error_code& error, std::size_t bytes) {
        if (stranger->gone) return;
        if (error)
          return drop(stranger,
                      {Errc::protocol_error, fmt::format("left during the handshake: {}", error.message())});
        stranger->got += bytes;
        proceed(stranger);
      });
}

void Listener::proceed(const std::shared_ptr<Stranger>& stranger) {
  const std::string_view bytes{stranger->bytes.data(), stranger->got};
  if (stranger->got < stranger->handshake.wants()) {
    if (!stranger->said_hello && !may_be_hello(bytes))
      return drop(stranger, {Errc::protocol_error, "does not speak reeve's protocol"});
    return read(stranger);
  }
  std::string reply;
  const Result<void> fed = stranger->handshake.feed(bytes, reply);
  stranger->got = 0;
  stranger->said_hello = true;
  boost::system::error_code error;
  // A few dozen bytes into an empty socket buffer: they fit, or the peer is not worth waiting for.
  stranger->socket.non_blocking(true, error);
  const std::size_t sent = reply.empty() ? 0 : stranger->socket.write_some(asio::buffer(reply), error);
  if (!fed) return drop(stranger, fed.error());
  if (error || sent != reply.size())
    return drop(stranger, {Errc::protocol_error, "did not take the handshake's answer"});
  if (!stranger->handshake.done()) return read(stranger);
  stranger->gone = true;
  strangers_.erase(stranger->place);
  welcome_(std::move(stranger->socket), stranger->handshake.role());
}

void Listener::drop(const std::shared_ptr<Stranger>& stranger, const Error& why) {
  stranger->gone = true;
  strangers_.erase(stranger->place);
  boost::system::error_code ignored;
  stranger->socket.shutdown(tcp::socket::shutdown_send, ignored);
  stranger->socket.close(ignored);
  refusal_(why, stranger->address);
}

void Listener::sweep() {
  const TimePoint limit = mono_now() - std::chrono::duration_cast<Duration>(limits_.handshake_deadline);
  while (!strangers_.empty() && strangers_.front()->since < limit) {
    const auto oldest = strangers_.front();
    drop(oldest, {Errc::timed_out, "did not finish the handshake in time"});
  }
  sweep_timer_.expires_after(std::chrono::milliseconds{500});
  sweep_timer_.async_wait([this](const boost::system::error_code& cancelled) {
    if (!cancelled) sweep();
  });
}

}  // namespace reeve::master
