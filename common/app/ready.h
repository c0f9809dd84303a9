// How a daemon says that it is ready: a file for scripts, and a message to the service manager.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"

namespace reeve {

// Whoever sees the file sees all of it. Error: unavailable, with the reason.
Result<void> write_ready_file(const std::string& path, std::string_view text);

// To systemd, when it started us (Type=notify); otherwise nothing happens.
void notify_ready(std::string_view status);
void notify_stopping();

}  // namespace reeve
