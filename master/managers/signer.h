// Signer computes the MACs of the managers handshake: HMAC over a challenge, with the authkey, under one of
// the digests that CPython knows.
//
// Owner: the listener of Python programs; every handshake uses the same one, so that the key is prepared once.  Thread:
// the doorway's, and no other: a MAC is computed in place.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct evp_mac_ctx_st;

namespace reeve::master::managers {

enum class Digest : std::uint8_t { md5, sha256, sha384, sha3_256, sha3_384 };
inline constexpr std::size_t digests = 5;
std::string_view name_of(Digest digest);  // as it stands in a challenge
std::optional<Digest> digest_named(std::string_view name);

class Signer {
 public:
  // Pre: the key is not empty.
  explicit Signer(std::string_view authkey);
  ~Signer();
  Signer(const Signer&) = delete;
  Signer& operator=(const Signer&) = delete;

  // Whether the system's OpenSSL has it: MD5 may be switched off by policy.
  bool has(Digest digest) const { return contexts_[static_cast<std::size_t>(digest)] != nullptr; }
  // Pre: has(digest).
  std::string sign(Digest digest, std::string_view text) const;
  // In constant time. False also when the digest is not there.
  bool verify(Digest digest, std::string_view text, std::string_view mac) const;

 private:
  struct Free {
    void operator()(evp_mac_ctx_st* context) const;
  };
  std::array<std::unique_ptr<evp_mac_ctx_st, Free>, digests> contexts_;
};

}  // namespace reeve::master::managers
