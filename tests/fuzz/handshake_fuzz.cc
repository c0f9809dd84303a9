// Any bytes as the other side of a handshake, towards both machines: nobody gets in without the key.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "common/net/handshake.h"

namespace {

// Feeds `bytes` step by step. True: the handshake ended well.
template <typename Handshake>
bool feed(Handshake& handshake, std::string_view bytes) {
  std::string out;
  while (!handshake.done() && handshake.wants() > 0 && bytes.size() >= handshake.wants()) {
    const std::size_t wants = handshake.wants();
    if (!handshake.feed(bytes.substr(0, wants), out)) return false;
    bytes.remove_prefix(wants);
  }
  return handshake.done();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes{reinterpret_cast<const char*>(data), size};
  const reeve::Nonce nonce{};
  reeve::ServerHandshake server{"the key that nobody knows", nonce};
  reeve::ClientHandshake client{"the key that nobody knows", reeve::Role::client, nonce};
  std::string hello;
  client.start(hello);
  if (feed(server, bytes) || feed(client, bytes)) std::abort();
  return 0;
}
