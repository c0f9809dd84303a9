// The handshake: both sides prove that they know the authkey before anything else is parsed.
//
//   client → server   "RVE1" | role u8 | reserved 3 × 0 | client nonce 32             (40 bytes)
//   server → client   "RVE1" | status u8 (0) | reserved 3 × 0 | server nonce 32       (40 bytes)
//   client → server   HMAC-SHA256(key, "reeve client" | role u8 | client nonce | server nonce)
//                                                                                     (32 bytes)
//   server → client   status u8 (0: welcome, else refused) | HMAC-SHA256(key, "reeve server" | role u8 |
//                     client nonce | server nonce)                                    (33 bytes)
//
// The client proves itself first: a stranger gets nothing to try keys against. All sizes are fixed, so a peer can make
// the server hold 40 bytes at most before it is known. Sans I/O: the machines below are fed and drained by whoever owns
// the socket, also in tests.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace reeve {

enum class Role : std::uint8_t { client = 1, worker = 2 };
enum class HandshakeStatus : std::uint8_t { ok = 0, wrong_key = 1, wrong_version = 2 };

inline constexpr std::size_t nonce_bytes = 32;
inline constexpr std::size_t authkey_bytes_min = 8;
// …where only programs of the same machine can try to guess it.
inline constexpr std::size_t authkey_bytes_min_on_loopback = 1;
using Nonce = std::array<unsigned char, nonce_bytes>;

Nonce random_nonce();

// Whether a hello, of any version, can begin with `prefix`: a stranger's garbage is known by its first bytes.
bool may_be_hello(std::string_view prefix);
// What a server sends instead of its hello when it will not go on.
void append_refusal(std::string& out, HandshakeStatus status);

class ServerHandshake {
 public:
  ServerHandshake(std::string_view authkey, Nonce nonce) : authkey_(authkey), nonce_(nonce) {}

  // How many bytes the next step needs; 0 when it is over.
  std::size_t wants() const;
  // Takes exactly wants() bytes; what is to be sent is appended to `out` (also before an error is returned).
  // Errors: protocol_error (not our protocol, or an unknown role), authentication_failed.
  Result<void> feed(std::string_view bytes, std::string& out);

  bool done() const { return step_ == Step::done; }
  Role role() const { return role_; }

 private:
  enum class Step : std::uint8_t { hello, proof, done };
  std::string authkey_;
  Nonce nonce_;
  Nonce client_nonce_{};
  Role role_ = Role::client;
  Step step_ = Step::hello;
};

class ClientHandshake {
 public:
  ClientHandshake(std::string_view authkey, Role role, Nonce nonce)
      : authkey_(authkey), role_(role), nonce_(nonce) {}

  void start(std::string& out);
  std::size_t wants() const;
  // Errors: protocol_error ("not a reeve master"), authentication_failed (either side).
  Result<void> feed(std::string_view bytes, std::string& out);
  bool done() const { return step_ == Step::done; }

 private:
  enum class Step : std::uint8_t { challenge, verdict, done };
  std::string authkey_;
  Role role_;
  Nonce nonce_;
  Nonce server_nonce_{};
  Step step_ = Step::challenge;
};

}  // namespace reeve
