#include "master/net/door.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <utility>

#include "common/net/socket_options.h"

namespace reeve::master {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

struct Listener::Door::Stranger {
  Stranger(tcp::socket s, std::unique_ptr<Proof> p, Place taken)
      : socket(std::move(s)), proof(std::move(p)), connection(std::move(taken)) {}
  tcp::socket socket;
  std::unique_ptr<Proof> proof;
  Place connection;
  TimePoint since = mono_now();
  Strangers::iterator place;
  bool heard = false;  // it said something
  bool gone = false;
  std::array<char, 320> bytes;  // the longest message of a handshake, and some more
};

Listener::Door::Door(Doorway& doorway, std::shared_ptr<Handover> handover, Refusals& refusals,
                     Dialect dialect, Limits limits)
    : doorway_(doorway),
      handover_(std::move(handover)),
      refusals_(refusals),
      dialect_(std::move(dialect)),
      limits_(limits),
      acceptor_(doorway.io()),
      pause_(doorway.io()),
      sweep_timer_(doorway.io()) {}

Result<Endpoint> Listener::Door::open(const Endpoint& endpoint) {
  error_code error;
  tcp::resolver resolver{doorway_.io()};
  const auto found = resolver.resolve(endpoint.host, std::to_string(endpoint.port),
                                      tcp::resolver::passive | tcp::resolver::numeric_service, error);
  if (!error && found.empty()) error = asio::error::host_not_found;
  if (!error) {
    const tcp::endpoint where = found.begin()->endpoint();
    protocol_ = where.protocol();
    acceptor_.open(protocol_, error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address{true}, error);
    // What is set here holds for the connections as well: Linux passes it on to them.
    if (!error) acceptor_.set_option(tcp::no_delay{true}, error);
    if (!error) acceptor_.set_option(asio::socket_base::keep_alive{true}, error);
    if (!error) acceptor_.bind(where, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (!error) acceptor_.non_blocking(true, error);
  }
  if (error) return fail(Errc::unavailable, "{}: {}", to_string(endpoint), error.message());
  const auto local = acceptor_.local_endpoint(error);
  return Endpoint{local.address().to_string(), local.port()};
}

void Listener::Door::start() {
  accept();
  sweep();
}

void Listener::Door::close() {
  error_code ignored;
  acceptor_.close(ignored);
  pause_.cancel();
  sweep_timer_.cancel();
  while (!strangers_.empty()) {
    const auto stranger = strangers_.front();
    leave(*stranger);
    stranger->socket.close(ignored);
  }
}

// ---- accepting

void Listener::Door::accept() {
  acceptor_.async_accept([door = shared_from_this()](const error_code& error, tcp::socket socket) {
    if (door->acceptor_.is_open()) door->accepted(error, std::move(socket));
  });
}

void Listener::Door::accepted(const error_code& error, tcp::socket socket) {
  if (!error) admit(std::move(socket));
  const bool exhausted = error == asio::error::no_descriptors || error == asio::error::no_buffer_space ||
                         error == asio::error::no_memory;
  if (exhausted) refuse({Errc::limit_reached, fmt::format("cannot accept: {}", error.message())}, nullptr);
  if (exhausted || handover_->waiting() >= waiting_max) return accept_later();
  accept();
}

// The connections stay in the system's queue, so wait instead of spinning.
void Listener::Door::accept_later() {
  pause_.expires_after(std::chrono::milliseconds{100});
  pause_.async_wait([door = shared_from_this()](const error_code& cancelled) {
    if (!cancelled && door->acceptor_.is_open()) door->accept();
  });
}

void Listener::Door::admit(tcp::socket socket) {
  if (taken_->load() >= limits_.connections_max)
    return refuse({Errc::limit_reached, fmt::format("there are {} connections ({}connections-max)",
                                                    limits_.connections_max, dialect_.setting_prefix)},
                  &socket);
  if (strangers_.size() >= limits_.unauthenticated_max)
    drop(std::shared_ptr{strangers_.front()},
         {Errc::limit_reached, fmt::format("more than {} connections that have not shown the authkey "
                                           "({}unauthenticated-max): the oldest was closed",
                                           limits_.unauthenticated_max, dialect_.setting_prefix)});
  const auto stranger = std::make_shared<Stranger>(std::move(socket), dialect_.proof(), Place{taken_});
  stranger->place = strangers_.insert(strangers_.end(), stranger);
  doorway_.stranger_came();
  error_code ignored;  // a socket that is already dead says so when it is used
  stranger->socket.non_blocking(true, ignored);
  said_.clear();
  stranger->proof->begin(said_);
  if (!say(*stranger)) return drop(stranger, {Errc::protocol_error, "left before the handshake"});
  read(stranger);
}

// ---- shaking hands

void Listener::Door::read(const std::shared_ptr<Stranger>& stranger) {
  const std::size_t wanted = std::min(stranger->proof->wants(), stranger->bytes.size());
  stranger->socket.async_read_some(
      asio::buffer(stranger->bytes.data(), wanted),
      [door = shared_from_this(), stranger](const error_code& error, std::size_t bytes) {
        if (stranger->gone) return;
        if (error)
          return door->drop(stranger, {Errc::protocol_error,
                                       fmt::format("left during the handshake: {}", error.message())});
        door->proceed(stranger, bytes);
      });
}

void Listener::Door::proceed(const std::shared_ptr<Stranger>& stranger, std::size_t bytes) {
  stranger->heard = true;
  said_.clear();
  const Result<void> fed = stranger->proof->feed({stranger->bytes.data(), bytes}, said_);
  const bool heard = say(*stranger);
  if (!fed) return drop(stranger, fed.error());
  if (!heard) return drop(stranger, {Errc::protocol_error, "did not take the handshake's answer"});
  if (!stranger->proof->done()) return read(stranger);
  hand_over(*stranger);
}

// A few dozen bytes into an empty socket buffer: they fit, or the peer is not worth waiting for.
bool Listener::Door::say(Stranger& stranger) {
  if (said_.empty()) return true;
  error_code error;
  const std::size_t sent = stranger.socket.write_some(asio::buffer(said_), error);
  return !error && sent == said_.size();
}

void Listener::Door::hand_over(Stranger& stranger) {
  leave(stranger);
  acknowledge(stranger.socket.native_handle());  // a request may follow the last word
  handover_->put({.socket = LooseSocket{std::move(stranger.socket), protocol_},
                  .role = stranger.proof->role(),
                  .early = std::string{stranger.proof->early()},
                  .place = std::move(stranger.connection)});
}

// ---- the end of a stranger

void Listener::Door::leave(Stranger& stranger) {
  stranger.gone = true;
  strangers_.erase(stranger.place);  // whoever calls this keeps it alive
  doorway_.stranger_left();
}

void Listener::Door::drop(const std::shared_ptr<Stranger>& stranger, const Error& why) {
  leave(*stranger);
  refuse(why, &stranger->socket);
  stranger->connection = {};
  error_code ignored;
  stranger->socket.shutdown(tcp::socket::shutdown_send, ignored);
  stranger->socket.close(ignored);
}

void Listener::Door::refuse(const Error& why, const tcp::socket* socket) {
  refusals_.count(why, [&]() -> std::string {
    if (socket == nullptr) return "";
    error_code error;
    const auto peer = socket->remote_endpoint(error);
    if (error) return dialect_.stranger;
    const std::string address = to_string(Endpoint{peer.address().to_string(), peer.port()});
    return dialect_.stranger.empty() ? address : fmt::format("{} at {}", dialect_.stranger, address);
  });
}

void Listener::Door::too_late(const std::shared_ptr<Stranger>& stranger) {
  if (stranger->heard || dialect_.silent.empty())
    return drop(stranger, {Errc::timed_out, "did not finish the handshake in time"});
  said_ = dialect_.word_to_silent;
  (void)say(*stranger);  // it is dropped anyway
  drop(stranger, {Errc::timed_out, dialect_.silent});
}

void Listener::Door::sweep() {
  const TimePoint limit = mono_now() - std::chrono::duration_cast<Duration>(limits_.handshake_deadline);
  while (!strangers_.empty() && strangers_.front()->since < limit)
    too_late(std::shared_ptr{strangers_.front()});
  sweep_timer_.expires_after(std::chrono::milliseconds{500});
  sweep_timer_.async_wait([door = shared_from_this()](const error_code& cancelled) {
    if (!cancelled && door->acceptor_.is_open()) door->sweep();
  });
}

}  // namespace reeve::master
