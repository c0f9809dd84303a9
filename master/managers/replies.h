// Replies: where the Manager's answers go. The server implements it with sockets; tests collect.
//
// Thread: the loop thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/ids.h"

namespace reeve::master::managers {

enum class Leaves : std::uint8_t {
  now,
  when_durable,  // not before every record that was kept up to now is on stable storage
};

class Replies {
 public:
  virtual ~Replies() = default;
  // The one answer to the request that `to` waits for. `precious`: what it hands over would be lost with a client that
  // is gone, so look first whether it is still there. What cannot be sent ends the session; Manager::left tells.
  virtual void reply(SessionId to, std::string_view payload, Leaves leaves, bool precious) = 0;
  virtual void close_after_reply(SessionId to) = 0;   // the reply that follows is the last one
  virtual std::string store_trouble() const = 0;      // why nothing can be kept now; empty when all is well
  virtual std::uint64_t unwritten_bytes() const = 0;  // of changes that wait for the store
  virtual void shut_down() = 0;                       // a client that may do so stops the master
  virtual void warn(std::string_view text) = 0;       // what a person has to look at, for the log
};

}  // namespace reeve::master::managers
