// Connection: an authenticated socket that carries frames. Master, worker and client all use it.
//
// Owner: whoever made it (shared_ptr, because pending operations keep it alive); it must close() or see
// on_closed before it lets go.  Thread: all calls on the io_context's one thread.  Always: at most one read
// and one write are pending; on_closed is called at most once, and nothing after it.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/net/endpoint.h"
#include "common/net/frame.h"
#include "common/net/handshake.h"

namespace reeve {

class ConnectionHandler {
 public:
  virtual ~ConnectionHandler() = default;
  // One frame, in order of arrival. An error closes the connection (after what is in out() was sent, if it
  // can be).
  virtual Result<void> on_frame(const Frame& frame) = 0;
  // Every frame that had arrived was handled: a good moment to flush answers.
  virtual void on_frames_handled() {}
  // The peer broke the protocol (on_frame said so, or the frames themselves are broken) and the connection is
  // about to close: a last word appended to out() now is still sent.
  virtual void on_refusing(const Error&) {}
  // What was unsent fell below output_low_bytes after having been above output_high_bytes.
  virtual void on_writable() {}
  // The connection ended by the peer, an error, or close_after_flush. Not called for close(). Never called
  // from within a call of the owner's, such as flush().
  virtual void on_closed(const Error& why) = 0;
};

struct ConnectionLimits {
  std::size_t frame_max_bytes = frame_max_bytes_default;
  std::size_t read_bytes = 256u << 10;  // read at most this much before the frames in it are handled
  std::size_t output_low_bytes = 1u << 20;
  std::size_t output_high_bytes = 16u << 20;  // congested(): the owner should hold back what it can
  std::size_t output_max_bytes = 256u << 20;  // a reader slower than this is cut off (limit_reached)
  // As of bound_silence(): then the system closes the connection.
  std::chrono::milliseconds silence_max{30'000};
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(boost::asio::ip::tcp::socket socket,
             ConnectionLimits limits);  // sets TCP_NODELAY and how long silence may last
  ~Connection();

  // Begins to read. `handler` must live until on_closed or close(). `early`: bytes that arrived behind the
  // handshake.
  void start(ConnectionHandler& handler, std::string_view early = {});

  // Append whole frames here (append_frame), then flush(). flush writes at once what the socket takes and
  // leaves the rest to an asynchronous write; out() is empty afterwards.
  std::string& out() { return out_; }
  void flush();

  std::size_t unsent_bytes() const { return unsent_.size() - unsent_begin_ + out_.size(); }
  bool congested() const { return congested_; }
  bool open() const { return state_ == State::open; }

  void close();  // now, without on_closed
  void close_after_flush(
      Error why);  // sends what is in out() first (bounded by a few seconds), then on_closed(why)

  const std::string& peer_address() const { return peer_address_; }  // "10.0.0.3:51234", also after the end

 private:
  enum class State : std::uint8_t { idle, open, flushing, closed };

  void read();
  void on_read(const boost::system::error_code& error, std::size_t bytes);
  void handle_frames();
  void refuse(const Error& why);
  std::optional<std::size_t> send(std::string_view bytes);
  void write_when_ready();
  void after_write(std::size_t sent);
  void end(Error why);  // closed, and on_closed will be called from the loop
  void linger();
  void discard();

  std::string out_;
  bool congested_ = false;
  bool write_pending_ = false;
  State state_ = State::idle;
  boost::asio::ip::tcp::socket socket_;
  ConnectionLimits limits_;
  FrameReader reader_;
  std::size_t read_bytes_;  // the next read's size: follows what arrives, so that idle connections stay small
  std::string unsent_;      // what the socket did not take yet, from unsent_begin_ on
  std::size_t unsent_begin_ = 0;
  ConnectionHandler* handler_ = nullptr;              // null: not started, or it must not be called any more
  std::optional<boost::asio::steady_timer> closing_;  // bounds what close_after_flush waits for
  Error why_;                                         // why it is flushing
  std::string peer_address_;
};

// Connects and shakes hands, then calls `done` once on the io_context's thread. Cancelling: destroy the
// returned handle (done is then not called). Errors: unavailable (with the reason, for a person),
// authentication_failed, protocol_error, timed_out.
class Connecting;
std::shared_ptr<Connecting> async_connect(boost::asio::io_context& io, const Endpoint& endpoint,
                                          std::string_view authkey, Role role,
                                          std::chrono::milliseconds deadline, ConnectionLimits limits,
                                          std::function<void(Result<std::shared_ptr<Connection>>)> done);

}  // namespace reeve
