#include <boost/json.hpp>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "common/base/assert.h"
#include "common/pickle/payload.h"
#include "worker/runners/functions.h"

namespace reeve::worker {
namespace {

__extension__ using Wide = unsigned __int128;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view space = " \t\r\n";
  const auto first = text.find_first_not_of(space);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(space) - first + 1);
}

template <typename Number>
std::optional<Number> number_from(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string decimal(Wide number) {
  char digits[40];
  char* first = std::end(digits);
  do {
    *--first = static_cast<char>('0' + static_cast<int>(number % 10));
    number /= 10;
  } while (number != 0);
  return {first, std::end(digits)};
}

TaskResult not_a_number(std::string_view payload) {
  constexpr std::size_t shown_max = 40;
  return TaskResult::error(fmt::format("not a number: '{}'", payload.substr(0, shown_max)));
}

TaskResult echo(const TaskContext&, std::string_view payload) { return std::string(payload); }

// n * n: exact for integers of 64 bits, else as floating-point numbers are.
TaskResult square_of(std::string_view text) {
  if (const auto whole = number_from<std::int64_t>(text)) {
    const Wide magnitude = *whole < 0 ? -static_cast<Wide>(*whole) : static_cast<Wide>(*whole);
    return {decimal(magnitude * magnitude), PayloadEncoding::json};
  }
  if (text.find_first_not_of("+-0123456789") == std::string_view::npos && !text.empty())
    return TaskResult::error(fmt::format("'{}' is no whole number of 64 bits", text));
  const auto real = number_from<double>(text);
  if (!real || !std::isfinite(*real)) return not_a_number(text);
  const double squared = *real * *real;
  if (!std::isfinite(squared)) return TaskResult::error(fmt::format("the square of {} is too large", text));
  return {fmt::format("{}", squared), PayloadEncoding::json};
}

TaskResult square(const TaskContext& context, std::string_view payload) {
  if (context.encoding() != PayloadEncoding::pickle) return square_of(trimmed(payload));
  const Result<std::string> number = pickle::json_of_pickle(payload);
  if (!number)
    return TaskResult::error(
        fmt::format("square takes a number, not the pickle of {}", pickle::text_of_pickle(payload)));
  const TaskResult squared = square_of(*number);
  if (squared.failed()) return squared;
  return {fmt::format("\"{0} * {0} = {1}\"", *number, squared.text()), PayloadEncoding::json};
}

// Sleeps so many seconds, and returns them.
TaskResult sleep(const TaskContext& context, std::string_view payload) {
  constexpr double longest_s = 366.0 * 24 * 3600;
  const auto seconds = number_from<double>(trimmed(payload));
  if (!seconds || !(*seconds >= 0)) return not_a_number(payload);
  if (*seconds > longest_s) return TaskResult::error("longer than a year");
  if (!context.sleep_for(std::chrono::duration<double>(*seconds))) return TaskResult::error("woken early");
  return std::string(trimmed(payload));
}

// Fails with the payload as its message: text, or a JSON string.
TaskResult fail(const TaskContext& context, std::string_view payload) {
  if (context.encoding() == PayloadEncoding::json) {
    boost::system::error_code error;
    const auto value = boost::json::parse({payload.data(), payload.size()}, error);
    if (!error && value.is_string()) {
      const auto& text = value.get_string();
      return TaskResult::error(std::string(text.begin(), text.end()));
    }
  }
  return TaskResult::error(std::string(payload.empty() ? "failed, as asked" : payload));
}

}  // namespace

void add_builtins(Functions& functions) {
  const Result<void> added = functions.fill([](const reeve_registry& registry) {
    PluginRegistry builtins{registry};
    builtins.add_brief("echo", echo);
    builtins.add_brief("square", square);
    builtins.add("sleep", sleep);
    builtins.add_brief("fail", fail);
  });
  ASSERT(added.has_value());
  for (const char* name : {"echo", "square"}) functions.let_read_pickles(name);
}

}  // namespace reeve::worker
