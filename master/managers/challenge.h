// Challenge: the server's half of the managers handshake, in which both sides prove that they know the
// authkey. Two generations of clients answer to the same first message:
//
//   server → client   "#CHALLENGE#" M, M = "{sha256}" + 40 random bytes
//   client → server   HMAC-MD5(key, M), bare (Python 2.7 … 3.11), or "{digest}" HMAC-digest(key, M) (3.12 and later)
//   server → client   "#WELCOME#" or "#FAILURE#"
//   client → server   "#CHALLENGE#" C, C = 20 random bytes (old) or "{digest}" + random bytes (new)
//   server → client   HMAC-MD5(key, C), bare, or "{digest}" HMAC-digest(key, C)
//   client → server   "#WELCOME#" or "#FAILURE#"
//
// Sans I/O: whoever owns the socket feeds it whole messages and sends what it appends.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "master/managers/signer.h"

namespace reeve::master::managers {

class Challenge {
 public:
  static constexpr std::size_t nonce_bytes = 40;
  using Nonce = std::array<unsigned char, nonce_bytes>;
  static Nonce random_nonce();

  // `legacy_md5`: whether clients that know only MD5 are let in. `signer` must outlive this.
  Challenge(const Signer& signer, bool legacy_md5, const Nonce& nonce);

  // Appends the first message.
  void start(std::string& out) const;
  // Takes one message; what is to be sent is appended to `out`, also before an error is returned. Errors:
  // protocol_error, authentication_failed (for a person: says which setting would let the client in).
  Result<void> feed(std::string_view message, std::string& out);

  bool done() const { return step_ == Step::done; }

 private:
  enum class Step : std::uint8_t { proof, question, verdict, done };

  Result<void> check_proof(std::string_view message, std::string& out);
  Result<void> answer(std::string_view message, std::string& out);

  const Signer* signer_;
  std::array<char, 8 + nonce_bytes> text_;  // M
  bool legacy_md5_;
  Step step_ = Step::proof;
};

}  // namespace reeve::master::managers
