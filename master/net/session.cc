#include "master/net/session.h"

#include "common/app/log.h"
#include "master/net/native_server.h"
#include "proto/convert.h"

namespace reeve::master {

Session::Session(NativeServer& server, SessionId id, std::shared_ptr<Connection> connection)
    : server_(server), id_(id), since_(mono_now()), outbox_(std::move(connection)) {}

Session::~Session() { outbox_.connection().close(); }

Result<void> parse(const Frame& frame, google::protobuf::MessageLite& message) {
  if (!message.ParseFromArray(frame.body.data(), static_cast<int>(frame.body.size())))
    return fail(Errc::protocol_error, "the body of a frame of type {} is damaged",
                static_cast<int>(frame.type));
  return {};
}

Result<void> Session::out_of_place(const Frame& frame) {
  return fail(Errc::protocol_error, "a frame of type {} has no place here", static_cast<int>(frame.type));
}

Result<void> Session::on_frame(const Frame& frame) {
  server_.turn_soon();
  if (introduced_) return handle(frame);
  auto result = hello(frame);
  introduced_ = result.has_value();
  return result;
}

void Session::on_refusing(const Error& why) {
  server_.count_refusal(why, outbox_.connection().peer_address());
  wire::Refused refused;
  to_wire(why, *refused.mutable_error());
  outbox_.send_now(FrameType::refused, refused);
}

void Session::refuse(const Error& why) {
  if (!outbox_.connection().open()) return;
  wire::Refused refused;
  to_wire(why, *refused.mutable_error());
  outbox_.send_now(FrameType::refused, refused);
  outbox_.connection().close_after_flush(why);
}

void Session::on_closed(const Error& why) {
  log::debug("session {} of {} ends: {}", id_, outbox_.connection().peer_address(), why.detail);
  server_.end_session(id_);  // destroys this
}

}  // namespace reeve::master
