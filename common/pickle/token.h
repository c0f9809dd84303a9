// Token: one opcode and its argument, read with every length compared before it is used.
#pragma once

#include <algorithm>
#include <bit>
#include <cstring>
#include <string_view>

#include "common/pickle/opcodes.h"

namespace reeve::pickle {

static_assert(std::endian::native == std::endian::little,
              "pickles are read and written as they lie in memory");

struct Token {
  std::uint32_t at = 0;        // of the opcode
  std::uint32_t argument = 0;  // where it begins: behind a length, if there is one
  std::uint32_t bytes = 0;     // of it: what the length counts; lines without their last line end
  std::uint32_t end = 0;       // where the next opcode begins
};

template <typename Number>
Number read_number(std::string_view bytes, std::size_t at) {
  Number number;
  std::memcpy(&number, bytes.data() + at, sizeof number);
  return number;
}

// Reads the token at token.at. False: the argument ends behind `pickle`, or a line is longer than line_bytes_max.
// Pre: token.at < pickle.size() <= 4 GiB.
inline bool read_token(std::string_view pickle, Argument form, std::uint32_t line_bytes_max, Token& token) {
  const std::size_t from = token.at + std::size_t{1}, left = pickle.size() - from;
  const auto take = [&](std::size_t width, std::uint64_t bytes) {
    token.argument = static_cast<std::uint32_t>(from + width);
    token.bytes = static_cast<std::uint32_t>(bytes);
    token.end = static_cast<std::uint32_t>(token.argument + token.bytes);
    return true;
  };
  const auto counted = [&](std::size_t width, std::uint64_t bytes) {
    return bytes <= left - width && take(width, bytes);
  };
  const auto lines = [&](int count) {
    std::size_t end = from;
    for (; count > 0; --count) {
      const void* found =
          std::memchr(pickle.data() + end, '\n', std::min<std::size_t>(pickle.size() - end, line_bytes_max));
      if (found == nullptr) return false;
      end = static_cast<std::size_t>(static_cast<const char*>(found) - pickle.data()) + 1;
    }
    take(0, end - 1 - from);
    ++token.end;
    return true;
  };
  switch (form) {
    case Argument::none:
      return take(0, 0);
    case Argument::fixed1:
      return left >= 1 && take(0, 1);
    case Argument::fixed2:
      return left >= 2 && take(0, 2);
    case Argument::fixed4:
      return left >= 4 && take(0, 4);
    case Argument::fixed8:
      return left >= 8 && take(0, 8);
    case Argument::counted1:
      return left >= 1 && counted(1, static_cast<unsigned char>(pickle[from]));
    case Argument::counted4:
    case Argument::counted4_signed: {
      if (left < 4) return false;
      const auto bytes = read_number<std::uint32_t>(pickle, from);
      return (form == Argument::counted4 || bytes <= 0x7fff'ffffu) && counted(4, bytes);
    }
    case Argument::counted8:
      return left >= 8 && counted(8, read_number<std::uint64_t>(pickle, from));
    case Argument::line:
      return lines(1);
    case Argument::two_lines:
      return lines(2);
  }
  return false;
}

}  // namespace reeve::pickle
