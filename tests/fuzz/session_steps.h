// SessionStep: what one peer does in an input of the sessions target.
//
//   who      1 byte: bits 0-2 the peer (0-3 clients, 4-7 workers); 0x40: if it is new, it sends no hello of its own;
//            0x80: it leaves
//   type     1 byte, length 2 bytes (little endian), body: the frame, unless it leaves
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tests/fuzz/bytes.h"

namespace reeve::fuzz {

inline constexpr std::size_t session_peers = 8;
inline bool is_worker(std::size_t peer) { return peer >= session_peers / 2; }

struct SessionStep {
  std::size_t peer = 0;
  bool raw = false, leaves = false;
  std::uint8_t type = 0;
  std::string body;

  static SessionStep read(Bytes& bytes) {
    SessionStep step;
    const std::uint8_t who = bytes.u8();
    step.peer = who & 7u;
    step.raw = (who & 0x40u) != 0;
    step.leaves = (who & 0x80u) != 0;
    if (step.leaves) return step;
    step.type = bytes.u8();
    step.body = bytes.blob();
    return step;
  }
  void write(std::string& out) const {
    out += static_cast<char>(peer | (raw ? 0x40u : 0u) | (leaves ? 0x80u : 0u));
    if (leaves) return;
    out += static_cast<char>(type);
    out += static_cast<char>(body.size());
    out += static_cast<char>(body.size() >> 8);
    out += body;
  }
  // As it goes over the wire.
  std::string frame() const {
    std::string out;
    const std::size_t length = 1 + body.size();
    for (int i = 0; i < 4; ++i) out += static_cast<char>(length >> (8 * i));
    out += static_cast<char>(type);
    return out + body;
  }
};

}  // namespace reeve::fuzz
