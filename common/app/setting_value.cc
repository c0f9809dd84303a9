#include "common/app/setting_value.h"

#include <fmt/ranges.h>

namespace reeve {

Result<void> read_value(std::string_view text, bool& value) {
  if (text == "true" || text == "1" || text == "yes" || text == "on") return value = true, Result<void>{};
  if (text == "false" || text == "0" || text == "no" || text == "off") return value = false, Result<void>{};
  return fail(Errc::invalid_argument, "'{}' is neither true nor false", text);
}

Result<void> read_value(std::string_view text, std::string& value) {
  value = text;
  return {};
}

Result<void> read_value(std::string_view text, std::vector<std::string>& value) {
  value.clear();
  while (!text.empty()) {
    const auto comma = text.find(',');
    if (comma != 0) value.emplace_back(text.substr(0, comma));
    text.remove_prefix(comma == text.npos ? text.size() : comma + 1);
  }
  return {};
}

std::string show_value(bool value) { return value ? "true" : "false"; }
std::string show_value(const std::string& value) { return value; }
std::string show_value(const std::vector<std::string>& value) {
  return fmt::format("{}", fmt::join(value, ","));
}

std::string show_duration(Duration value) {
  std::string text = format_duration(value);
  std::erase(text, ' ');
  if (const auto again = parse_duration(text); again && *again == value) return text;
  return value.count() % 1'000'000 == 0 ? fmt::format("{}s", value.count() / 1'000'000)
                                        : fmt::format("{}us", value.count());
}

}  // namespace reeve
