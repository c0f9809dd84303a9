#include "common/app/log.h"

#include <spdlog/async.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/ansicolor_sink.h>
#include <sys/stat.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <memory>
#include <string>

#include "common/base/environment.h"

namespace reeve::log {
namespace {

struct LevelName {
  Level level;
  std::string_view name;
  spdlog::level::level_enum as_spdlog;
  int priority;  // syslog's, for journald
};
constexpr std::array<LevelName, 5> levels{{{Level::debug, "debug", spdlog::level::debug, 7},
                                           {Level::info, "info", spdlog::level::info, 6},
                                           {Level::warn, "warn", spdlog::level::warn, 4},
                                           {Level::error, "error", spdlog::level::err, 3},
                                           {Level::off, "off", spdlog::level::off, 3}}};
const LevelName& named(Level level) { return levels[static_cast<std::size_t>(level)]; }

std::atomic<Level> enabled_from{Level::info};
std::shared_ptr<spdlog::details::thread_pool> writer;  // null: lines are written at once
std::shared_ptr<spdlog::async_logger> logger;

// systemd names the stream that it reads in JOURNAL_STREAM, as "device:inode".
bool stderr_is_the_journal() {
  const auto stream = process_environment("JOURNAL_STREAM");
  struct stat info{};
  return stream && ::fstat(STDERR_FILENO, &info) == 0 &&
         *stream == fmt::format("{}:{}", info.st_dev, info.st_ino);
}

class PriorityFlag : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    for (const auto& level : levels)
      if (level.as_spdlog == message.level)
        return void(fmt::format_to(std::back_inserter(out), "<{}>", level.priority));
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<PriorityFlag>(); }
};

std::unique_ptr<spdlog::formatter> line_format() {
  auto format = std::make_unique<spdlog::pattern_formatter>();
  format->add_flag<PriorityFlag>('*');
  format->set_pattern(stderr_is_the_journal() ? "%*%v" : "%Y-%m-%d %H:%M:%S.%e %^%-5l%$ %v");
  return format;
}

}  // namespace

Result<Level> parse_level(std::string_view text) {
  for (const auto& level : levels)
    if (level.name == text) return level.level;
  return fail(Errc::invalid_argument, "'{}' is no log level: debug, info, warn, error or off is expected",
              text);
}

void start(Level level, std::size_t lines_max) {
  enabled_from = level;
  writer = std::make_shared<spdlog::details::thread_pool>(lines_max, 1);
  logger = std::make_shared<spdlog::async_logger>("reeve",
                                                  std::make_shared<spdlog::sinks::ansicolor_stderr_sink_mt>(),
                                                  writer, spdlog::async_overflow_policy::overrun_oldest);
  logger->set_formatter(line_format());
  logger->set_level(spdlog::level::trace);               // enabled() decides
  logger->set_error_handler([](const std::string&) {});  // standard error is gone: there is nobody to tell
}

void stop() {
  if (const auto lost = dropped(); lost > 0)
    warn("{} lines of this log were dropped: it came too fast", lost);
  logger.reset();
  writer.reset();  // joins the writer, which writes what waits
}

std::uint64_t dropped() { return writer ? writer->overrun_counter() : 0; }

bool enabled(Level level) { return level >= enabled_from.load(std::memory_order_relaxed); }

void write(Level level, std::string_view line) {
  if (logger) return logger->log(named(level).as_spdlog, line);
  std::fprintf(stderr, "%.*s: %.*s\n", static_cast<int>(named(level).name.size()), named(level).name.data(),
               static_cast<int>(line.size()), line.data());
}

}  // namespace reeve::log
