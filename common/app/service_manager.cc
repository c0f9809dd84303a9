#include "common/app/service_manager.h"

#include <fmt/format.h>
#include <systemd/sd-daemon.h>

#include <algorithm>

namespace reeve::service_manager {
namespace {

void notify(const std::string& message) {
  sd_notify(0, message.c_str());
}  // failing to tell is no reason to stop

// A line end would begin another assignment.
std::string one_line(std::string text) {
  std::ranges::replace(text, '\n', ' ');
  return text;
}

}  // namespace

void ready(const std::string& text) { notify(fmt::format("READY=1\nSTATUS={}", one_line(text))); }
void status(const std::string& text) { notify(fmt::format("STATUS={}", one_line(text))); }
void stopping() { notify("STOPPING=1"); }
void alive() { notify("WATCHDOG=1"); }

std::optional<Duration> watchdog_interval() {
  std::uint64_t patience_us = 0;
  if (sd_watchdog_enabled(0, &patience_us) <= 0) return std::nullopt;
  return Duration{static_cast<std::int64_t>(patience_us / 2)};
}

}  // namespace reeve::service_manager
