// The escaped forms of text in protocol 0.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace reeve::pickle {

// Appends a character as Python's repr() shows it in a str: escaped, where nobody would see it.
void append_printable(std::string& out, char32_t character);

// The bytes of a quoted Python 2 string: 'it\'s\n'. None: it is not well formed.
std::optional<std::string> unquote(std::string_view text);

// The UTF-8 of a line in "raw-unicode-escape": Latin-1 with \uXXXX and \UXXXXXXXX. None: it is not well formed.
std::optional<std::string> from_raw_unicode_escape(std::string_view line);

}  // namespace reeve::pickle
