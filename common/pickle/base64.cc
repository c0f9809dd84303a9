#include "common/pickle/base64.h"

#include <algorithm>
#include <cstdint>

namespace reeve::pickle {

namespace {

constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr char padding = '=';

}  // namespace

void append_base64(std::string& out, std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t taken = std::min<std::size_t>(3, bytes.size());
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < 3; ++i)
      group = group << 8 | (i < taken ? static_cast<unsigned char>(bytes[i]) : 0u);
    for (std::size_t i = 0; i < 4; ++i) out += i <= taken ? digits[group >> (18 - 6 * i) & 63] : padding;
    bytes.remove_prefix(taken);
  }
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return {};
  std::string out;
  while (!text.empty()) {
    const bool last = text.size() == 4;
    const std::size_t padded = !last ? 0 : text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0;
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      const std::size_t digit = i < 4 - padded ? digits.find(text[i]) : 0;
      if (digit == digits.npos) return {};
      group = group << 6 | static_cast<std::uint32_t>(digit);
    }
    for (std::size_t i = 0; i < 3 - padded; ++i) out += static_cast<char>(group >> (16 - 8 * i));
    text.remove_prefix(4);
  }
  return out;
}

}  // namespace reeve::pickle
