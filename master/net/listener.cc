#include "master/net/listener.h"

#include <boost/asio/post.hpp>
#include <utility>

#include "master/net/door.h"

namespace reeve::master {

Listener::Listener(Doorway& doorway, boost::asio::io_context& loop, Refusals& refusals, Dialect dialect,
                   Limits limits, Welcome welcome)
    : doorway_(doorway),
      handover_(std::make_shared<Handover>(loop, std::move(welcome))),
      door_(std::make_shared<Door>(doorway, handover_, refusals, std::move(dialect), limits)) {}

Listener::~Listener() { close(); }

Result<void> Listener::listen(const Endpoint& endpoint) {
  auto address = door_->open(endpoint);
  if (!address) return fail(address.error());
  address_ = std::move(*address);
  doorway_.open();
  boost::asio::post(doorway_.io(), [door = door_] { door->start(); });
  return {};
}

void Listener::close() {
  doorway_.ask([this] { door_->close(); });
  handover_->close();
}

}  // namespace reeve::master
