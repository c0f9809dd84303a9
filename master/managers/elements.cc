#include "master/managers/elements.h"

#include <utility>

#include "common/pickle/pieces.h"
#include "common/pickle/utf8.h"

namespace reeve::master::managers {
namespace {

using pickle::Fragment;
using pickle::Pieces;
using pickle::Value;
using Elements = std::expected<std::vector<Fragment>, Raise>;

Elements encode_all(std::span<const Value> values, std::size_t step = 1) {
  std::vector<Fragment> fragments;
  fragments.reserve(values.size());
  for (std::size_t i = 0; i < values.size(); i += step) {
    auto fragment = pickle::encode(values[i]);
    if (!fragment) return std::unexpected(raise_of(fragment.error()));
    fragments.push_back(std::move(*fragment));
  }
  return fragments;
}

Elements characters_of(std::string_view text) {
  std::vector<Value> characters;
  while (!text.empty()) {
    const std::string_view before = text;
    char32_t ignored = 0;
    if (!pickle::take_character(text, ignored)) break;
    characters.push_back(Value::text(std::string{before.substr(0, before.size() - text.size())}));
  }
  return encode_all(characters);
}

Elements numbers_of_bytes(std::string_view bytes) {
  std::vector<Value> numbers;
  for (const char byte : bytes) numbers.emplace_back(std::int64_t{static_cast<unsigned char>(byte)});
  return encode_all(numbers);
}

Elements numbers_of_range(const Value& range) {
  const auto part = [&range](std::size_t i) { return range.elements()[i].to_int64(); };
  const auto start = part(0), stop = part(1), step = part(2);
  if (!start || !stop || !step || *step == 0) return raise("OverflowError", "a range beyond 64 bits");
  std::vector<Value> numbers;
  for (std::int64_t i = *start; *step > 0 ? i < *stop : i > *stop;) {
    if (numbers.size() >= pickle::Limits{}.value_elements_max)
      return raise("MemoryError", "a range of more elements than value_elements_max");
    numbers.emplace_back(i);
    if (__builtin_add_overflow(i, *step, &i)) break;
  }
  return encode_all(numbers);
}

Elements elements_of_value(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::text:
      return characters_of(value.chars());
    case Value::Kind::bytes:
    case Value::Kind::bytearray:
      return numbers_of_bytes(value.chars());
    case Value::Kind::range:
      return numbers_of_range(value);
    case Value::Kind::dict:
      return encode_all(value.elements(), 2);
    case Value::Kind::tuple:
    case Value::Kind::list:
    case Value::Kind::set:
    case Value::Kind::frozenset:
      return encode_all(value.elements());
    case Value::Kind::array:
      return encode_all(value.elements().subspan(1));
    default:
      return raise("TypeError", fmt::format("'{}' object is not iterable", type_name(value)));
  }
}

using Entries = std::vector<std::pair<Fragment, Fragment>>;

Entries in_pairs(std::vector<Fragment> elements) {
  Entries entries;
  entries.reserve(elements.size() / 2);
  for (std::size_t i = 0; i + 1 < elements.size(); i += 2)
    entries.emplace_back(std::move(elements[i]), std::move(elements[i + 1]));
  return entries;
}

}  // namespace

std::expected<std::vector<Fragment>, Raise> elements_of(const Fragment& iterable) {
  Result<Pieces> pieces = pickle::split(iterable);
  if (!pieces) {
    if (pieces.error().code == Errc::limit_reached) return std::unexpected(raise_of(pieces.error()));
    return elements_of_value(value_of(iterable));
  }
  if (pieces->kind != Pieces::Kind::dict) return std::move(pieces->elements);
  std::vector<Fragment> keys;
  for (auto& [key, value] : in_pairs(std::move(pieces->elements))) keys.push_back(std::move(key));
  return keys;
}

std::expected<Entries, Raise> entries_of(const Fragment& mapping) {
  if (Result<Pieces> pieces = pickle::split(mapping); pieces && pieces->kind == Pieces::Kind::dict)
    return in_pairs(std::move(pieces->elements));
  if (const Value value = value_of(mapping); value.kind() == Value::Kind::dict) {
    auto elements = encode_all(value.elements());
    if (!elements) return std::unexpected(elements.error());
    return in_pairs(std::move(*elements));
  }
  auto pairs = elements_of(mapping);
  if (!pairs) return std::unexpected(pairs.error());
  Entries entries;
  for (const Fragment& pair : *pairs) {
    auto parts = elements_of(pair);
    if (!parts)
      return raise(
          "TypeError",
          fmt::format("cannot convert dictionary update sequence element #{} to a sequence", entries.size()));
    if (parts->size() != 2)
      return raise("ValueError",
                   fmt::format("dictionary update sequence element #{} has length {}; 2 is required",
                               entries.size(), parts->size()));
    entries.emplace_back(std::move((*parts)[0]), std::move((*parts)[1]));
  }
  return entries;
}

}  // namespace reeve::master::managers
