// Outbox: what one simulated session is about to be sent, held back by the same marks as the real one's bytes.
#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "master/core/departures.h"
#include "tests/sim/network.h"

namespace reeve::sim {

struct Message {
  std::function<void()> arrives;
  std::function<void()> leaves = nullptr;  // what History is told at that moment
};

class Outbox {
 public:
  explicit Outbox(ConnectionPtr connection) : connection_(std::move(connection)) {}

  void send_now(Message message) {
    urgent_ = true;
    out_.push_back(std::move(message));
  }
  void hold(Message message, bool patient) {
    urgent_ |= !patient;
    held_.push_back(std::move(message));
  }
  Connection& connection() { return *connection_; }

  // ---- for Departures
  void seal(master::Ticket ticket) {
    if (held_.size() > sealed_) marks_.seal(ticket, sealed_ = held_.size());
  }
  void release(master::Ticket committed) {
    const std::size_t end = marks_.release(committed, begin_);
    for (; begin_ < end; ++begin_) out_.push_back(std::move(held_[begin_]));
    if (marks_.empty() && begin_ == held_.size()) held_.clear(), begin_ = sealed_ = 0;
  }
  bool holds_any() const { return begin_ < held_.size(); }
  bool patient() const { return !urgent_; }
  bool idle() const { return out_.empty(); }
  void flush() {
    urgent_ = holds_any();
    for (Message& message : std::exchange(out_, {})) {
      if (message.leaves) message.leaves();
      connection_->send(End::master, std::move(message.arrives));
    }
  }

 private:
  ConnectionPtr connection_;
  bool urgent_ = false;
  std::vector<Message> out_, held_;
  std::size_t begin_ = 0, sealed_ = 0;  // in held_: what left, what has a ticket
  master::HeldMarks marks_;
};

}  // namespace reeve::sim
