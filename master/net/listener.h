// Listener accepts connections and shakes hands with them. Until the handshake is over a connection is
// nothing but a socket and 40 bytes; strangers are few, short-lived, and the oldest goes first when there are
// too many.
//
// Owner: NativeServer.  Thread: the loop thread.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <list>
#include <memory>
#include <string>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/net/endpoint.h"
#include "common/net/handshake.h"

namespace reeve::master {

class Listener {
 public:
  struct Limits {
    std::size_t unauthenticated_max = 1024;  // connections whose handshake is not over
    std::chrono::milliseconds handshake_deadline = std::chrono::seconds{5};
  };
  // Runs on the loop thread for each connection that proved itself.
  using Welcome = std::function<void(boost::asio::ip::tcp::socket, Role)>;
  // …and for each that did not, or was dropped.
  using Refusal = std::function<void(const Error&, const std::string& address)>;

  Listener(boost::asio::io_context& io, std::string authkey, Limits limits, Welcome welcome, Refusal refusal);
  ~Listener();

  // Error: unavailable, with the reason (address in use, …).
  Result<void> listen(const Endpoint& endpoint);
  Endpoint address() const;  // with the real port
  void close();
  std::size_t unauthenticated() const { return strangers_.size(); }

 private:
  struct Stranger;
  using Strangers = std::list<std::shared_ptr<Stranger>>;  // oldest first

  void accept();
  void accepted(const boost::system::error_code& error, boost::asio::ip::tcp::socket socket);
  void read(const std::shared_ptr<Stranger>& stranger);
  void proceed(const std::shared_ptr<Stranger>& stranger);
  void drop(const std::shared_ptr<Stranger>& stranger, const Error& why);
  void sweep();

  boost::asio::io_context& io_;
  std::string authkey_;
  Limits limits_;
  Welcome welcome_;
  Refusal refusal_;
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer pause_;  // before accepting again when the system has no more descriptors
  boost::asio::steady_timer sweep_timer_;
  Strangers strangers_;
};

}  // namespace reeve::master
