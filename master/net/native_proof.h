// NativeProof: the native protocol's handshake (common/net/handshake.h), from bytes as they arrive.
//
// Owner: a Listener, for one connection.  Thread: the doorway's.
#pragma once

#include <array>

#include "master/net/proof.h"

namespace reeve::master {

class NativeProof final : public Proof {
 public:
  explicit NativeProof(std::string_view authkey) : handshake_(authkey, random_nonce()) {}

  void begin(std::string&) override {}  // the client speaks first
  // Never more than belongs to the handshake, so nothing is early.
  std::size_t wants() const override { return handshake_.wants() - got_; }
  Result<void> feed(std::string_view bytes, std::string& out) override;
  bool done() const override { return handshake_.done(); }
  Role role() const override { return handshake_.role(); }
  std::string_view early() const override { return {}; }

 private:
  ServerHandshake handshake_;
  std::array<char, 64> bytes_{};  // of this step
  std::size_t got_ = 0;
  bool said_hello_ = false;
};

}  // namespace reeve::master
