// Writing numbers as they lie in pickles: little endian.
#pragma once

#include <bit>
#include <cstring>
#include <string>
#include <string_view>

#include "common/pickle/opcodes.h"

namespace reeve::pickle {

template <typename Number>
void put_number(std::string& out, Number number) {
  static_assert(std::endian::native == std::endian::little);
  char bytes[sizeof number];
  std::memcpy(bytes, &number, sizeof number);
  out.append(bytes, sizeof number);
}

// `bytes` behind the short opcode and one byte of length, or behind the long one and four.
// Pre: bytes.size() < 4 GiB.
inline void put_counted(std::string& out, char short_code, char long_code, std::string_view bytes) {
  if (bytes.size() < 256) {
    out += short_code;
    out += static_cast<char>(bytes.size());
  } else {
    out += long_code;
    put_number(out, static_cast<std::uint32_t>(bytes.size()));
  }
  out += bytes;
}

inline void put_global(std::string& out, std::string_view module, std::string_view name) {
  out += op::global;
  ((out += module) += '\n') += name;
  out += '\n';
}

// An int that Python 2 reads as int where it fits into 32 bits.
inline void put_integer(std::string& out, std::int64_t value) {
  if (value >= 0 && value < 256) {
    out += op::binint1;
    out += static_cast<char>(value);
  } else if (value >= 0 && value < 65536) {
    out += op::binint2;
    put_number(out, static_cast<std::uint16_t>(value));
  } else if (value == static_cast<std::int32_t>(value)) {
    out += op::binint;
    put_number(out, static_cast<std::int32_t>(value));
  } else {
    std::size_t bytes = 8;  // the fewest that keep the sign
    while (bytes > 1 && (value >> (8 * bytes - 9)) == (value < 0 ? -1 : 0)) --bytes;
    out += op::long1;
    out += static_cast<char>(bytes);
    char all[sizeof value];
    std::memcpy(all, &value, sizeof value);
    out.append(all, bytes);
  }
}

inline void put_real(std::string& out, double value) {
  out += op::binfloat;
  put_number(out, __builtin_bswap64(std::bit_cast<std::uint64_t>(value)));
}

}  // namespace reeve::pickle
