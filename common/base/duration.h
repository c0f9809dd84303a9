// Durations as people write and read them: "90s", "1h30m", "250ms", "1.5h".
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/base/time.h"

namespace reeve {

// Numbers with units us, ms, s, m, h, d, one after another; a bare number counts seconds. Not negative, at
// most ten years. Error: invalid_argument, with an example.
Result<Duration> parse_duration(std::string_view text);

// The two greatest units that matter: "2d 3h", "1m 5s", "1.25s", "340ms", "12us", "0s".
std::string format_duration(Duration duration);

}  // namespace reeve
