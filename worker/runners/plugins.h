// Plugins: functions from shared libraries (worker/include/reeve/plugin.h).
#pragma once

#include <string>

#include "common/base/result.h"
#include "worker/runners/functions.h"

namespace reeve::worker {

// Adds the library's functions. The library stays loaded until the process ends. Errors, each naming the
// file: unavailable (it cannot be loaded), invalid_argument (it is no plugin, or of another version),
// already_exists.
Result<void> load_plugin(const std::string& file, Functions& functions);

}  // namespace reeve::worker
