// Any bytes as the stream of a Python client, in any pieces: the same messages come out, and no more bytes are held
// than came.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "master/managers/message.h"

namespace {

using reeve::master::managers::MessageReader;

struct Read {
  std::vector<std::string> messages;
  bool broken = false;
  bool operator==(const Read&) const = default;
};

Read read(std::string_view bytes, std::size_t piece) {
  MessageReader reader{1'000};
  Read result;
  while (!bytes.empty() && !result.broken) {
    reader.feed(bytes.substr(0, piece));
    bytes.remove_prefix(std::min(piece, bytes.size()));
    for (;;) {
      std::string_view message;
      reeve::Error error;
      const auto next = reader.next(message, error);
      result.broken = next == MessageReader::Next::broken;
      if (next != MessageReader::Next::message) break;
      result.messages.emplace_back(message);
    }
  }
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes{reinterpret_cast<const char*>(data), size};
  const Read whole = read(bytes, size + 1);
  if (read(bytes, 1) != whole || read(bytes, 7) != whole) std::abort();
  // What was read is written as it came, but for long headers of short messages.
  std::string again;
  for (const std::string& message : whole.messages) reeve::master::managers::append_message(again, message);
  if (read(again, 3).messages != whole.messages) std::abort();
  return 0;
}
