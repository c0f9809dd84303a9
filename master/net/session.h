// Session: one authenticated connection. It turns frames into commands and effects into frames; it holds no
// rule.
//
// Owner: NativeServer.  Thread: the loop thread.
#pragma once

#include <cstdint>
#include <memory>

#include "common/base/ids.h"
#include "common/base/result.h"
#include "common/base/time.h"
#include "common/net/connection.h"
#include "master/net/outbox.h"

namespace reeve::master {

class NativeServer;

class Session : public ConnectionHandler {
 public:
  Session(NativeServer& server, SessionId id, std::shared_ptr<Connection> connection);
  ~Session() override;

  SessionId id() const { return id_; }
  Outbox& outbox() { return outbox_; }
  const Outbox& outbox() const { return outbox_; }
  bool introduced() const { return introduced_; }  // its hello came
  TimePoint since() const { return since_; }

  // Says why, sends what can be sent, and ends.
  void refuse(const Error& why);

  // ---- for Departures
  // What was gathered in this turn becomes frames in the outbox.
  virtual void end_of_turn() = 0;
  // Workers wait: their results stay with them until they are acknowledged.
  virtual void commit_failed(const Error&) {}
  Departing& departing() { return departing_; }

  // ---- ConnectionHandler
  Result<void> on_frame(const Frame& frame) final;
  void on_refusing(const Error& why) final;
  void on_closed(const Error& why) final;

 protected:
  virtual Result<void> hello(const Frame& frame) = 0;
  virtual Result<void> handle(const Frame& frame) = 0;
  static Result<void> out_of_place(const Frame& frame);

  NativeServer& server_;

 private:
  SessionId id_;
  TimePoint since_;
  Outbox outbox_;
  bool introduced_ = false;
  Departing departing_;
};

// Parses the body into `message`. Error: protocol_error.
Result<void> parse(const Frame& frame, google::protobuf::MessageLite& message);

}  // namespace reeve::master
