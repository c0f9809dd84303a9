#pragma once

#include <string_view>

namespace reeve::pickle {

// The only key of the JSON object that stands for bytes.
inline constexpr std::string_view bytes_key = "$bytes";

}  // namespace reeve::pickle
