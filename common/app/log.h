// The log of a daemon: one line an event on stderr, with a level; a terminal gets colours, the journal gets
// its priorities. Asynchronous and bounded: a slow stderr drops lines (counted) and never holds the loop.
#pragma once

#include <spdlog/spdlog.h>

#include <cstdint>
#include <string_view>

#include "common/base/result.h"

namespace reeve::log {

using spdlog::debug;
using spdlog::error;
using spdlog::info;
using spdlog::warn;

// Once, before threads are started. `level`: "debug", "info", "warning", "error". Error: invalid_argument.
Result<void> set_up(std::string_view program, std::string_view level);
void shut_down();  // writes what is pending
std::uint64_t dropped();

}  // namespace reeve::log
