#include "master/managers/arguments.h"

#include <algorithm>
#include <cmath>

#include "master/managers/object_table.h"

namespace reeve::master::managers {
namespace {

constexpr std::string_view pickled_none = "N", pickled_true = "\x88", pickled_false = "\x89";

std::unexpected<Raise> not_a_number(const pickle::Value& value) {
  return raise("TypeError",
               fmt::format("'<' not supported between instances of '{}' and 'int'", type_name(value)));
}

}  // namespace

std::optional<Raise> Arguments::bind_to(std::string_view what, std::span<const std::string_view> names,
                                        std::size_t required, std::span<pickle::Fragment*> bound) const {
  const auto type_error = [](std::string text) {
    return Raise{.name = "TypeError", .text = std::move(text)};
  };
  if (positional() > names.size())
    return type_error(
        fmt::format("{} takes at most {} arguments but {} were given", what, names.size(), positional()));
  for (std::size_t i = 0; i < positional(); ++i) bound[i] = &at(i);
  for (auto& [name, value] : keywords()) {
    const auto found = std::ranges::find(names, name);
    if (found == names.end())
      return type_error(fmt::format("{} got an unexpected keyword argument '{}'", what, name));
    auto*& place = bound[static_cast<std::size_t>(found - names.begin())];
    if (place != nullptr)
      return type_error(fmt::format("{} got multiple values for argument '{}'", what, name));
    place = &value;
  }
  for (std::size_t i = 0; i < required; ++i)
    if (bound[i] == nullptr)
      return type_error(fmt::format("{} missing required argument: '{}'", what, names[i]));
  return std::nullopt;
}

std::expected<ItemPtr, Raise> Arguments::keep(pickle::Fragment& fragment) const {
  return objects_.keep(std::move(fragment));
}

std::expected<ItemPtr, Raise> Arguments::keep_text(std::string_view text) const {
  auto fragment = pickle::encode(pickle::Value::text(std::string{text}));
  if (!fragment) return raise("ValueError", fragment.error().detail);
  return objects_.keep(std::move(*fragment));
}

pickle::Value value_of(const pickle::Fragment& fragment) {
  auto value = pickle::decode(fragment);
  return value ? std::move(*value) : pickle::Value::opaque(fragment);
}

bool is_none(const pickle::Fragment& fragment) { return fragment.bytes == pickled_none; }

bool truth_of(const pickle::Fragment* fragment, bool when_absent) {
  if (fragment == nullptr) return when_absent;
  if (fragment->bytes == pickled_true) return true;
  if (fragment->bytes == pickled_false || is_none(*fragment)) return false;
  return value_of(*fragment).truth();
}

std::expected<std::optional<double>, Raise> seconds_of(const pickle::Fragment* fragment) {
  if (fragment == nullptr || is_none(*fragment)) return std::nullopt;
  const pickle::Value value = value_of(*fragment);
  const auto seconds = value.to_double();
  if (!seconds || std::isnan(*seconds)) return not_a_number(value);
  return seconds;
}

std::expected<std::optional<double>, Raise> seconds_of_wait(const Arguments& arguments) {
  const auto bound = arguments.bind("wait()", std::array<std::string_view, 1>{"timeout"});
  if (!bound) return std::unexpected(bound.error());
  return seconds_of((*bound)[0]);
}

std::expected<std::int64_t, Raise> integer_of(const pickle::Value& value) {
  if (const auto number = value.to_int64()) return *number;
  if (value.kind() == pickle::Value::Kind::integer)
    return raise("OverflowError", "Python int too large to convert to C ssize_t");
  return raise("TypeError", fmt::format("'{}' object cannot be interpreted as an integer", type_name(value)));
}

std::expected<std::int64_t, Raise> integer_of(const pickle::Fragment& fragment) {
  return integer_of(value_of(fragment));
}

std::optional<std::string> text_of(const pickle::Fragment& fragment) {
  const pickle::Value value = value_of(fragment);
  if (value.kind() != pickle::Value::Kind::text) return std::nullopt;
  return std::string{value.chars()};
}

std::optional<std::string> ident_in(const pickle::Fragment& token) {
  const pickle::Value value = value_of(token);
  if (value.kind() != pickle::Value::Kind::token || value.elements().size() != 3) return std::nullopt;
  const pickle::Value& ident = value.elements()[2];
  if (ident.kind() != pickle::Value::Kind::text) return std::nullopt;
  return std::string{ident.chars()};
}

std::optional<TimePoint> deadline_after(TimePoint now, std::optional<double> seconds) {
  constexpr double longest = 1e9;  // more than thirty years
  if (!seconds || *seconds > longest) return std::nullopt;
  return now + Duration{static_cast<std::int64_t>(std::ceil(std::max(*seconds, 0.0) * 1e6))};
}

// What pickle's own errors are to a Python program: limits are no fault of the types.
Raise raise_of(const Error& error) {
  return {.name = error.code == Errc::limit_reached ? "MemoryError" : "TypeError", .text = error.detail};
}

}  // namespace reeve::master::managers
