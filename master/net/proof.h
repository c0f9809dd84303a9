// Proof is one stranger's side of a handshake, in whatever dialect: bytes in, bytes out, until it has shown that it
// knows the authkey. No I/O here.
//
// Owner: a Listener, for one connection.  Thread: the doorway's.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/net/handshake.h"

namespace reeve::master {

class Proof {
 public:
  virtual ~Proof() = default;

  // What is said first, if that is for us to do.
  virtual void begin(std::string& out) = 0;
  // How many bytes it has a use for, at most, as long as it is not done.
  virtual std::size_t wants() const = 0;
  // Takes what arrived, at most wants() bytes; what is to be sent is appended to `out`, also before an error is returned.
  virtual Result<void> feed(std::string_view bytes, std::string& out) = 0;

  virtual bool done() const = 0;
  // Once it is done: what the peer is, and what it has sent behind its last word already.
  virtual Role role() const = 0;
  virtual std::string_view early() const = 0;
};

}  // namespace reeve::master
