#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include "common/net/connection.h"

namespace reeve {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using Done = std::function<void(Result<std::shared_ptr<Connection>>)>;

}  // namespace

// The steps of one attempt. Pending operations share it; after finish() they find done_ empty and do nothing.
class ConnectAttempt : public std::enable_shared_from_this<ConnectAttempt> {
 public:
  ConnectAttempt(asio::io_context& io, Endpoint endpoint, std::string_view authkey, Role role,
                 ConnectionLimits limits, Done done)
      : endpoint_(std::move(endpoint)),
        limits_(limits),
        handshake_(authkey, role, random_nonce()),
        resolver_(io),
        socket_(io),
        timer_(io),
        done_(std::move(done)) {}

  void start(std::chrono::milliseconds deadline) {
    timer_.expires_after(deadline);
    timer_.async_wait([self = shared_from_this(), deadline](const error_code& error) {
      if (!error)
        self->finish(fail(Errc::timed_out, "{} did not answer within {} ms", to_string(self->endpoint_),
                          deadline.count()));
    });
    error_code not_numeric;
    const auto address = asio::ip::make_address(endpoint_.host, not_numeric);
    if (!not_numeric) return connect(std::array{tcp::endpoint{address, endpoint_.port}});
    resolver_.async_resolve(
        endpoint_.host, std::to_string(endpoint_.port), tcp::resolver::numeric_service,
        [self = shared_from_this()](const error_code& error, const tcp::resolver::results_type& found) {
          if (error) return self->cannot_reach(error);
          self->connect(found);
        });
  }

  // Ends everything; `done` is not called any more.
  void cancel() {
    done_ = nullptr;
    timer_.cancel();
    resolver_.cancel();
    error_code ignored;
    socket_.close(ignored);
  }

 private:
  template <typename Endpoints>
  void connect(const Endpoints& endpoints) {
    if (!done_) return;
    asio::async_connect(socket_, endpoints,
                        [self = shared_from_this()](const error_code& error, const tcp::endpoint&) {
                          if (error) return self->cannot_reach(error);
                          self->handshake_.start(self->output_);
                          self->exchange();
                        });
  }

  // Sends what the handshake wants sent, then reads what it wants read, until it is through.
  void exchange() {
    if (!done_) return;
    asio::async_write(socket_, asio::buffer(output_),
                      [self = shared_from_this()](const error_code& error, std::size_t) {
                        if (error) return self->broken_off(error);
                        self->output_.clear();
                        self->input_.resize(self->handshake_.wants());
                        asio::async_read(self->socket_, asio::buffer(self->input_),
                                         [self](const error_code& read_error, std::size_t) {
                                           if (read_error) return self->broken_off(read_error);
                                           self->feed();
                                         });
                      });
  }

  void feed() {
    if (!done_) return;
    const auto fed = handshake_.feed(input_, output_);
    if (!fed) return finish(fail(fed.error().code, "{}: {}", to_string(endpoint_), fed.error().detail));
    if (!handshake_.done()) return exchange();
    finish(std::make_shared<Connection>(std::move(socket_), limits_));
  }

  void cannot_reach(const error_code& error) {
    finish(fail(Errc::unavailable, "cannot reach {}: {}", to_string(endpoint_), error.message()));
  }
  void broken_off(const error_code& error) {
    if (error == asio::error::eof)
      return finish(
          fail(Errc::unavailable, "{} closed the connection during the handshake", to_string(endpoint_)));
    finish(fail(Errc::unavailable, "{}: the handshake was broken off: {}", to_string(endpoint_),
                error.message()));
  }

  void finish(Result<std::shared_ptr<Connection>> result) {
    if (!done_) return;
    const Done done = std::move(done_);
    cancel();
    done(std::move(result));
  }

  Endpoint endpoint_;
  ConnectionLimits limits_;
  ClientHandshake handshake_;
  tcp::resolver resolver_;
  tcp::socket socket_;
  asio::steady_timer timer_;
  std::string output_, input_;
  Done done_;
};

// What the caller holds: letting go of it cancels the attempt.
class Connecting {
 public:
  explicit Connecting(std::shared_ptr<ConnectAttempt> attempt) : attempt_(std::move(attempt)) {}
  Connecting(const Connecting&) = delete;
  Connecting& operator=(const Connecting&) = delete;
  ~Connecting() { attempt_->cancel(); }

 private:
  std::shared_ptr<ConnectAttempt> attempt_;
};

std::shared_ptr<Connecting> async_connect(asio::io_context& io, const Endpoint& endpoint,
                                          std::string_view authkey, Role role,
                                          std::chrono::milliseconds deadline, ConnectionLimits limits,
                                          Done done) {
  auto attempt = std::make_shared<ConnectAttempt>(io, endpoint, authkey, role, limits, std::move(done));
  attempt->start(deadline);
  return std::make_shared<Connecting>(std::move(attempt));
}

}  // namespace reeve
