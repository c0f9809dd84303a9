#include "common/net/handshake.h"

#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>

#include "common/base/assert.h"

namespace reeve {
namespace {

constexpr std::string_view magic = "RVE1";        // the protocol and its version
constexpr std::string_view magic_family = "RVE";  // of any version
constexpr std::size_t hello_bytes = 8 + nonce_bytes;
constexpr std::size_t proof_bytes = 32;
constexpr std::size_t verdict_bytes = 1 + proof_bytes;

// How a server of multiprocessing.managers begins, behind the length of its message.
constexpr std::size_t python_header_bytes = 4;
constexpr std::string_view python_challenge = "#CHALLENGE#";

std::string_view view(const Nonce& nonce) {
  return {reinterpret_cast<const char*>(nonce.data()), nonce.size()};
}

Nonce nonce_from(std::string_view bytes) {
  Nonce nonce;
  ASSERT(bytes.size() == nonce.size());
  std::copy(bytes.begin(), bytes.end(), nonce.begin());
  return nonce;
}

// "RVE1" | code | 3 × 0 | nonce: the shape of both first messages.
void append_hello(std::string& out, std::uint8_t code, const Nonce& nonce) {
  out.append(magic).push_back(static_cast<char>(code));
  out.append(3, '\0').append(view(nonce));
}

std::string proof(std::string_view authkey, std::string_view who, Role role, const Nonce& client,
                  const Nonce& server) {
  std::string text{who};
  text.push_back(static_cast<char>(role));
  text.append(view(client)).append(view(server));
  std::string mac(proof_bytes, '\0');
  unsigned size = 0;
  const auto* done = HMAC(EVP_sha256(), authkey.data(), static_cast<int>(authkey.size()),
                          reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                          reinterpret_cast<unsigned char*>(mac.data()), &size);
  ASSERT(done != nullptr && size == proof_bytes, "HMAC-SHA256 failed");
  return mac;
}

std::string client_proof(std::string_view key, Role role, const Nonce& client, const Nonce& server) {
  return proof(key, "reeve client", role, client, server);
}
std::string server_proof(std::string_view key, Role role, const Nonce& client, const Nonce& server) {
  return proof(key, "reeve server", role, client, server);
}

bool same_secret(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

bool is_role(std::uint8_t code) {
  return code == static_cast<std::uint8_t>(Role::client) || code == static_cast<std::uint8_t>(Role::worker);
}

}  // namespace

Nonce random_nonce() {
  Nonce nonce;
  ASSERT(RAND_bytes(nonce.data(), static_cast<int>(nonce.size())) == 1, "the system has no random numbers");
  return nonce;
}

bool may_be_hello(std::string_view prefix) {
  const std::size_t compared = std::min(prefix.size(), magic_family.size());
  return prefix.substr(0, compared) == magic_family.substr(0, compared);
}

void append_refusal(std::string& out, HandshakeStatus status) {
  append_hello(out, static_cast<std::uint8_t>(status), Nonce{});
}

std::size_t ServerHandshake::wants() const {
  switch (step_) {
    case Step::hello:
      return hello_bytes;
    case Step::proof:
      return proof_bytes;
    case Step::done:
      return 0;
  }
  return 0;
}

Result<void> ServerHandshake::feed(std::string_view bytes, std::string& out) {
  ASSERT(bytes.size() == wants() && !done(), "{} bytes, wanted {}", bytes.size(), wants());
  if (step_ == Step::hello) {
    if (!may_be_hello(bytes)) return fail(Errc::protocol_error, "the peer does not speak reeve's protocol");
    if (!bytes.starts_with(magic)) {
      append_refusal(out, HandshakeStatus::wrong_version);
      return fail(Errc::protocol_error, "the peer speaks another version of reeve's protocol");
    }
    const auto role = static_cast<std::uint8_t>(bytes[4]);
    if (!is_role(role)) return fail(Errc::protocol_error, "the peer names an unknown role {}", role);
    role_ = static_cast<Role>(role);
    client_nonce_ = nonce_from(bytes.substr(8));
    append_hello(out, static_cast<std::uint8_t>(HandshakeStatus::ok), nonce_);
    step_ = Step::proof;
    return {};
  }
  if (!same_secret(bytes, client_proof(authkey_, role_, client_nonce_, nonce_))) {
    out.push_back(static_cast<char>(HandshakeStatus::wrong_key));
    out.append(proof_bytes, '\0');
    return fail(Errc::authentication_failed, "the peer does not know the authkey");
  }
  out.push_back(static_cast<char>(HandshakeStatus::ok));
  out.append(server_proof(authkey_, role_, client_nonce_, nonce_));
  step_ = Step::done;
  return {};
}

void ClientHandshake::start(std::string& out) { append_hello(out, static_cast<std::uint8_t>(role_), nonce_); }

std::size_t ClientHandshake::wants() const {
  switch (step_) {
    case Step::challenge:
      return hello_bytes;
    case Step::verdict:
      return verdict_bytes;
    case Step::done:
      return 0;
  }
  return 0;
}

Result<void> ClientHandshake::feed(std::string_view bytes, std::string& out) {
  ASSERT(bytes.size() == wants() && !done(), "{} bytes, wanted {}", bytes.size(), wants());
  if (step_ == Step::challenge) {
    if (bytes.substr(python_header_bytes).starts_with(python_challenge))
      return fail(Errc::protocol_error,
                  "this is a port for Python programs; a reeve master has its own, that of --listen");
    if (!may_be_hello(bytes)) return fail(Errc::protocol_error, "this is not a reeve master");
    const auto status = static_cast<HandshakeStatus>(bytes[4]);
    if (!bytes.starts_with(magic) || status == HandshakeStatus::wrong_version)
      return fail(Errc::protocol_error,
                  "the master speaks another version of reeve's protocol: update the older side");
    if (status != HandshakeStatus::ok) return fail(Errc::protocol_error, "the master refused the handshake");
    server_nonce_ = nonce_from(bytes.substr(8));
    out.append(client_proof(authkey_, role_, nonce_, server_nonce_));
    step_ = Step::verdict;
    return {};
  }
  if (static_cast<HandshakeStatus>(bytes[0]) != HandshakeStatus::ok)
    return fail(Errc::authentication_failed, "the master does not accept this authkey");
  if (!same_secret(bytes.substr(1), server_proof(authkey_, role_, nonce_, server_nonce_)))
    return fail(Errc::authentication_failed, "the master did not prove that it knows the authkey");
  step_ = Step::done;
  return {};
}

}  // namespace reeve
