// The log of a daemon: lines to standard error, written by a thread of their own. Never waits: when the
// writer falls behind, the oldest waiting lines are dropped and counted. Under journald lines carry their
// priority instead of a time. Before start() and after stop() lines are written at once.
//
// Thread: start and stop by main; the rest by any.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string_view>
#include <utility>

#include "common/base/result.h"

namespace reeve::log {

enum class Level : std::uint8_t { debug, info, warn, error, off };

// "debug", "info", "warn", "error" or "off". Error: invalid_argument.
Result<Level> parse_level(std::string_view text);

inline constexpr std::size_t lines_max_default = 8192;  // waiting to be written

void start(Level level, std::size_t lines_max = lines_max_default);
void stop();  // writes what waits
std::uint64_t dropped();

bool enabled(Level level);
void write(Level level, std::string_view line);

template <typename... Args>
void at(Level level, fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(level)) write(level, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  at(Level::debug, format, std::forward<Args>(args)...);
}
template <typename... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  at(Level::info, format, std::forward<Args>(args)...);
}
template <typename... Args>
void warn(fmt::format_string<Args...> format, Args&&... args) {
  at(Level::warn, format, std::forward<Args>(args)...);
}
template <typename... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  at(Level::error, format, std::forward<Args>(args)...);
}

}  // namespace reeve::log
