#include "master/managers/objects/dict.h"

#include <algorithm>
#include <array>
#include <utility>

#include "common/pickle/compare.h"
#include "master/managers/elements.h"
#include "master/managers/object_table.h"
#include "master/managers/objects/list.h"

namespace reeve::master::managers {
namespace {

constexpr std::array<std::string_view, 17> method_names{
    "__contains__", "__delitem__", "__getitem__", "__iter__", "__len__", "__setitem__",
    "clear",        "copy",        "get",         "has_key",  "items",   "keys",
    "pop",          "popitem",     "setdefault",  "update",   "values"};
constexpr std::array<std::string_view, 5> iterator_methods{"__next__", "next", "send", "throw", "close"};
constexpr std::array<std::string_view, 1> key_name{"key"};
constexpr std::array<std::string_view, 2> key_and_default{"key", "default"};

}  // namespace

const std::array<Dictionary::Method, 17> Dictionary::methods{
    &Dictionary::contains, &Dictionary::delete_item, &Dictionary::get_item,    &Dictionary::iterate,
    &Dictionary::length,   &Dictionary::set_item,    &Dictionary::clear,       &Dictionary::copy,
    &Dictionary::get,      &Dictionary::contains,    &Dictionary::items,       &Dictionary::keys,
    &Dictionary::pop,      &Dictionary::pop_item,    &Dictionary::set_default, &Dictionary::update,
    &Dictionary::values};

std::expected<std::shared_ptr<Object>, Raise> Dictionary::make(const Arguments& arguments) {
  auto made = std::make_shared<Dictionary>();
  if (auto error = made->fill(arguments, "dict()")) return std::unexpected(std::move(*error));
  return made;
}

std::span<const std::string_view> Dictionary::exposed() const { return method_names; }

Outcome Dictionary::call(Call& call) {
  const auto found = std::ranges::find(method_names, call.method);
  return (this->*methods[static_cast<std::size_t>(found - method_names.begin())])(call);
}

std::string Dictionary::repr(std::size_t item_bytes_max, std::uint64_t& steps) const {
  std::string text = "{";
  for (const Entry& entry : entries_) {
    if (text.size() > 1) text += ", ";
    if (text.size() > std::min(repr_max_bytes, item_bytes_max)) return text + "...}";
    const auto key = repr_of(entry.key, item_bytes_max, steps),
               value = repr_of(entry.value, item_bytes_max, steps);
    if (!key || !value) return text + "...}";
    text += *key + ": " + *value;
  }
  return text + "}";
}

Outcome Dictionary::getvalue() const {
  Dict dict;
  for (const Entry& entry : entries_) dict.entries.emplace_back(entry.key, entry.value);
  return Answer{std::move(dict)};
}

// ---- keys

std::expected<Dictionary::Key, Raise> Dictionary::key_of(const pickle::Fragment& fragment) {
  std::uint64_t steps = call_steps_max;
  return key_of(fragment, steps);
}

std::expected<Dictionary::Key, Raise> Dictionary::key_of(const pickle::Fragment& fragment,
                                                         std::uint64_t& steps) {
  pickle::Value value = value_of(fragment);
  steps += fragment.bytes.size();
  const Result<std::size_t> hash = pickle::hash(value, steps);
  if (!hash) return std::unexpected(raise_of(hash.error()));
  return Key{*hash, std::move(value)};
}

Dictionary::Entries::iterator Dictionary::find(const Key& key) {
  const auto [first, last] = by_hash_.equal_range(key.hash);
  std::uint64_t steps = call_steps_max;  // what could be hashed within them can be compared
  for (auto candidate = first; candidate != last; ++candidate) {
    const Item& known = *candidate->second->key;
    steps += known.bytes();
    if (pickle::equal(known.value(), key.value, steps).value_or(false)) return candidate->second;
  }
  return entries_.end();
}

void Dictionary::erase(Entries::iterator entry) {
  const auto [first, last] = by_hash_.equal_range(entry->hash);
  for (auto candidate = first; candidate != last; ++candidate) {
    if (candidate->second != entry) continue;
    by_hash_.erase(candidate);
    break;
  }
  cells.erase(entry->cell);
  entries_.erase(entry);
}

// A key that is there keeps its place, and stays the object that it was.
std::expected<ItemPtr, Raise> Dictionary::assign(const Key& key, pickle::Fragment& fragment, ItemPtr value,
                                                 const Arguments& arguments) {
  if (const auto found = find(key); found != entries_.end()) {
    found->value = value;
    note(*found);
    return value;
  }
  if (auto full = cells.check_room(entries_.size() + 1)) return std::unexpected(std::move(*full));
  if (auto full = arguments.objects().check_items("a dict", entries_.size() + 1))
    return std::unexpected(std::move(*full));
  auto kept = arguments.keep(fragment);
  if (!kept) return std::unexpected(kept.error());
  entries_.push_back({key.hash, std::move(*kept), value, next_cell_++});
  by_hash_.emplace(key.hash, std::prev(entries_.end()));
  note(entries_.back());
  return value;
}

// ---- cells: a key and its value each, in the order of their insertion

void Dictionary::note(const Entry& entry) {
  if (cells.kept()) cells.put(entry.cell, stored_pair(stored(entry.key), stored(entry.value)));
}

void Dictionary::note_all() {
  for (const Entry& entry : entries_) note(entry);
}

Result<void> Dictionary::recall(std::int64_t number, std::string_view content) {
  const auto parts = pair_of(content);
  if (!parts) return fail(parts.error());
  auto key = table->recall(parts->first);
  if (!key) return fail(key.error());
  auto value = table->recall(parts->second);
  if (!value) return fail(value.error());
  const Result<std::size_t> hash = pickle::hash((*key)->value());
  if (!hash) return fail(Errc::storage_failed, "{}", hash.error().detail);
  entries_.push_back({*hash, std::move(*key), std::move(*value), number});
  by_hash_.emplace(*hash, std::prev(entries_.end()));
  next_cell_ = number + 1;
  return {};
}

// ---- what it is filled with

std::optional<Raise> Dictionary::fill(const Arguments& arguments, std::string_view what) {
  if (arguments.positional() > 1)
    return Raise{.name = "TypeError",
                 .text = fmt::format("{} expected at most 1 argument, got {}", what, arguments.positional())};
  std::uint64_t steps = call_steps_max;
  const auto put = [&](pickle::Fragment& key, pickle::Fragment& value) -> std::optional<Raise> {
    const auto known = key_of(key, steps);
    if (!known) return known.error();
    auto kept = arguments.keep(value);
    if (!kept) return kept.error();
    const auto assigned = assign(*known, key, std::move(*kept), arguments);
    if (!assigned) return assigned.error();
    return std::nullopt;
  };
  if (arguments.positional() == 1) {
    auto given = entries_of(arguments.at(0), arguments.objects());
    if (!given) return given.error();
    for (auto& [key, value] : *given)
      if (auto error = put(key, value)) return error;
  }
  for (auto& [name, value] : arguments.keywords()) {
    auto key = pickle::encode(pickle::Value::text(std::string{name}));
    if (!key) return raise_of(key.error());
    if (auto error = put(*key, value)) return error;
  }
  return std::nullopt;
}

// ---- methods

Outcome Dictionary::contains(Call& call) {
  const auto bound = call.arguments.bind("__contains__()", key_name, 1);
  if (!bound) return std::unexpected(bound.error());
  const auto key = key_of(*(*bound)[0]);
  if (!key) return std::unexpected(key.error());
  return Answer{find(*key) != entries_.end()};
}

Outcome Dictionary::get_item(Call& call) {
  const auto bound = call.arguments.bind("__getitem__()", key_name, 1);
  if (!bound) return std::unexpected(bound.error());
  const auto key = key_of(*(*bound)[0]);
  if (!key) return std::unexpected(key.error());
  if (const auto found = find(*key); found != entries_.end()) return Answer{found->value};
  auto missing = call.arguments.keep(*(*bound)[0]);
  if (!missing) return std::unexpected(missing.error());
  return std::unexpected(Raise{.name = "KeyError", .argument = std::move(*missing)});
}

Outcome Dictionary::set_item(Call& call) {
  const auto bound = call.arguments.bind("__setitem__()", std::array<std::string_view, 2>{"key", "value"}, 2);
  if (!bound) return std::unexpected(bound.error());
  const auto key = key_of(*(*bound)[0]);
  if (!key) return std::unexpected(key.error());
  auto value = call.arguments.keep(*(*bound)[1]);
  if (!value) return std::unexpected(value.error());
  const auto assigned = assign(*key, *(*bound)[0], std::move(*value), call.arguments);
  if (!assigned) return std::unexpected(assigned.error());
  return Answer{};
}

Outcome Dictionary::delete_item(Call& call) {
  const auto bound = call.arguments.bind("__delitem__()", key_name, 1);
  if (!bound) return std::unexpected(bound.error());
  const auto key = key_of(*(*bound)[0]);
  if (!key) return std::unexpected(key.error());
  if (const auto found = find(*key); found != entries_.end()) {
    erase(found);
    return Answer{};
  }
  auto missing = call.arguments.keep(*(*bound)[0]);
  if (!missing) return std::unexpected(missing.error());
  return std::unexpected(Raise{.name = "KeyError", .argument = std::move(*missing)});
}

Outcome Dictionary::get(Call& call) {
  const auto bound = call.arguments.bind("get()", key_and_default, 1);
  if (!bound) return std::unexpected(bound.error());
  const auto key = key_of(*(*bound)[0]);
  if (!key) return std::unexpected(key.error());
  if (const auto found = find(*key); found != entries_.end()) return Answer{found->value};
  if ((*bound)[1] == nullptr) return Answer{};
  auto instead = call.arguments.keep(*(*bound)[1]);
  if (!instead) return std::unexpected(instead.error());
  return Answer{std::move(*instead)};
}

Outcome Dictionary::set_default(Call& call) {
  const auto bound = call.arguments.bind("setdefault()", key_and_default, 1);
  if (!bound) return std::unexpected(bound.error());
  const auto key = key_of(*(*bound)[0]);
  if (!key) return std::unexpected(key.error());
  if (const auto found = find(*key); found != entries_.end()) return Answer{found->value};
  pickle::Fragment none{.bytes = "N"};
  auto value = call.arguments.keep((*bound)[1] != nullptr ? *(*bound)[1] : none);
  if (!value) return std::unexpected(value.error());
  auto assigned = assign(*key, *(*bound)[0], std::move(*value), call.arguments);
  if (!assigned) return std::unexpected(assigned.error());
  return Answer{std::move(*assigned)};
}

Outcome Dictionary::pop(Call& call) {
  const auto bound = call.arguments.bind("pop()", key_and_default, 1);
  if (!bound) return std::unexpected(bound.error());
  const auto key = key_of(*(*bound)[0]);
  if (!key) return std::unexpected(key.error());
  if (const auto found = find(*key); found != entries_.end()) {
    if (auto refused = refusal_to(call.arguments.reader(), found->value)) return std::move(*refused);
    Answer answer{found->value};
    erase(found);
    return answer;
  }
  const bool has_default = (*bound)[1] != nullptr;
  auto kept = call.arguments.keep(*(*bound)[has_default ? 1 : 0]);
  if (!kept) return std::unexpected(kept.error());
  if (has_default) return Answer{std::move(*kept)};
  return std::unexpected(Raise{.name = "KeyError", .argument = std::move(*kept)});
}

Outcome Dictionary::pop_item(Call& call) {
  if (auto error = call.arguments.none("popitem()")) return std::unexpected(std::move(*error));
  if (entries_.empty()) return raise("KeyError", "popitem(): dictionary is empty");
  const auto last = std::prev(entries_.end());
  for (const ItemPtr& part : {last->key, last->value})
    if (auto refused = refusal_to(call.arguments.reader(), part)) return std::move(*refused);
  Answer answer{std::pair{last->key, last->value}};
  erase(last);
  return answer;
}

Outcome Dictionary::update(Call& call) {
  if (auto error = fill(call.arguments, "update")) return std::unexpected(std::move(*error));
  return Answer{};
}

Outcome Dictionary::clear(Call& call) {
  if (auto error = call.arguments.none("clear()")) return std::unexpected(std::move(*error));
  by_hash_.clear();
  entries_.clear();
  cells.erase_all();
  return Answer{};
}

Outcome Dictionary::length(Call& call) {
  if (auto error = call.arguments.none("__len__()")) return std::unexpected(std::move(*error));
  return Answer{static_cast<std::int64_t>(entries_.size())};
}

Outcome Dictionary::copy(Call& call) {
  if (auto error = call.arguments.none("copy()")) return std::unexpected(std::move(*error));
  return getvalue();
}

Outcome Dictionary::keys(Call& call) {
  if (auto error = call.arguments.none("keys()")) return std::unexpected(std::move(*error));
  std::vector<ItemPtr> keys;
  for (const Entry& entry : entries_) keys.push_back(entry.key);
  return Answer{std::move(keys)};
}

Outcome Dictionary::values(Call& call) {
  if (auto error = call.arguments.none("values()")) return std::unexpected(std::move(*error));
  std::vector<ItemPtr> values;
  for (const Entry& entry : entries_) values.push_back(entry.value);
  return Answer{std::move(values)};
}

Outcome Dictionary::items(Call& call) {
  if (auto error = call.arguments.none("items()")) return std::unexpected(std::move(*error));
  Pairs pairs;
  for (const Entry& entry : entries_) pairs.entries.emplace_back(entry.key, entry.value);
  return Answer{std::move(pairs)};
}

Outcome Dictionary::iterate(Call& call) {
  if (auto error = call.arguments.none("__iter__()")) return std::unexpected(std::move(*error));
  if (auto full = table->check_bytes(entries_.size() * sizeof(ItemPtr)))
    return std::unexpected(std::move(*full));
  std::vector<ItemPtr> keys;
  keys.reserve(entries_.size());
  for (const Entry& entry : entries_) keys.push_back(entry.key);
  auto iterator =
      std::make_shared<Iterator>(std::static_pointer_cast<Dictionary>(shared_from_this()), std::move(keys));
  auto proxy = call.hall.adopt(std::move(iterator), "Iterator");
  if (!proxy) return std::unexpected(proxy.error());
  return Answer{Proxy{std::move(*proxy)}};
}

// ---- Iterator

std::span<const std::string_view> Iterator::exposed() const { return iterator_methods; }

Outcome Iterator::call(Call& call) {
  if (call.method == "close") {
    closed_ = true;
    return Answer{};
  }
  if (call.method != "__next__" && call.method != "next")
    return raise("AttributeError",
                 fmt::format("'{}' object has no attribute '{}'", type_name(), call.method));
  if (closed_ || next_ == keys_.size()) return raise("StopIteration");
  if (dict_->size() != size_) {
    closed_ = true;
    return raise("RuntimeError", "dictionary changed size during iteration");
  }
  return Answer{keys_[next_++]};
}

}  // namespace reeve::master::managers
