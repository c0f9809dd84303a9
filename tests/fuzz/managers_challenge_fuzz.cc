// Any messages as a Python client's half of the handshake: nobody gets in without the key, and every answer is a
// message that a client would read.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "master/managers/challenge.h"
#include "master/managers/message.h"

using namespace reeve::master::managers;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Signer signer{"the key that nobody knows"};
  std::string_view bytes{reinterpret_cast<const char*>(data), size};
  Challenge challenge{signer, size % 2 == 0, {}};
  std::string out;
  challenge.start(out);
  bool going_on = true;
  while (going_on && !bytes.empty()) {  // a length, and so many bytes of a message
    const std::size_t length = std::min<std::size_t>(static_cast<unsigned char>(bytes[0]), bytes.size() - 1);
    going_on = challenge.feed(bytes.substr(1, length), out).has_value();
    bytes.remove_prefix(1 + length);
    if (challenge.done()) std::abort();
  }
  MessageReader reader{handshake_message_max_bytes};
  reader.feed(out);
  std::string_view message;
  reeve::Error error;
  while (reader.next(message, error) == MessageReader::Next::message) continue;
  if (reader.buffered_bytes() != 0) std::abort();
  return 0;
}
