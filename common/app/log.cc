#include "common/app/log.h"

#include <spdlog/async.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

namespace reeve::log {
namespace {
constexpr std::size_t queue_lines_max = 8192;
}

Result<void> set_up(std::string_view program, std::string_view level) {
  const std::string wanted{level == "warning" ? "warn" : level == "error" ? "err" : level};
  const auto parsed = spdlog::level::from_str(wanted);
  if (parsed == spdlog::level::off && level != "off")
    return fail(Errc::invalid_argument, "unknown log level {}: debug, info, warning or error", level);
  spdlog::init_thread_pool(queue_lines_max, 1);
  spdlog::sink_ptr sink;
  if (isatty(STDERR_FILENO) == 1)
    sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
  else
    sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  auto logger =
      std::make_shared<spdlog::async_logger>(std::string{program}, std::move(sink), spdlog::thread_pool(),
                                             spdlog::async_overflow_policy::overrun_oldest);
  // Under systemd the journal adds the time and reads the priority from "<N>".
  logger->set_pattern(std::getenv("JOURNAL_STREAM") != nullptr ? "%l: %v" : "%Y-%m-%d %H:%M:%S.%e %^%l%$ %v");
  logger->set_level(parsed);
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
  return {};
}

void shut_down() { spdlog::shutdown(); }

std::uint64_t dropped() {
  const auto pool = spdlog::thread_pool();
  return pool ? pool->overrun_counter() : 0;
}

}  // namespace reeve::log
