// Sizes as people write and read them: "64MiB", "4GiB", "512" (bytes).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace reeve {

// A whole number and a unit: B, KiB, MiB, GiB, TiB, the same without "iB" (K, M, G, T), or in thousands KB,
// MB, GB, TB. Case does not matter; a bare number counts bytes. Error: invalid_argument, with an example.
Result<std::uint64_t> parse_byte_size(std::string_view text);

// Exact: the largest binary unit that divides it, "64MiB", "1000B".
std::string format_byte_size(std::uint64_t bytes);

}  // namespace reeve
