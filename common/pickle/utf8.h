// UTF-8 as Python pickles it: surrogates are allowed, alone and in pairs ("surrogatepass").
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace reeve::pickle {

inline bool is_ascii(std::string_view bytes) {
  while (bytes.size() >= 8) {
    std::uint64_t word;
    std::memcpy(&word, bytes.data(), 8);
    if ((word & 0x8080'8080'8080'8080u) != 0) return false;
    bytes.remove_prefix(8);
  }
  for (const char c : bytes)
    if (static_cast<unsigned char>(c) >= 0x80) return false;
  return true;
}

// Takes one character off the front of `bytes`. False: there is none.
inline bool take_character(std::string_view& bytes, char32_t& character) {
  if (bytes.empty()) return false;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) {
    character = first;
    bytes.remove_prefix(1);
    return true;
  }
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || bytes.size() < length) return false;
  character = first & (0x7fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return false;
    character = character << 6 | (byte(i) & 0x3f);
  }
  if (length == 3 && character < 0x800) return false;
  if (length == 4 && (character < 0x1'0000 || character > 0x10'ffff)) return false;
  bytes.remove_prefix(length);
  return true;
}

inline void append_utf8(std::string& out, char32_t character) {
  const auto tail = [&](int shift) { out += static_cast<char>(0x80 | (character >> shift & 0x3f)); };
  if (character < 0x80) {
    out += static_cast<char>(character);
  } else if (character < 0x800) {
    out += static_cast<char>(0xc0 | character >> 6);
    tail(0);
  } else if (character < 0x1'0000) {
    out += static_cast<char>(0xe0 | character >> 12);
    tail(6);
    tail(0);
  } else {
    out += static_cast<char>(0xf0 | character >> 18);
    tail(12);
    tail(6);
    tail(0);
  }
}

inline bool is_surrogate(char32_t character) { return character >= 0xd800 && character <= 0xdfff; }

// What Python 3 takes as the bytes of a text.
inline bool is_python_text(std::string_view bytes) {
  if (is_ascii(bytes)) return true;
  while (!bytes.empty()) {
    char32_t character;
    if (!take_character(bytes, character)) return false;
  }
  return true;
}

}  // namespace reeve::pickle
