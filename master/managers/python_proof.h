// PythonProof: the managers handshake (challenge.h), from bytes as they arrive. Python writes its last word of it and the
// first request without waiting, so what is behind that word is kept for the session.
//
// Owner: a Listener, for one connection.  Thread: the doorway's.
// Always: it holds a message of the handshake at most, and what came with the last one.
#pragma once

#include "master/managers/challenge.h"
#include "master/managers/message.h"
#include "master/net/proof.h"

namespace reeve::master::managers {

class PythonProof final : public Proof {
 public:
  // `signer` outlives this, but for its destructor.
  PythonProof(const Signer& signer, bool legacy_md5)
      : challenge_(signer, legacy_md5, Challenge::random_nonce()) {}

  void begin(std::string& out) override { challenge_.start(out); }
  std::size_t wants() const override { return handshake_message_max_bytes; }
  Result<void> feed(std::string_view bytes, std::string& out) override;
  bool done() const override { return challenge_.done(); }
  Role role() const override { return Role::client; }
  std::string_view early() const override { return reader_.buffered(); }

 private:
  Challenge challenge_;
  MessageReader reader_{handshake_message_max_bytes};
};

}  // namespace reeve::master::managers
