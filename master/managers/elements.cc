#include "master/managers/elements.h"

#include <algorithm>

#include "common/pickle/pieces.h"
#include "master/managers/object_table.h"

namespace reeve::master::managers {
namespace {

using pickle::Fragment;
using Elements = std::expected<std::vector<Fragment>, Raise>;
using Entries = std::expected<std::vector<std::pair<Fragment, Fragment>>, Raise>;

// What a proxy stands for: the object, if this value is a proxy and nothing else.
std::shared_ptr<Object> object_behind(const Fragment& fragment, const ObjectTable& objects) {
  if (fragment.token_idents.size() != 1) return nullptr;
  if (pickle::class_name(fragment) != "multiprocessing.managers.RebuildProxy") return nullptr;
  return objects.find(fragment.token_idents.front());
}

pickle::Value as_value(std::int64_t number) { return pickle::Value{number}; }
pickle::Value as_value(double number) { return pickle::Value{number}; }
pickle::Value as_value(std::uint64_t number) {
  return pickle::Value{pickle::BigInt::from_decimal(fmt::format("{}", number)).value()};
}

// A scan of many opcodes takes as long as many elements; one that is refused has not cut anything.
pickle::Limits limits_of(const ObjectTable& objects) {
  constexpr std::uint64_t opcodes_per_element = 5;
  pickle::Limits limits;
  const std::uint64_t elements_max = objects.limits().call_elements_max;
  limits.opcodes_max = static_cast<std::uint32_t>(
      std::min<std::uint64_t>(limits.opcodes_max, opcodes_per_element * elements_max));
  limits.value_elements_max =
      static_cast<std::uint32_t>(std::min<std::uint64_t>(limits.value_elements_max, elements_max));
  return limits;
}

// Only Python can iterate over an instance: a zip, a deque.
Raise not_taken(const Error& error, const Fragment& argument, const ObjectTable& objects) {
  Raise raised = raise_of(error);
  if (error.code == Errc::limit_reached)
    raised.text += fmt::format(", for one call: add it in parts (managers-call-elements-max is {})",
                               objects.limits().call_elements_max);
  if (error.code == Errc::invalid_argument && value_of(argument).kind() == pickle::Value::Kind::opaque)
    raised.text += " in the server: wrap it in list() or dict()";
  return raised;
}

Elements elements_of(const Object& object, const ObjectTable& objects) {
  const Outcome held = object.getvalue();
  std::vector<Fragment> elements;
  if (const auto* const items = held ? std::get_if<std::vector<ItemPtr>>(&held->value) : nullptr) {
    if (auto many = objects.check_elements(items->size())) return std::unexpected(std::move(*many));
    for (const ItemPtr& item : *items) elements.push_back(item->fragment());
  } else if (const auto* const dict = held ? std::get_if<Dict>(&held->value) : nullptr) {
    if (auto many = objects.check_elements(dict->entries.size())) return std::unexpected(std::move(*many));
    for (const auto& [key, value] : dict->entries) elements.push_back(key->fragment());
  } else if (const auto* const numbers = held ? std::get_if<Numbers>(&held->value) : nullptr) {
    if (auto many = objects.check_elements(numbers->values.size())) return std::unexpected(std::move(*many));
    for (const auto& number : numbers->values) {
      auto element = pickle::encode(std::visit([](auto n) { return as_value(n); }, number));
      if (!element) return std::unexpected(raise_of(element.error()));
      elements.push_back(std::move(*element));
    }
  } else {
    return raise("TypeError", fmt::format("'{}' object is not iterable", object.type_name()));
  }
  return elements;
}

// …of anything but a dict: its elements are pairs.
Entries entries_of(const std::vector<Fragment>& sequence, const ObjectTable& objects) {
  std::vector<std::pair<Fragment, Fragment>> entries;
  for (std::size_t i = 0; i < sequence.size(); ++i) {
    auto pair = managers::elements_of(sequence[i], objects);
    if (!pair && pair.error().name == "MemoryError") return std::unexpected(pair.error());
    if (!pair)
      return raise("TypeError",
                   fmt::format("cannot convert dictionary update sequence element #{} to a sequence", i));
    if (pair->size() != 2)
      return raise("ValueError",
                   fmt::format("dictionary update sequence element #{} has length {}; 2 is required", i,
                               pair->size()));
    entries.emplace_back(std::move((*pair)[0]), std::move((*pair)[1]));
  }
  return entries;
}

}  // namespace

Elements elements_of(const Fragment& iterable, const ObjectTable& objects) {
  if (const auto object = object_behind(iterable, objects)) return elements_of(*object, objects);
  auto elements = pickle::iterate(iterable, limits_of(objects));
  if (!elements) return std::unexpected(not_taken(elements.error(), iterable, objects));
  if (auto many = objects.check_elements(elements->size())) return std::unexpected(std::move(*many));
  return std::move(*elements);
}

Entries entries_of(const Fragment& mapping, const ObjectTable& objects) {
  std::vector<std::pair<Fragment, Fragment>> entries;
  if (const auto object = object_behind(mapping, objects)) {
    const Outcome held = object->getvalue();
    if (const auto* const dict = held ? std::get_if<Dict>(&held->value) : nullptr) {
      if (auto many = objects.check_elements(2 * dict->entries.size()))
        return std::unexpected(std::move(*many));
      for (const auto& [key, value] : dict->entries) entries.emplace_back(key->fragment(), value->fragment());
      return entries;
    }
    const auto sequence = elements_of(*object, objects);
    if (!sequence) return std::unexpected(sequence.error());
    return entries_of(*sequence, objects);
  }
  auto elements = pickle::pairs(mapping, limits_of(objects));
  if (!elements && elements.error().code == Errc::wrong_state)
    return raise("ValueError", elements.error().detail);
  if (!elements) return std::unexpected(not_taken(elements.error(), mapping, objects));
  if (auto many = objects.check_elements(elements->size())) return std::unexpected(std::move(*many));
  entries.reserve(elements->size() / 2);
  for (std::size_t i = 0; i + 1 < elements->size(); i += 2)
    entries.emplace_back(std::move((*elements)[i]), std::move((*elements)[i + 1]));
  return entries;
}

}  // namespace reeve::master::managers
