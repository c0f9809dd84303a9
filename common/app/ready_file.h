// The ready file: how scripts and tests learn that a daemon is up, and at which addresses.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "common/base/result.h"

namespace reeve {

// Writes {"name": "value", …, "pid": …}. Whoever waits for the file finds it whole. Error: unavailable.
Result<void> write_ready_file(const std::string& file,
                              const std::vector<std::pair<std::string, std::string>>& fields);

}  // namespace reeve
