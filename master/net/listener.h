// Listener accepts connections and has them shake hands, whatever the dialect. Strangers are few, short-lived and small,
// and the oldest goes first when there are too many; only connections that proved themselves reach the loop.
//
// Owner: NativeServer, ManagersServer.  Thread: the loop thread; accepting and handshakes are on the doorway's.
// Always: nobody is welcomed after close().
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <limits>
#include <memory>
#include <string>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/net/endpoint.h"
#include "master/net/doorway.h"
#include "master/net/handover.h"
#include "master/net/proof.h"
#include "master/net/refusals.h"

namespace reeve::master {

class Listener {
 public:
  struct Limits {
    std::size_t unauthenticated_max = 1024;  // connections whose handshake is not over
    std::chrono::milliseconds handshake_deadline = std::chrono::seconds{5};
    // These and those that proved themselves and keep their Place. None: who welcomes them counts, and can say so.
    std::size_t connections_max = std::numeric_limits<std::size_t>::max();
  };
  struct Dialect {
    std::function<std::unique_ptr<Proof>()> proof;  // of a new stranger; runs on the doorway's thread
    std::string setting_prefix;                     // of the limits' names
    std::string stranger;  // what a stranger is in the log, before its address; may be empty
    // Of one that says nothing until the deadline, as if it spoke another dialect in which the server begins: why it is
    // dropped, and what it is sent then. May be empty.
    std::string silent = {}, word_to_silent = {};
  };
  using Welcome = Handover::Welcome;  // runs on the loop thread

  // `doorway`, `loop` and `refusals` outlive this.
  Listener(Doorway& doorway, boost::asio::io_context& loop, Refusals& refusals, Dialect dialect,
           Limits limits, Welcome welcome);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // Error: unavailable, with the reason (address in use, …).
  Result<void> listen(const Endpoint& endpoint);
  Endpoint address() const { return address_; }  // with the real port
  void close();                                  // idempotent

 private:
  class Door;

  Doorway& doorway_;
  std::shared_ptr<Handover> handover_;
  std::shared_ptr<Door> door_;  // used on the doorway's thread
  Endpoint address_;
};

}  // namespace reeve::master
