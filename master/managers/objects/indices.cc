#include "master/managers/objects/indices.h"

#include <limits>

namespace reeve::master::managers {
namespace {

using pickle::Value;

// A number of any size, clamped to 64 bits. None: it is no number.
std::optional<std::int64_t> clamped_number(const Value& value) {
  if (const auto number = value.to_int64()) return number;
  if (value.kind() != Value::Kind::integer) return std::nullopt;
  return value.big().negative() ? std::numeric_limits<std::int64_t>::min()
                                : std::numeric_limits<std::int64_t>::max();
}

std::expected<std::optional<std::int64_t>, Raise> end_of(const Value& value) {
  if (value.is_none()) return std::nullopt;
  if (const auto number = clamped_number(value)) return number;
  return raise("TypeError", "slice indices must be integers or None or have an __index__ method");
}

std::int64_t bounded(std::optional<std::int64_t> end, std::int64_t when_absent, std::int64_t length,
                     std::int64_t lowest, std::int64_t highest) {
  if (!end) return when_absent;
  if (*end < 0) return *end < -length ? lowest : std::max(lowest, *end + length);
  return std::min(*end, highest);
}

}  // namespace

std::expected<std::int64_t, Raise> end_of_search(const pickle::Fragment& argument) {
  if (const auto number = clamped_number(value_of(argument))) return *number;
  return raise("TypeError", "slice indices must be integers or have an __index__ method");
}

std::expected<SliceRange, Raise> slice_of(const Value& slice, std::size_t length) {
  const auto start = end_of(slice.elements()[0]);
  if (!start) return std::unexpected(start.error());
  const auto stop = end_of(slice.elements()[1]);
  if (!stop) return std::unexpected(stop.error());
  const auto given_step = end_of(slice.elements()[2]);
  if (!given_step) return std::unexpected(given_step.error());
  const auto size = static_cast<std::int64_t>(length);
  // Longer steps than the sequence all do the same, and cannot overflow; but none of them becomes a step of 1.
  const std::int64_t longest = std::max<std::int64_t>(size + 1, 2);
  const std::int64_t step = std::clamp(given_step->value_or(1), -longest, longest);
  if (step == 0) return raise("ValueError", "slice step cannot be zero");
  const bool up = step > 0;
  const std::int64_t lowest = up ? 0 : -1, highest = up ? size : size - 1;
  const std::int64_t from = bounded(*start, up ? lowest : highest, size, lowest, highest);
  const std::int64_t to = bounded(*stop, up ? highest : lowest, size, lowest, highest);
  const std::int64_t distance = up ? to - from : from - to;
  const std::int64_t stride = up ? step : -step;
  const std::int64_t count = distance > 0 ? (distance - 1) / stride + 1 : 0;
  return SliceRange{from, step, static_cast<std::size_t>(count)};
}

std::expected<Place, Raise> place_in(const pickle::Fragment& argument, std::size_t length,
                                     std::string_view what, std::string_view range_text) {
  const Value value = value_of(argument);
  if (value.kind() == Value::Kind::slice) {
    const auto slice = slice_of(value, length);
    if (!slice) return std::unexpected(slice.error());
    return Place{.is_slice = true, .slice = *slice};
  }
  if (value.kind() != Value::Kind::integer && value.kind() != Value::Kind::boolean)
    return raise("TypeError", fmt::format("{} indices must be integers{}, not {}", what,
                                          what == "list" ? " or slices" : "", type_name(value)));
  const auto number = value.to_int64();
  if (!number) return raise("IndexError", "cannot fit 'int' into an index-sized integer");
  const auto index = place_of(*number, length, range_text);
  if (!index) return std::unexpected(index.error());
  return Place{.is_slice = false, .index = *index, .slice = {}};
}

}  // namespace reeve::master::managers
