#include "common/pickle/escapes.h"

#include <fmt/format.h>

#include <charconv>
#include <iterator>

#include "common/pickle/utf8.h"

namespace reeve::pickle {

namespace {

// Takes `count` hexadecimal digits off the front of `text`.
bool take_hex(std::string_view& text, std::size_t count, std::uint32_t& value) {
  if (text.size() < count) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + count, value, 16);
  if (error != std::errc{} || end != text.data() + count) return false;
  text.remove_prefix(count);
  return true;
}

// What stands behind a backslash. False: the escape is not complete.
bool take_escape(std::string_view& text, std::string& out) {
  constexpr std::string_view letters = "\\'\"abfnrtv", values = "\\'\"\a\b\f\n\r\t\v";
  if (text.empty()) return false;
  const char letter = text.front();
  if (letter >= '0' && letter <= '7') {
    std::uint32_t value = 0;
    for (int digits = 0; digits < 3 && !text.empty() && text.front() >= '0' && text.front() <= '7';
         ++digits) {
      value = value * 8 + static_cast<std::uint32_t>(text.front() - '0');
      text.remove_prefix(1);
    }
    out += static_cast<char>(value);
    return true;
  }
  text.remove_prefix(1);
  if (letter == 'x') {
    std::uint32_t value;
    if (!take_hex(text, 2, value)) return false;
    out += static_cast<char>(value);
    return true;
  }
  if (letter == '\n') return true;
  const std::size_t known = letters.find(letter);
  if (known == letters.npos) out += '\\';
  out += known == letters.npos ? letter : values[known];
  return true;
}

}  // namespace

void append_printable(std::string& out, char32_t character) {
  const auto code = static_cast<std::uint32_t>(character);
  const bool hidden = code < 0x20 || (code >= 0x7f && code <= 0xa0) || code == 0xad;
  if (!hidden && !is_surrogate(character))
    append_utf8(out, character);
  else if (code < 0x100)
    fmt::format_to(std::back_inserter(out), "\\x{:02x}", code);
  else
    fmt::format_to(std::back_inserter(out), "\\u{:04x}", code);
}

std::optional<std::string> unquote(std::string_view text) {
  if (text.size() < 2 || text.front() != text.back()) return {};
  text = text.substr(1, text.size() - 2);
  std::string out;
  while (!text.empty()) {
    const char c = text.front();
    text.remove_prefix(1);
    if (c != '\\')
      out += c;
    else if (!take_escape(text, out))
      return {};
  }
  return out;
}

std::optional<std::string> from_raw_unicode_escape(std::string_view line) {
  std::string out;
  while (!line.empty()) {
    const bool escape = line.front() == '\\' && line.size() > 1 && (line[1] == 'u' || line[1] == 'U');
    std::uint32_t character = static_cast<unsigned char>(line.front());
    const std::size_t digits = !escape ? 0 : line[1] == 'u' ? 4 : 8;
    line.remove_prefix(escape ? 2 : 1);
    if (escape && (!take_hex(line, digits, character) || character > 0x10'ffff)) return {};
    append_utf8(out, character);
  }
  return out;
}

}  // namespace reeve::pickle
