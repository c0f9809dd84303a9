#include "client/cli/text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <cstring>
#include <ctime>

#include "client/cli/progress.h"
#include "common/base/duration.h"
#include "common/pickle/payload.h"

namespace reeve::cli {

namespace {

std::string broken_down(WallTime time, const char* format, bool utc) {
  const std::time_t seconds = std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
  std::tm parts{};
  if (utc)
    ::gmtime_r(&seconds, &parts);
  else
    ::localtime_r(&seconds, &parts);
  char text[64];
  return {text, std::strftime(text, sizeof text, format, &parts)};
}

bool is_plain(std::string_view word) {
  return !word.empty() && word.find_first_not_of(
                              "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                              "_-+=./:,@%{}") == word.npos;
}

}  // namespace

std::string count_of(std::uint64_t number, std::string_view noun) {
  return fmt::format("{} {}{}", with_commas(number), noun, number == 1 ? "" : "s");
}

std::string_view state_of(const JobInfo& job) {
  const Counts& counts = job.counts;
  if (job.is_finished()) return counts.failed > 0 ? "failed" : job.succeeded() ? "succeeded" : "cancelled";
  if (counts.leased > 0) return "running";
  if (counts.ready > 0) return counts.finished() > 0 ? "running" : "ready";
  return counts.waiting > 0 || !job.open ? "waiting" : "open";
}

Tone tone_of(std::string_view state) {
  if (state == "succeeded") return Tone::good;
  if (state == "failed") return Tone::bad;
  if (state == "cancelled") return Tone::warning;
  if (state == "running" || state == "leased") return Tone::strong;
  return Tone::plain;
}

std::string describe(const TaskSpec& spec) {
  if (spec.is_command()) return shell_words(spec.command.args);
  return spec.is_value() ? "values" : spec.function + "()";
}

std::string shell_words(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) {
    if (!out.empty()) out += ' ';
    if (is_plain(word)) {
      out += word;
      continue;
    }
    out += '\'';
    for (const char c : word) {
      if (c == '\'')
        out += "'\\''";
      else
        out += c;
    }
    out += '\'';
  }
  return out;
}

std::string local_time(WallTime time) {
  return time == WallTime{} ? "-" : broken_down(time, "%Y-%m-%d %H:%M:%S", false);
}

std::string utc_time(WallTime time) {
  const auto whole = std::chrono::floor<std::chrono::seconds>(time);
  return broken_down(time, "%Y-%m-%dT%H:%M:%S", true) + fmt::format(".{:06}Z", (time - whole).count());
}

std::string ago(WallTime time, WallTime now) {
  if (time == WallTime{}) return "-";
  const Duration since = now - time;
  return since < std::chrono::seconds{1} ? "now" : format_duration(since) + " ago";
}

std::string bytes_of(std::uint64_t bytes) {
  static constexpr std::array units{"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < units.size()) {
    value /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, units[unit]);
}

std::string join(const std::vector<std::string>& words, std::string_view between) {
  return fmt::format("{}", fmt::join(words, between));
}

std::string join(const Pairs& pairs, std::string_view between) {
  std::string out;
  for (const auto& [key, value] : pairs) {
    if (!out.empty()) out += between;
    out += key + "=" + value;
  }
  return out;
}

Duration age_of(const JobInfo& job, WallTime now) {
  const WallTime from = job.started == WallTime{} ? job.submitted : job.started;
  return std::max(Duration{0}, (job.is_finished() ? job.finished : now) - from);
}

std::string_view without_echo(std::string_view error) {
  std::string_view text = error;
  while (text.ends_with('\n')) text.remove_suffix(1);
  const std::size_t half = text.size() / 2;
  const bool twice =
      text.size() % 2 == 1 && text[half] == '\n' && text.substr(0, half) == text.substr(half + 1);
  return twice ? text.substr(0, half) : error;
}

std::string_view first_line(std::string_view text) { return text.substr(0, text.find('\n')); }

std::string reason_of(const Outcome& outcome) {
  if (outcome.state == TaskState::succeeded) return {};
  std::string reason{without_echo(outcome.error)};
  if (!reason.empty()) return reason;
  if (outcome.timed_out) return "its time limit was reached";
  if (outcome.signal != 0) {
    const char* name = ::sigabbrev_np(static_cast<int>(outcome.signal));
    return name ? fmt::format("killed by SIG{}", name) : fmt::format("killed by signal {}", outcome.signal);
  }
  if (outcome.exit_code != 0) return fmt::format("exit code {}", outcome.exit_code);
  return outcome.state == TaskState::cancelled ? "cancelled" : "failed";
}

std::string ending_of(TaskState state, std::string_view reason) {
  // A function that fails with its argument, and had none, fails with null.
  if (reason.empty() || reason == name_of(state) || reason == "null") return std::string(name_of(state));
  return fmt::format("{}: {}", name_of(state), reason);
}

std::string payload_text(std::string_view bytes, Encoding encoding) {
  if (encoding != Encoding::pickle) return std::string(bytes);
  Result<std::string> json = pickle::json_of_pickle(bytes);
  return json ? std::move(*json) : pickle::text_of_pickle(bytes);
}

}  // namespace reeve::cli
