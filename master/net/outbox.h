// Outbox: what one session is about to be sent. Frames either leave with the next flush, or wait until what
// they speak of is on stable storage.
//
// Owner: a session.  Thread: the loop thread.
// A patient frame is one that nobody waits for at the moment: it may stay in the connection's out() a little
// while, to leave together with the next one, because a frame that goes alone costs a system call here and a
// wake-up there.
//
// Always: held frames leave in the order in which they were written, and none before its ticket is committed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "common/net/connection.h"
#include "master/core/departures.h"

namespace reeve::master {

enum class Urgency : std::uint8_t { now, patient };

class Outbox {
 public:
  explicit Outbox(std::shared_ptr<Connection> connection) : connection_(std::move(connection)) {}

  void send_now(FrameType type, const google::protobuf::MessageLite& message) {
    urgent_ = true;
    if (!append_frame_within(frame_max_bytes_default, connection_->out(), type, message)) give_up();
  }
  // Stages the frame: seal() says what it waits for.
  void hold(FrameType type, const google::protobuf::MessageLite& message, Urgency urgency = Urgency::now) {
    urgent_ |= urgency == Urgency::now;
    if (!append_frame_within(frame_max_bytes_default, staged_, type, message)) give_up();
  }
  void seal(Ticket ticket);
  void release(Ticket committed);
  void flush() {
    urgent_ = holds_any();
    connection_->flush();
  }
  // Only patient frames would leave with a flush.
  bool patient() const { return !urgent_ && connection_->out().size() < patient_max_bytes; }
  bool idle() const { return connection_->out().empty(); }

  bool holds_any() const { return !marks_.empty() || !staged_.empty(); }
  std::size_t held_bytes() const { return held_.size() - held_begin_ + staged_.size(); }
  Connection& connection() { return *connection_; }
  const Connection& connection() const { return *connection_; }

 private:
  void give_up();  // the peer could not read such a frame

  static constexpr std::size_t patient_max_bytes = 16u << 10;

  std::shared_ptr<Connection> connection_;
  bool urgent_ = false;  // something that is not patient was written since the last flush, or is still held
  std::string staged_;
  std::string held_;
  std::size_t held_begin_ = 0;
  HeldMarks marks_;  // in held_
};

}  // namespace reeve::master
