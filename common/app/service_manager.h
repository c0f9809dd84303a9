// What systemd is told about a daemon (Type=notify). Without systemd these do nothing.
#pragma once

#include <optional>
#include <string>

#include "common/base/time.h"

namespace reeve::service_manager {

void ready(const std::string& status);  // once, when the daemon serves
void status(const std::string& text);   // one line for people
void stopping();

// How often alive() is to be called, half of the watchdog's patience; nothing: no watchdog waits.
std::optional<Duration> watchdog_interval();
void alive();

}  // namespace reeve::service_manager
