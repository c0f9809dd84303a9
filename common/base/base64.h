// Base64 as in RFC 4648, with padding and without line breaks.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace reeve {

std::string to_base64(std::string_view bytes);

// Nothing when `text` is anything else than what to_base64 makes.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace reeve
