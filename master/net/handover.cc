#include "master/net/handover.h"

#include <boost/asio/post.hpp>
#include <vector>

namespace reeve::master {

void Handover::put(Arrival arrival) {
  bool first = false;
  {
    const std::lock_guard lock{mutex_};
    first = waiting_.empty();
    waiting_.push_back(std::move(arrival));
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
  std::vector<Arrival> some;
  bool more = false;
  {
    const std::lock_guard lock{mutex_};
    for (; !waiting_.empty() && some.size() < welcomed_in_a_row_max; waiting_.pop_front())
      some.push_back(std::move(waiting_.front()));
    more = !waiting_.empty();
  }
  for (Arrival& arrival : some)
    if (welcome_) welcome_(std::move(arrival));
  if (more) wake_loop();
}

void Handover::close() {
  welcome_ = nullptr;
  const std::lock_guard lock{mutex_};
  waiting_.clear();
}

}  // namespace reeve::master
