#include "master/managers/signer.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <array>

#include "common/base/assert.h"

namespace reeve::master::managers {
namespace {

struct Names {
  std::string_view wire;
  const char* openssl;
};
constexpr std::array<Names, digests> names{{{"md5", "MD5"},
                                            {"sha256", "SHA256"},
                                            {"sha384", "SHA384"},
                                            {"sha3_256", "SHA3-256"},
                                            {"sha3_384", "SHA3-384"}}};

struct FreeMac {
  void operator()(EVP_MAC* mac) const { EVP_MAC_free(mac); }
};

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

std::string_view name_of(Digest digest) { return names[static_cast<std::size_t>(digest)].wire; }

std::optional<Digest> digest_named(std::string_view name) {
  for (std::size_t i = 0; i < digests; ++i)
    if (names[i].wire == name) return static_cast<Digest>(i);
  return std::nullopt;
}

void Signer::Free::operator()(evp_mac_ctx_st* context) const { EVP_MAC_CTX_free(context); }

Signer::Signer(std::string_view authkey) {
  ASSERT(!authkey.empty(), "an empty authkey protects nothing");
  const std::unique_ptr<EVP_MAC, FreeMac> hmac{EVP_MAC_fetch(nullptr, "HMAC", nullptr)};
  ASSERT(hmac != nullptr, "OpenSSL has no HMAC");
  for (std::size_t i = 0; i < digests; ++i) {
    std::string name{names[i].openssl};  // OSSL_PARAM wants it writable
    const std::array<OSSL_PARAM, 2> parameters{
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name.data(), 0), OSSL_PARAM_construct_end()};
    std::unique_ptr<evp_mac_ctx_st, Free> context{EVP_MAC_CTX_new(hmac.get())};
    if (context != nullptr &&
        EVP_MAC_init(context.get(), bytes_of(authkey), authkey.size(), parameters.data()) == 1)
      contexts_[i] = std::move(context);
  }
}

Signer::~Signer() = default;

std::string Signer::sign(Digest digest, std::string_view text) const {
  EVP_MAC_CTX* const context = contexts_[static_cast<std::size_t>(digest)].get();
  ASSERT(context != nullptr, "the digest {} is not there", name_of(digest));
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac;
  std::size_t size = 0;
  const bool done = EVP_MAC_init(context, nullptr, 0, nullptr) == 1 &&  // the same key again
                    EVP_MAC_update(context, bytes_of(text), text.size()) == 1 &&
                    EVP_MAC_final(context, mac.data(), &size, mac.size()) == 1;
  ASSERT(done, "HMAC-{} failed", name_of(digest));
  return {reinterpret_cast<const char*>(mac.data()), size};
}

bool Signer::verify(Digest digest, std::string_view text, std::string_view mac) const {
  if (!has(digest)) return false;
  const std::string right = sign(digest, text);
  return right.size() == mac.size() && CRYPTO_memcmp(right.data(), mac.data(), mac.size()) == 0;
}

}  // namespace reeve::master::managers
