// How the value of a setting is read from text and shown as text: one pair of functions for each type a
// setting may have.
#pragma once

#include <charconv>
#include <chrono>
#include <concepts>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/duration.h"
#include "common/base/result.h"

namespace reeve {

Result<void> read_value(std::string_view text, bool& value);
Result<void> read_value(std::string_view text, std::string& value);
Result<void> read_value(std::string_view text, std::vector<std::string>& value);  // separated by commas

std::string show_value(bool value);
std::string show_value(const std::string& value);
std::string show_value(const std::vector<std::string>& value);
std::string show_duration(Duration value);  // exact, unlike format_duration

template <std::integral T>
Result<void> read_value(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error == std::errc::invalid_argument || end != text.data() + text.size())
    return fail(Errc::invalid_argument, "'{}' is not a number", text);
  if (error != std::errc{}) return fail(Errc::invalid_argument, "{} is out of range", text);
  return {};
}
template <std::integral T>
std::string show_value(T value) {
  return fmt::format("{}", value);
}

template <typename Rep, typename Period>
Result<void> read_value(std::string_view text, std::chrono::duration<Rep, Period>& value) {
  const auto read = parse_duration(text);
  if (!read) return fail(read.error());
  value = std::chrono::duration_cast<std::chrono::duration<Rep, Period>>(*read);
  if (value != *read) return fail(Errc::invalid_argument, "'{}' is finer than this setting can be", text);
  return {};
}
template <typename Rep, typename Period>
std::string show_value(std::chrono::duration<Rep, Period> value) {
  return show_duration(std::chrono::duration_cast<Duration>(value));
}

// What stands for the value in --help.
template <typename T>
std::string_view placeholder_for(const T&) {
  if constexpr (std::same_as<T, bool>)
    return "";
  else if constexpr (std::integral<T>)
    return "NUMBER";
  else if constexpr (std::same_as<T, std::string>)
    return "TEXT";
  else if constexpr (std::same_as<T, std::vector<std::string>>)
    return "NAME,…";
  else
    return "TIME";
}

}  // namespace reeve
