#include "master/managers/session.h"

#include <poll.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>

#include "common/net/socket_options.h"
#include "master/managers/server.h"

namespace reeve::master::managers {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr std::size_t unsent_kept_bytes = 2u << 10;  // of capacity, so that idle connections stay small
constexpr std::size_t read_in_a_row_max = 8;         // scratch buffers, before others get their turn

bool is_retry(const error_code& error) {
  return error == asio::error::would_block || error == asio::error::try_again ||
         error == asio::error::interrupted;
}

Error lost(const error_code& error) {
  if (error == asio::error::eof) return {Errc::unavailable, "the client closed the connection"};
  return {Errc::unavailable, fmt::format("the connection was lost: {}", error.message())};
}

}  // namespace

Session::Session(ManagersServer& server, SessionId id, tcp::socket socket, Place place)
    : server_(server),
      id_(id),
      socket_(std::move(socket)),
      place_(std::move(place)),
      reader_(server.options().message_max_bytes) {}

void Session::start(std::string_view early) {
  error_code ignored;  // a socket that is already dead says so at the first read
  socket_.non_blocking(true, ignored);
  reader_.feed(early);
  go_on();
}

// ---- bytes in

void Session::read() {
  if (reading_ || state_ == State::ended || read_ahead_enough()) return;
  reading_ = true;
  socket_.async_read_some(asio::buffer(arrived_),
                          [self = shared_from_this()](const error_code& error, std::size_t bytes) {
                            self->reading_ = false;
                            self->on_read(error, bytes);
                          });
}

void Session::on_read(const error_code& error, std::size_t bytes) {
  if (state_ == State::ended) return;
  if (error) return end(lost(error));
  reader_.feed({arrived_.data(), bytes});
  if (bytes == arrived_.size()) drain_socket();
  go_on();
}

void Session::go_on() {
  count_buffered();
  if (state_ == State::idle && !others_first_) handle_message();
  count_buffered();
  read();
}

void Session::go_on_after_others() {
  others_first_ = true;
  asio::post(socket_.get_executor(), [self = shared_from_this()] {
    self->others_first_ = false;
    self->go_on();
  });
}

bool Session::read_ahead_enough() const {
  return (state_ == State::busy || others_first_) && reader_.buffered_bytes() > read_ahead_max_bytes &&
         reader_.has_next();
}

// More than a small request came: take it in large pieces. What remains, the end of the stream too, is found by
// the next read.
void Session::drain_socket() {
  const auto scratch = server_.scratch();
  for (std::size_t i = 0; i < read_in_a_row_max; ++i) {
    error_code error;
    const std::size_t bytes = socket_.read_some(asio::buffer(scratch.data(), scratch.size()), error);
    if (error) return;
    reader_.feed({scratch.data(), bytes});
    if (bytes < scratch.size() || read_ahead_enough()) return;
  }
}

void Session::handle_message() {
  std::string_view message;
  Error broken;
  switch (reader_.next(message, broken)) {
    case MessageReader::Next::message:
      state_ = State::busy;
      server_.request(*this, message);
      return reader_.drop_handed_out();
    case MessageReader::Next::incomplete:
      if (reader_.buffered_bytes() > 0) acknowledge(socket_.native_handle());
      return;
    case MessageReader::Next::broken:
      if (broken.code == Errc::too_large) broken.detail += " (managers-message-max-bytes)";
      return end(broken);
  }
}

bool Session::at_end() {
  if (state_ == State::ended) return true;
  pollfd peer{.fd = socket_.native_handle(), .events = POLLRDHUP, .revents = 0};
  return ::poll(&peer, 1, 0) > 0;
}

// ---- bytes out

void Session::answer(std::string_view payload) {
  if (state_ == State::ended) return;
  std::string& out = server_.reply_scratch();
  out.clear();
  append_message(out, payload);
  send(out);
  if (out.capacity() > reply_kept_max_bytes) std::string{}.swap(out);
}

// Header and payload leave in one write; what the socket does not take waits for it.
void Session::send(std::string_view bytes) {
  std::size_t sent = 0;
  if (unsent_.empty()) {
    error_code error;
    sent = socket_.write_some(asio::buffer(bytes), error);
    if (error && !is_retry(error)) return end(lost(error));
  }
  if (sent == bytes.size()) {
    if (state_ == State::busy) on_sent();
    return;
  }
  const bool idle = unsent_.empty();
  unsent_.append(bytes.substr(sent));
  if (idle) write_rest();
  count_buffered();
}

void Session::write_rest() {
  socket_.async_write_some(asio::buffer(unsent_.data() + unsent_begin_, unsent_.size() - unsent_begin_),
                           [self = shared_from_this()](const error_code& error, std::size_t bytes) {
                             if (self->state_ == State::ended) return;
                             if (error) return self->end(lost(error));
                             self->unsent_begin_ += bytes;
                             if (self->unsent_begin_ < self->unsent_.size()) return self->write_rest();
                             self->unsent_.clear();
                             self->unsent_begin_ = 0;
                             if (self->unsent_.capacity() > unsent_kept_bytes) self->unsent_.shrink_to_fit();
                             if (self->state_ == State::busy) self->on_sent();
                           });
}

void Session::on_sent() {
  count_buffered();  // less than before, so it ends nobody: this client has its answer
  if (close_when_sent_) return end({Errc::ok, "answered"});
  state_ = State::idle;
  server_.answered(*this);
  // Later, for others' sake, and because this may be called while the server serves somebody else.
  if (state_ == State::idle && reader_.buffered_bytes() > 0) go_on_after_others();
  read();
}

void Session::hold(std::string_view payload) {
  if (state_ == State::ended) return;
  held_ = payload;
  count_buffered();
}

void Session::count_buffered() {
  const std::size_t bytes = state_ == State::ended ? 0 : buffered_bytes();
  if (bytes != counted_bytes_) server_.buffered(std::exchange(counted_bytes_, bytes), bytes);
}

void Session::abandon() {
  if (state_ == State::ended) return;
  state_ = State::ended;
  count_buffered();
  error_code ignored;
  socket_.close(ignored);
  place_ = {};
}

void Session::end(const Error& why) {
  if (state_ == State::ended) return;
  abandon();
  server_.ended(*this, why);
}

}  // namespace reeve::master::managers
