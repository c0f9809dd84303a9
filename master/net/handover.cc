#include "master/net/handover.h"

#include <unistd.h>

#include <boost/asio/post.hpp>
#include <vector>

namespace reeve::master {

using boost::asio::ip::tcp;

namespace {

int released(tcp::socket& socket) {
  boost::system::error_code error;
  const int descriptor = socket.release(error);
  return error ? -1 : descriptor;
}

}  // namespace

LooseSocket::LooseSocket(tcp::socket socket, tcp protocol)
    : descriptor_(released(socket)), protocol_(protocol) {}

LooseSocket::~LooseSocket() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

tcp::socket LooseSocket::settle(boost::asio::io_context& io) && {
  tcp::socket socket{io};
  boost::system::error_code error;
  socket.assign(protocol_, descriptor_, error);
  if (!error) descriptor_ = -1;
  return socket;
}

void Handover::put(Proven<LooseSocket> connection) {
  bool first = false;
  {
    const std::lock_guard lock{mutex_};
    first = waiting_.empty();
    waiting_.push_back(std::move(connection));
  }
  if (first) wake_loop();
}

void Handover::wake_loop() {
  boost::asio::post(loop_, [self = shared_from_this()] { self->welcome_some(); });
}

std::size_t Handover::waiting() const {
  const std::lock_guard lock{mutex_};
  return waiting_.size();
}

void Handover::welcome_some() {
  std::vector<Proven<LooseSocket>> some;
  bool more = false;
  {
    const std::lock_guard lock{mutex_};
    for (; !waiting_.empty() && some.size() < welcomed_in_a_row_max; waiting_.pop_front())
      some.push_back(std::move(waiting_.front()));
    more = !waiting_.empty();
  }
  for (auto& [socket, role, early, place] : some)
    if (welcome_) welcome_({std::move(socket).settle(loop_), role, std::move(early), std::move(place)});
  if (more) wake_loop();
}

void Handover::close() {
  welcome_ = nullptr;
  const std::lock_guard lock{mutex_};
  waiting_.clear();
}

}  // namespace reeve::master
