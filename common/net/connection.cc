#include "common/net/connection.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <cstring>

#include "common/base/assert.h"
#include "common/net/socket_options.h"

namespace reeve {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::size_t read_bytes_first = 4u << 10;
constexpr auto flush_max = std::chrono::seconds{3};   // close_after_flush waits no longer for a slow reader
constexpr auto linger_max = std::chrono::seconds{1};  // then, for the peer to close its side
constexpr std::size_t output_kept_bytes = 1u << 20;   // of capacity, after a large burst

bool is_retry(const error_code& error) {
  return error == asio::error::would_block || error == asio::error::try_again ||
         error == asio::error::interrupted;
}

Error lost(const error_code& error) {
  if (error == asio::error::eof) return {Errc::unavailable, "the peer closed the connection"};
  return {Errc::unavailable, fmt::format("the connection was lost: {}", error.message())};
}

std::string address_of(const tcp::socket& socket) {
  error_code error;
  const auto peer = socket.remote_endpoint(error);
  if (error) return "unknown";
  return to_string(Endpoint{peer.address().to_string(), peer.port()});
}

}  // namespace

Connection::Connection(tcp::socket socket, ConnectionLimits limits)
    : socket_(std::move(socket)),
      limits_(limits),
      reader_(limits.frame_max_bytes),
      read_bytes_(std::min(read_bytes_first, limits.read_bytes)),
      peer_address_(address_of(socket_)) {
  error_code ignored;  // a socket that is already dead says so at the first read
  socket_.non_blocking(true, ignored);
  socket_.set_option(tcp::no_delay{true}, ignored);
  bound_silence(socket_.native_handle(), limits.silence_max);
}

Connection::~Connection() = default;

void Connection::start(ConnectionHandler& handler, std::string_view early) {
  ASSERT(state_ == State::idle, "a connection starts once");
  handler_ = &handler;
  state_ = State::open;
  if (early.empty()) return read();
  const auto space = reader_.space(early.size());
  std::memcpy(space.data, early.data(), early.size());
  reader_.commit(early.size());
  asio::post(socket_.get_executor(), [self = shared_from_this()] {
    if (self->open()) self->handle_frames();
    if (self->open()) self->read();
  });
}

void Connection::read() {
  const auto space = reader_.space(read_bytes_);
  socket_.async_read_some(asio::buffer(space.data, space.size),
                          [self = shared_from_this()](const error_code& error, std::size_t bytes) {
                            self->on_read(error, bytes);
                          });
}

void Connection::on_read(const error_code& error, std::size_t bytes) {
  if (!open()) return;
  if (error) return end(lost(error));
  reader_.commit(bytes);
  if (bytes >= read_bytes_) read_bytes_ = std::min(read_bytes_ * 2, limits_.read_bytes);
  handle_frames();
  if (open()) read();
}

void Connection::handle_frames() {
  Frame frame{};
  Error broken;
  for (;;) {
    switch (reader_.next(frame, broken)) {
      case FrameReader::Next::frame: {
        const auto handled = handler_->on_frame(frame);
        if (!open()) return;
        if (!handled) return refuse(handled.error());
        break;
      }
      case FrameReader::Next::incomplete:
        return handler_->on_frames_handled();
      case FrameReader::Next::broken:
        return refuse(broken);
    }
  }
}

void Connection::refuse(const Error& why) {
  handler_->on_frames_handled();  // what came before the mistake is answered
  if (open()) handler_->on_refusing(why);
  if (open()) close_after_flush(why);
}

void Connection::flush() {
  if (out_.empty() || state_ == State::closed) return out_.clear();
  std::size_t taken = 0;
  if (!write_pending_) {
    const auto sent = send(out_);
    if (!sent) return;
    taken = *sent;
  }
  unsent_.append(out_, taken);
  out_.clear();
  if (out_.capacity() > output_kept_bytes) out_.shrink_to_fit();
  const std::size_t waiting = unsent_bytes();
  if (waiting == 0) return;
  if (waiting > limits_.output_max_bytes)
    return end({Errc::limit_reached, fmt::format("the peer reads too slowly: {} bytes wait for it "
                                                 "(output-max-bytes {})",
                                                 waiting, limits_.output_max_bytes)});
  if (waiting > limits_.output_high_bytes) congested_ = true;
  if (!write_pending_) write_when_ready();
}

