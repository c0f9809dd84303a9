#include "master/managers/objects/sorting.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <span>
#include <string_view>

#include "common/pickle/compare.h"

namespace reeve::master::managers {
namespace {

using pickle::Value;
using Place = std::uint32_t;  // of an item, before

// Lists are mostly of one kind: keys of it lie side by side in memory, and are compared without looking at values.
struct IntegerKey {
  std::int64_t number;
  Place place;
};
struct RealKey {
  double number;
  Place place;
};
struct TextKey {
  std::uint64_t head;  // the first 8 bytes, with which most comparisons end
  std::string_view text;
  Place place;
};
bool operator<(const IntegerKey& a, const IntegerKey& b) { return a.number < b.number; }
bool operator<(const RealKey& a, const RealKey& b) { return a.number < b.number; }
// Of UTF-8 the order of bytes is the order of code points.
bool operator<(const TextKey& a, const TextKey& b) {
  return a.head != b.head ? a.head < b.head : a.text < b.text;
}

std::optional<IntegerKey> integer_key(const Value& value, Place place) {
  const auto number = value.to_int64();
  return number ? std::optional(IntegerKey{*number, place}) : std::nullopt;
}

std::optional<RealKey> real_key(const Value& value, Place place) {
  constexpr std::int64_t exact_max = std::int64_t{1} << 53;
  const auto integer = value.to_int64();
  if (integer && (*integer < -exact_max || *integer > exact_max)) return std::nullopt;
  const auto number = integer || value.kind() == Value::Kind::real ? value.to_double() : std::nullopt;
  return number && !std::isnan(*number) ? std::optional(RealKey{*number, place}) : std::nullopt;
}

std::optional<TextKey> text_key(const Value& value, Place place) {
  if (value.kind() != Value::Kind::text) return std::nullopt;
  const std::string_view chars = value.chars();
  std::uint64_t head = 0;
  for (std::size_t i = 0; i < std::min(chars.size(), sizeof head); ++i)
    head |= std::uint64_t{static_cast<unsigned char>(chars[i])} << (56 - 8 * i);
  return TextKey{head, chars, place};
}

// None: a value is of another kind.
template <typename Key>
std::optional<std::vector<Place>> order_by(std::span<const Value> values,
                                           std::optional<Key> (*key_of)(const Value&, Place)) {
  std::vector<Key> keys;
  keys.reserve(values.size());
  for (const Value& value : values) {
    const auto key = key_of(value, static_cast<Place>(keys.size()));
    if (!key) return std::nullopt;
    keys.push_back(*key);
  }
  std::ranges::stable_sort(keys, std::less<>{});
  std::vector<Place> order;
  order.reserve(keys.size());
  for (const Key& key : keys) order.push_back(key.place);
  return order;
}

// What comparing texts costs, if they are alike for long. None: not all of them are texts.
std::optional<std::uint64_t> steps_of_texts(std::span<const Value> values) {
  constexpr std::uint64_t chars_per_step = 64;
  std::uint64_t chars = 0;
  for (const Value& value : values) {
    if (value.kind() != Value::Kind::text) return std::nullopt;
    chars += value.chars().size();
  }
  return chars * static_cast<std::uint64_t>(std::bit_width(values.size())) / chars_per_step;
}

// Merge sort, stable. An order that contradicts itself, as NaN makes it, does no harm, which std::sort does not
// promise. Ends early, in no order, when `stopped`.
template <typename Before, typename Stopped>
std::vector<Place> merge_sort(std::size_t size, const Before& before, const Stopped& stopped) {
  std::vector<Place> places(size), merged(size);
  for (std::size_t i = 0; i < size; ++i) places[i] = static_cast<Place>(i);
  const auto at = [size](std::vector<Place>& in, std::size_t i) {
    return in.begin() + static_cast<std::ptrdiff_t>(std::min(i, size));
  };
  for (std::size_t run = 1; run < size && !stopped(); run *= 2) {
    for (std::size_t i = 0; i < size && !stopped(); i += 2 * run)
      std::merge(at(places, i), at(places, i + run), at(places, i + run), at(places, i + 2 * run),
                 at(merged, i), before);
    places.swap(merged);
  }
  return places;
}

std::expected<std::vector<Place>, Raise> order_of(std::span<const Value> values, std::uint64_t steps) {
  if (auto order = order_by(values, &integer_key)) return std::move(*order);
  if (auto order = order_by(values, &real_key)) return std::move(*order);
  if (auto comparing = steps_of_texts(values)) {
    if (*comparing > steps) return std::unexpected(too_much_to_compare());
    return order_by(values, &text_key).value();
  }
  std::optional<Raise> impossible;
  const auto before = [&](Place a, Place b) {
    if (impossible) return false;
    const Result<bool> less = pickle::less(values[a], values[b], steps);
    if (!less) impossible = raise_of_comparison(less.error());
    return less.value_or(false);
  };
  auto order = merge_sort(values.size(), before, [&impossible] { return impossible.has_value(); });
  if (impossible) return std::unexpected(std::move(*impossible));
  return order;
}

}  // namespace

std::optional<Raise> sort_items(std::vector<ItemPtr>& items, bool descending) {
  std::uint64_t steps = call_steps_max;
  std::vector<Value> values;
  values.reserve(items.size());
  for (const ItemPtr& item : items) {
    auto value = item->value(steps);
    if (!value) return too_much_to_compare();
    values.push_back(std::move(*value));
  }
  // Reversed it is stable, too.
  if (descending) std::ranges::reverse(values);
  const auto order = order_of(values, steps);
  if (!order) return order.error();
  std::vector<ItemPtr> sorted;
  sorted.reserve(items.size());
  for (const Place place : *order)
    sorted.push_back(std::move(items[descending ? items.size() - 1 - place : place]));
  if (descending) std::ranges::reverse(sorted);
  items = std::move(sorted);
  return std::nullopt;
}

}  // namespace reeve::master::managers
