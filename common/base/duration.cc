#include "common/base/duration.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace reeve {

namespace {

struct Unit {
  std::string_view name;
  std::int64_t us;
};
constexpr std::array<Unit, 6> units{{{"us", 1},
                                     {"ms", 1'000},
                                     {"s", 1'000'000},
                                     {"m", 60'000'000},
                                     {"h", 3'600'000'000},
                                     {"d", 86'400'000'000}}};
constexpr double longest_us = 10.0 * 366 * 86'400e6;

// Digits and at most one point off the front of `text`; negative: there are none.
double take_number(std::string_view& text) {
  const std::string_view digits = text.substr(0, text.find_first_not_of("0123456789."));
  double number = -1;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc{} || end != digits.data() + digits.size()) return -1;
  text.remove_prefix(digits.size());
  return number;
}

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  std::string_view rest = text;
  double total_us = 0;
  do {
    const bool first = rest.size() == text.size();
    const double number = take_number(rest);
    const std::string_view name = rest.substr(0, rest.find_first_of("0123456789. "));
    const auto unit = std::ranges::find(units, first && rest.empty() ? "s" : name, &Unit::name);
    if (number < 0 || unit == units.end())
      return fail(Errc::invalid_argument, "'{}' is not a time: write it as 90s, 5m, 1h30m or 250ms", text);
    rest.remove_prefix(name.size());
    rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
    total_us += number * static_cast<double>(unit->us);
  } while (!rest.empty());
  if (total_us > longest_us) return fail(Errc::invalid_argument, "'{}' is longer than ten years", text);
  return Duration{static_cast<std::int64_t>(total_us + 0.5)};
}

std::string format_duration(Duration duration) {
  const std::int64_t us = duration.count();
  if (us < 0) return "-" + format_duration(Duration{us == INT64_MIN ? INT64_MAX : -us});
  if (us == 0) return "0s";
  if (us < 1'000) return fmt::format("{}us", us);
  if (us < 1'000'000) return fmt::format("{:.3g}ms", static_cast<double>(us / 10) / 100);
  if (us < 60'000'000) return fmt::format("{:.3g}s", static_cast<double>(us / 10'000) / 100);
  std::int64_t s = us / 1'000'000;
  const std::array<std::pair<std::int64_t, char>, 4> parts{
      {{86'400, 'd'}, {3'600, 'h'}, {60, 'm'}, {1, 's'}}};
  const auto first = std::ranges::find_if(parts, [s](const auto& part) { return s >= part.first; });
  std::string out = fmt::format("{}{}", s / first->first, first->second);
  s %= first->first;
  const auto second = first + 1;
  if (second != parts.end() && s / second->first > 0)
    out += fmt::format(" {}{}", s / second->first, second->second);
  return out;
}

}  // namespace reeve