// Returns how much of `bytes` the socket took now; nothing when the connection failed (and is ended).
std::optional<std::size_t> Connection::send(std::string_view bytes) {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    error_code error;
    const std::size_t left = bytes.size() - sent;
    const std::size_t taken = socket_.write_some(asio::buffer(bytes.data() + sent, left), error);
    if (is_retry(error)) break;
    if (error) {
      end(lost(error));
      return std::nullopt;
    }
    sent += taken;
    if (taken < left) break;  // the socket is full
  }
  return sent;
}

void Connection::write_when_ready() {
  write_pending_ = true;
  socket_.async_wait(tcp::socket::wait_write, [self = shared_from_this()](const error_code& error) {
    self->write_pending_ = false;
    if (self->state_ == State::closed) return;
    if (error) return self->end(lost(error));
    const auto sent = self->send(std::string_view{self->unsent_}.substr(self->unsent_begin_));
    if (sent) self->after_write(*sent);
  });
}

// The socket took something: go on, tell the owner, or finish.
void Connection::after_write(std::size_t sent) {
  unsent_begin_ += sent;
  const std::size_t waiting = unsent_.size() - unsent_begin_;
  if (waiting == 0) {
    unsent_.clear();
    if (unsent_.capacity() > output_kept_bytes) unsent_.shrink_to_fit();
    unsent_begin_ = 0;
  } else {
    if (unsent_begin_ > waiting) {  // moves fewer bytes than were sent since the last move
      unsent_.erase(0, unsent_begin_);
      unsent_begin_ = 0;
    }
    write_when_ready();
  }
  if (state_ == State::flushing) {
    if (waiting == 0) end(why_);
    return;
  }
  if (congested_ && waiting < limits_.output_low_bytes) {
    congested_ = false;
    handler_->on_writable();
  }
}

void Connection::close() {
  handler_ = nullptr;
  if (state_ == State::closed) return;
  state_ = State::closed;
  if (closing_) closing_->cancel();
  error_code ignored;
  socket_.close(ignored);
}

void Connection::close_after_flush(Error why) {
  if (!open()) return;
  flush();
  if (!open()) return;  // the flush failed
  state_ = State::flushing;
  why_ = std::move(why);
  if (!write_pending_) return end(why_);
  closing_.emplace(socket_.get_executor(), flush_max);
  closing_->async_wait([self = shared_from_this()](const error_code& error) {
    if (!error && self->state_ == State::flushing) self->end(self->why_);
  });
}

void Connection::end(Error why) {
  const bool in_order = state_ == State::flushing && !write_pending_;
  state_ = State::closed;
  out_.clear();
  if (closing_) closing_->cancel();
  if (in_order) {
    linger();
  } else {
    error_code ignored;
    socket_.close(ignored);
  }
  asio::post(socket_.get_executor(), [self = shared_from_this(), why = std::move(why)] {
    if (auto* const handler = std::exchange(self->handler_, nullptr)) handler->on_closed(why);
  });
}

// Closing a socket with unread input resets the connection, and the peer may lose our last words. So: say
// that we are through, read what still comes for a moment, then close.
void Connection::linger() {
  error_code ignored;
  socket_.cancel(ignored);  // the read that is pending uses the reader's buffer
  socket_.shutdown(tcp::socket::shutdown_send, ignored);
  closing_.emplace(socket_.get_executor(), linger_max);
  closing_->async_wait([self = shared_from_this()](const error_code&) {
    error_code unused;
    self->socket_.close(unused);
  });
  discard();
}

void Connection::discard() {
  socket_.async_wait(tcp::socket::wait_read, [self = shared_from_this()](const error_code& error) {
    char waste[4096];
    error_code ended = error;
    while (!ended) self->socket_.read_some(asio::buffer(waste), ended);
    if (is_retry(ended)) return self->discard();
    self->closing_->cancel();
  });
}

}  // namespace reeve
