// Bytes as text in JSON: base64 with padding.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace reeve::pickle {

void append_base64(std::string& out, std::string_view bytes);
std::optional<std::string> from_base64(std::string_view text);

}  // namespace reeve::pickle
