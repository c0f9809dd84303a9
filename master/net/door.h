// Door is the part of a Listener that is on the doorway's thread: the acceptor and the strangers.
//
// Owner: Listener (shared_ptr, because pending operations keep it alive).  Thread: the doorway's; open() before that begins.
// Always: after close() nothing is refused and nothing handed over.
#pragma once

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <list>
#include <memory>
#include <string>

#include "master/net/listener.h"

namespace reeve::master {

class Listener::Door : public std::enable_shared_from_this<Door> {
 public:
  Door(Doorway& doorway, std::shared_ptr<Handover> handover, Refusals& refusals, Dialect dialect,
       Limits limits);

  // The address, with the real port.
  Result<Endpoint> open(const Endpoint& endpoint);
  void start();
  void close();

 private:
  struct Stranger;
  using Strangers = std::list<std::shared_ptr<Stranger>>;  // oldest first
  using Socket = boost::asio::ip::tcp::socket;

  // So many that proved themselves may wait for the loop; then the next ones wait in the system's queue.
  static constexpr std::size_t waiting_max = 1024;

  void accept();
  void accepted(const boost::system::error_code& error, Socket socket);
  void accept_later();
  void admit(Socket socket);
  void read(const std::shared_ptr<Stranger>& stranger);
  void proceed(const std::shared_ptr<Stranger>& stranger, std::size_t bytes);
  bool say(Stranger& stranger);
  void hand_over(Stranger& stranger);
  void leave(Stranger& stranger);
  void drop(const std::shared_ptr<Stranger>& stranger, const Error& why);
  void refuse(const Error& why, const Socket* socket);
  void too_late(const std::shared_ptr<Stranger>& stranger);
  void sweep();

  Doorway& doorway_;
  std::shared_ptr<Handover> handover_;
  Refusals& refusals_;
  Dialect dialect_;
  Limits limits_;
  Place::Taken taken_ = std::make_shared<std::atomic<std::size_t>>(0);
  boost::asio::ip::tcp protocol_ = boost::asio::ip::tcp::v4();
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer pause_;  // before accepting again when there is no room
  boost::asio::steady_timer sweep_timer_;
  Strangers strangers_;
  std::string said_;  // to the stranger at hand
};

}  // namespace reeve::master
