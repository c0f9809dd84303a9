// Connection: an authenticated socket that carries frames. Master, worker and client all use it.
//
// Owner: whoever made it (shared_ptr, because pending operations keep it alive).  Thread: all calls on the
// io_context's one thread.  Always: at most one read and one write are pending; on_closed is called at most once,
// and nothing after it.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <string>

#include "common/base/result.h"
#include "common/net/frame.h"
#include "common/net/handshake.h"

namespace reeve {

class ConnectionHandler {
 public:
  virtual ~ConnectionHandler() = default;
  // One frame, in order of arrival. An error closes the connection (after what is in out() was sent, if it can be).
  virtual Result<void> on_frame(const Frame& frame) = 0;
  // Every frame that had arrived was handled: a good moment to flush answers.
  virtual void on_frames_handled() {}
  // What was unsent fell below output_low_bytes after having been above output_high_bytes.
  virtual void on_writable() {}
  // The connection ended by the peer, an error, or close_after_flush. Not called for close().
  virtual void on_closed(const Error& why) = 0;
};

struct ConnectionLimits {
  std::size_t frame_max_bytes = frame_max_bytes_default;
  std::size_t read_bytes = 256u << 10;         // read at most this much before the frames in it are handled
  std::size_t output_low_bytes = 1u << 20;
  std::size_t output_high_bytes = 16u << 20;   // congested(): the owner should hold back what it can
  std::size_t output_max_bytes = 256u << 20;   // a reader slower than this is cut off (limit_reached)
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(boost::asio::ip::tcp::socket socket, ConnectionLimits limits);  // sets TCP_NODELAY and keepalive
  ~Connection();

  // Begins to read. `handler` must live until on_closed or close(). `early`: bytes that arrived behind the handshake.
  void start(ConnectionHandler& handler, std::string_view early = {});

  // Append whole frames here (append_frame), then flush(). flush writes at once what the socket takes and leaves
  // the rest to an asynchronous write; out() is empty afterwards.
  std::string& out() { return out_; }
  void flush();

  std::size_t unsent_bytes() const;
  bool congested() const { return congested_; }
  bool open() const;

  void close();                          // now, without on_closed
  void close_after_flush(Error why);     // sends what is in out() first (bounded by a few seconds), then on_closed(why)

  std::string peer_address() const;      // "10.0.0.3:51234", also after the end

 private:
  struct Impl;
  std::string out_;
  bool congested_ = false;
  std::unique_ptr<Impl> impl_;
};

struct Endpoint {
  std::string host;
  std::uint16_t port = 0;
};
// "host:port", "[::1]:7733", ":7733" (loopback), "host" with `default_port`. Error: invalid_argument.
Result<Endpoint> parse_endpoint(std::string_view text, std::uint16_t default_port);
std::string to_string(const Endpoint& endpoint);

// Connects and shakes hands, then calls `done` once on the io_context's thread. Cancelling: destroy the returned
// handle (done is then not called). Errors: unavailable (with the reason, for a person), authentication_failed,
// protocol_error, timed_out.
class Connecting;
std::shared_ptr<Connecting> async_connect(
    boost::asio::io_context& io, const Endpoint& endpoint, std::string_view authkey, Role role,
    std::chrono::milliseconds deadline, ConnectionLimits limits,
    std::function<void(Result<std::shared_ptr<Connection>>)> done);

}  // namespace reeve
