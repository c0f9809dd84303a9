#include "master/managers/objects/list.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <limits>

#include "master/managers/elements.h"
#include "master/managers/object_table.h"
#include "master/managers/objects/numbering.h"
#include "master/managers/objects/sorting.h"

namespace reeve::master::managers {
namespace {

constexpr std::array<std::string_view, 22> method_names{
    "__add__",      "__contains__", "__delitem__",  "__getitem__", "__len__", "__mul__",
    "__reversed__", "__rmul__",     "__setitem__",  "append",      "count",   "extend",
    "index",        "insert",       "pop",          "remove",      "reverse", "sort",
    "__imul__",     "__getslice__", "__setslice__", "__delslice__"};

template <std::size_t N>
using Names = std::array<std::string_view, N>;

}  // namespace

const std::array<List::Method, 22> List::methods{&List::add,
                                                 &List::contains,
                                                 &List::delete_item,
                                                 &List::get_item,
                                                 &List::length,
                                                 &List::multiply,
                                                 &List::reversed,
                                                 &List::multiply,
                                                 &List::set_item,
                                                 &List::append,
                                                 &List::count,
                                                 &List::extend,
                                                 &List::index,
                                                 &List::insert,
                                                 &List::pop,
                                                 &List::remove,
                                                 &List::reverse,
                                                 &List::sort,
                                                 &List::multiply_in_place,
                                                 &List::get_slice,
                                                 &List::set_slice,
                                                 &List::delete_slice};

std::expected<std::vector<ItemPtr>, Raise> keep_elements(const pickle::Fragment& iterable,
                                                         const Arguments& arguments) {
  auto elements = elements_of(iterable, arguments.objects());
  if (!elements) return std::unexpected(elements.error());
  if (auto full = arguments.objects().check_items("a list", elements->size()))
    return std::unexpected(std::move(*full));
  std::vector<ItemPtr> items;
  items.reserve(elements->size());
  for (pickle::Fragment& element : *elements) {
    auto item = arguments.keep(element);
    if (!item) return std::unexpected(item.error());
    items.push_back(std::move(*item));
  }
  return items;
}

std::optional<std::string> repr_of(const ItemPtr& item, std::size_t bytes_max, std::uint64_t& steps) {
  const auto value = item->value(steps);
  if (!value) return std::nullopt;
  // The class of an instance is found in a second look, each time.
  if (value->kind() == pickle::Value::Kind::opaque && !item->spend_look(steps)) return std::nullopt;
  Result<std::string> text = pickle::repr(*value, {.text_bytes_max = bytes_max});
  return text ? std::optional(std::move(*text)) : std::nullopt;
}

std::expected<std::shared_ptr<Object>, Raise> List::make(const Arguments& arguments) {
  const auto bound = arguments.bind("list()", Names<1>{"iterable"});
  if (!bound) return std::unexpected(bound.error());
  if ((*bound)[0] == nullptr) return std::make_shared<List>(std::vector<ItemPtr>{});
  auto items = keep_elements(*(*bound)[0], arguments);
  if (!items) return std::unexpected(items.error());
  return std::make_shared<List>(std::move(*items));
}

std::span<const std::string_view> List::exposed() const { return method_names; }

Outcome List::call(Call& call) {
  const auto found = std::ranges::find(method_names, call.method);
  return (this->*methods[static_cast<std::size_t>(found - method_names.begin())])(call.arguments);
}

std::string List::repr(std::size_t item_bytes_max, std::uint64_t& steps) const {
  std::string text = "[";
  for (const ItemPtr& item : items_) {
    if (text.size() > 1) text += ", ";
    if (text.size() > std::min(repr_max_bytes, item_bytes_max)) return text + "...]";
    const auto shown = repr_of(item, item_bytes_max, steps);
    if (!shown) return text + "...]";
    text += *shown;
  }
  return text + "]";
}

// ---- one item

Outcome List::append(const Arguments& arguments) {
  const auto bound = arguments.bind("append()", Names<1>{"object"}, 1);
  if (!bound) return std::unexpected(bound.error());
  auto item = arguments.keep(*(*bound)[0]);
  if (!item) return std::unexpected(item.error());
  return replaced(items_.size(), 0, {std::move(*item)});
}

Outcome List::insert(const Arguments& arguments) {
  const auto bound = arguments.bind("insert()", Names<2>{"index", "object"}, 2);
  if (!bound) return std::unexpected(bound.error());
  const auto index = integer_of(*(*bound)[0]);
  if (!index) return std::unexpected(index.error());
  auto item = arguments.keep(*(*bound)[1]);
  if (!item) return std::unexpected(item.error());
  return replaced(clamped(*index, items_.size()), 0, {std::move(*item)});
}

Outcome List::pop(const Arguments& arguments) {
  const auto bound = arguments.bind("pop()", Names<1>{"index"});
  if (!bound) return std::unexpected(bound.error());
  std::int64_t index = -1;
  if (const auto* given = (*bound)[0]) {
    const auto number = integer_of(*given);
    if (!number) return std::unexpected(number.error());
    index = *number;
  }
  if (items_.empty()) return raise("IndexError", "pop from empty list");
  const auto place = place_of(index, items_.size(), "pop index out of range");
  if (!place) return std::unexpected(place.error());
  ItemPtr item = items_[*place];
  if (auto refused = refusal_to(arguments.reader(), item)) return std::move(*refused);
  if (auto error = replace(*place, 1, {})) return std::unexpected(std::move(*error));
  return Answer{std::move(item)};
}

Outcome List::get_item(const Arguments& arguments) {
  const auto bound = arguments.bind("__getitem__()", Names<1>{"index"}, 1);
  if (!bound) return std::unexpected(bound.error());
  const auto place = place_in(*(*bound)[0], items_.size(), "list", "list index out of range");
  if (!place) return std::unexpected(place.error());
  if (place->is_slice) return slice_answer(place->slice);
  return Answer{items_[place->index]};
}

Outcome List::set_item(const Arguments& arguments) {
  const auto bound = arguments.bind("__setitem__()", Names<2>{"index", "value"}, 2);
  if (!bound) return std::unexpected(bound.error());
  const auto place = place_in(*(*bound)[0], items_.size(), "list", "list assignment index out of range");
  if (!place) return std::unexpected(place.error());
  if (place->is_slice) return assign(place->slice, *(*bound)[1], arguments);
  auto item = arguments.keep(*(*bound)[1]);
  if (!item) return std::unexpected(item.error());
  return replaced(place->index, 1, {std::move(*item)});
}

Outcome List::delete_item(const Arguments& arguments) {
  const auto bound = arguments.bind("__delitem__()", Names<1>{"index"}, 1);
  if (!bound) return std::unexpected(bound.error());
  const auto place = place_in(*(*bound)[0], items_.size(), "list", "list assignment index out of range");
  if (!place) return std::unexpected(place.error());
  erase(place->is_slice ? place->slice : SliceRange{static_cast<std::int64_t>(place->index), 1, 1});
  return Answer{};
}

Outcome List::length(const Arguments& arguments) {
  if (auto error = arguments.none("__len__()")) return std::unexpected(std::move(*error));
  return Answer{static_cast<std::int64_t>(items_.size())};
}

// ---- slices

Answer List::slice_answer(const SliceRange& slice) const {
  std::vector<ItemPtr> items;
  items.reserve(slice.count);
  for (std::size_t i = 0; i < slice.count; ++i) items.push_back(items_[slice[i]]);
  return {.value = std::move(items)};
}

Outcome List::assign(const SliceRange& slice, const pickle::Fragment& values, const Arguments& arguments) {
  auto items = keep_elements(values, arguments);
  if (!items) return std::unexpected(items.error());
  if (slice.step == 1) return replaced(slice.first(), slice.count, std::move(*items));
  if (items->size() != slice.count)
    return raise("ValueError",
                 fmt::format("attempt to assign sequence of size {} to extended slice of size {}",
                             items->size(), slice.count));
  for (std::size_t i = 0; i < slice.count; ++i)
    if (auto error = replace(slice[i], 1, {std::move((*items)[i])}))
      return std::unexpected(std::move(*error));
  return Answer{};
}

void List::erase(const SliceRange& slice) {
  if (slice.count == 0) return;
  if (slice.count == items_.size()) {
    items_.clear();
    numbers_.clear();
    return cells.erase_all();
  }
  for (std::size_t i = 0; i < slice.count; ++i) {
    items_[slice[i]] = nullptr;
    if (cells.kept()) cells.erase(numbers_[slice[i]]);
  }
  std::size_t left = 0;
  for (std::size_t i = 0; i < numbers_.size(); ++i)
    if (items_[i] != nullptr) numbers_[left++] = numbers_[i];
  if (cells.kept()) numbers_.resize(left);
  std::erase(items_, nullptr);
}

std::expected<SliceRange, Raise> List::python2_slice(const Arguments& arguments, std::size_t others) const {
  if (arguments.positional() != 2 + others || !arguments.keywords().empty())
    return raise("TypeError", "a slice has two ends");
  const auto from = integer_of(arguments.at(0));
  if (!from) return std::unexpected(from.error());
  const auto to = integer_of(arguments.at(1));
  if (!to) return std::unexpected(to.error());
  return plain_slice(*from, *to, items_.size());
}

Outcome List::get_slice(const Arguments& arguments) {
  const auto slice = python2_slice(arguments, 0);
  if (!slice) return std::unexpected(slice.error());
  return slice_answer(*slice);
}

Outcome List::set_slice(const Arguments& arguments) {
  const auto slice = python2_slice(arguments, 1);
  if (!slice) return std::unexpected(slice.error());
  return assign(*slice, arguments.at(2), arguments);
}

Outcome List::delete_slice(const Arguments& arguments) {
  const auto slice = python2_slice(arguments, 0);
  if (!slice) return std::unexpected(slice.error());
  erase(*slice);
  return Answer{};
}

// ---- changes, and what the store has of them

Outcome List::replaced(std::size_t at, std::size_t count, std::vector<ItemPtr> items) {
  if (auto error = replace(at, count, std::move(items))) return std::unexpected(std::move(*error));
  return Answer{};
}

std::optional<Raise> List::replace(std::size_t at, std::size_t count, std::vector<ItemPtr> items) {
  const std::size_t size = items_.size() - count + items.size();
  if (auto full = cells.check_room(size)) return full;
  if (size > items_.size()) {
    if (auto full = table->check_items("a list", size)) return full;
    if (auto full = table->check_bytes((size - items_.size()) * sizeof(ItemPtr))) return full;
  }
  const std::size_t common = std::min(count, items.size());
  for (std::size_t i = 0; i < common; ++i) {
    if (items_[at + i] == items[i]) continue;
    items_[at + i] = std::move(items[i]);
    if (cells.kept()) cells.put(numbers_[at + i], stored(items_[at + i]));
  }
  const auto rest = items_.begin() + static_cast<std::ptrdiff_t>(at + common);
  if (count == common) {
    items_.insert(rest, std::make_move_iterator(items.begin() + static_cast<std::ptrdiff_t>(common)),
                  std::make_move_iterator(items.end()));
    if (cells.kept()) number(at + common, items.size() - common);
    return std::nullopt;
  }
  items_.erase(rest, rest + static_cast<std::ptrdiff_t>(count - common));
  if (!cells.kept()) return std::nullopt;
  const auto numbers = numbers_.begin() + static_cast<std::ptrdiff_t>(at + common);
  for (std::size_t i = 0; i < count - common; ++i) cells.erase(numbers[static_cast<std::ptrdiff_t>(i)]);
  numbers_.erase(numbers, numbers + static_cast<std::ptrdiff_t>(count - common));
  return std::nullopt;
}

// Items at, …, at + count - 1 are new. They are put between their neighbours; where there is no room, the items around
// them move as well, so that many insertions at one place cost a few cells each, however long the list is.
void List::number(std::size_t at, std::size_t count) {
  if (count == 0) return;
  numbers_.insert(numbers_.begin() + static_cast<std::ptrdiff_t>(at), count, 0);
  using Neighbour = std::optional<std::int64_t>;
  for (std::size_t around = 0;; around = std::max(renumbered_min, 2 * around)) {
    const std::size_t first = at - std::min(at, around);
    const std::size_t end = std::min(at + count + around, numbers_.size());
    const auto fresh = numbers_between(first > 0 ? Neighbour{numbers_[first - 1]} : Neighbour{},
                                       end < numbers_.size() ? Neighbour{numbers_[end]} : Neighbour{},
                                       end - first, around == 0 ? 1 : renumbering_gap_min);
    if (!fresh) continue;  // the whole list finds room at last
    for (std::size_t i = first; i < end; ++i)
      if (i < at || i >= at + count) cells.erase(numbers_[i]);
    for (std::size_t i = first; i < end; ++i) cells.put(numbers_[i] = (*fresh)[i - first], stored(items_[i]));
    return;
  }
}

void List::note_all() {
  cells.erase_all();
  numbers_ = numbers_between({}, {}, items_.size()).value();
  for (std::size_t i = 0; i < items_.size(); ++i) cells.put(numbers_[i], stored(items_[i]));
}

Result<void> List::recall(std::int64_t number, std::string_view content) {
  auto item = table->recall(content);
  if (!item) return fail(item.error());
  items_.push_back(std::move(*item));
  numbers_.push_back(number);
  return {};
}

// ---- searching

std::expected<std::size_t, Raise> List::find(const pickle::Fragment& wanted, std::size_t from,
                                             std::size_t to) const {
  const pickle::Value value = value_of(wanted);
  std::uint64_t steps = call_steps_max;
  for (std::size_t i = from; i < to; ++i) {
    const auto same = equal(*items_[i], value, steps);
    if (!same) return std::unexpected(same.error());
    if (*same) return i;
  }
  return items_.size();
}

Outcome List::remove(const Arguments& arguments) {
  const auto bound = arguments.bind("remove()", Names<1>{"value"}, 1);
  if (!bound) return std::unexpected(bound.error());
  const auto place = find(*(*bound)[0], 0, items_.size());
  if (!place) return std::unexpected(place.error());
  if (*place == items_.size()) return raise("ValueError", "list.remove(x): x not in list");
  return replaced(*place, 1, {});
}

Outcome List::index(const Arguments& arguments) {
  const auto bound = arguments.bind("index()", Names<3>{"value", "start", "stop"}, 1);
  if (!bound) return std::unexpected(bound.error());
  std::array<std::int64_t, 2> ends{0, std::numeric_limits<std::int64_t>::max()};
  for (std::size_t i = 0; i < ends.size(); ++i) {
    const auto* const given = (*bound)[i + 1];
    if (given == nullptr) continue;
    const auto number = end_of_search(*given);
    if (!number) return std::unexpected(number.error());
    ends[i] = *number;
  }
  const SliceRange slice = plain_slice(ends[0], ends[1], items_.size());
  const auto place = find(*(*bound)[0], slice.first(), slice.first() + slice.count);
  if (!place) return std::unexpected(place.error());
  if (*place < items_.size()) return Answer{static_cast<std::int64_t>(*place)};
  return raise("ValueError",
               fmt::format("{} is not in list", pickle::repr(value_of(*(*bound)[0])).value_or("it")));
}

Outcome List::count(const Arguments& arguments) {
  const auto bound = arguments.bind("count()", Names<1>{"value"}, 1);
  if (!bound) return std::unexpected(bound.error());
  const pickle::Value wanted = value_of(*(*bound)[0]);
  std::int64_t count = 0;
  std::uint64_t steps = call_steps_max;
  for (const ItemPtr& item : items_) {
    const auto same = equal(*item, wanted, steps);
    if (!same) return std::unexpected(same.error());
    if (*same) ++count;
  }
  return Answer{count};
}

Outcome List::contains(const Arguments& arguments) {
  const auto bound = arguments.bind("__contains__()", Names<1>{"key"}, 1);
  if (!bound) return std::unexpected(bound.error());
  const auto place = find(*(*bound)[0], 0, items_.size());
  if (!place) return std::unexpected(place.error());
  return Answer{*place < items_.size()};
}

// ---- all of them

Outcome List::extend(const Arguments& arguments) {
  const auto bound = arguments.bind("extend()", Names<1>{"iterable"}, 1);
  if (!bound) return std::unexpected(bound.error());
  auto items = keep_elements(*(*bound)[0], arguments);
  if (!items) return std::unexpected(items.error());
  return replaced(items_.size(), 0, std::move(*items));
}

Outcome List::reverse(const Arguments& arguments) {
  if (auto error = arguments.none("reverse()")) return std::unexpected(std::move(*error));
  return replaced(0, items_.size(), {items_.rbegin(), items_.rend()});
}

Outcome List::reversed(const Arguments& arguments) {
  if (auto error = arguments.none("__reversed__()")) return std::unexpected(std::move(*error));
  return Answer{Reversed{{items_.rbegin(), items_.rend()}}};
}

// A comparison that is impossible leaves the list as it was.
Outcome List::sort(const Arguments& arguments) {
  const auto bound = arguments.bind("sort()", Names<3>{"key", "reverse", "cmp"});
  if (!bound) return std::unexpected(bound.error());
  for (const auto* code : {(*bound)[0], (*bound)[2]})
    if (code != nullptr && !is_none(*code))
      return raise(
          "TypeError",
          "sort(key=...) needs a Python interpreter in the server, which this one has not: sort a copy");
  std::vector<ItemPtr> sorted = items_;
  if (auto error = sort_items(sorted, truth_of((*bound)[1], false)))
    return std::unexpected(std::move(*error));
  return replaced(0, items_.size(), std::move(sorted));
}

Outcome List::add(const Arguments& arguments) {
  const auto bound = arguments.bind("__add__()", Names<1>{"value"}, 1);
  if (!bound) return std::unexpected(bound.error());
  const pickle::Value other = value_of(*(*bound)[0]);
  if (pickle::type_name(other) != "list")
    return raise("TypeError",
                 fmt::format("can only concatenate list (not \"{}\") to list", pickle::type_name(other)));
  auto added = keep_elements(*(*bound)[0], arguments);
  if (!added) return std::unexpected(added.error());
  std::vector<ItemPtr> sum = items_;
  sum.insert(sum.end(), added->begin(), added->end());
  return Answer{std::move(sum)};
}

std::expected<std::size_t, Raise> List::factor_of(const pickle::Fragment& factor) const {
  const auto number = integer_of(factor);
  if (!number) return std::unexpected(number.error());
  if (*number <= 0 || items_.empty()) return 0;
  const std::size_t items_max = table->limits().list_items_max;
  const std::size_t factor_max = items_max / items_.size() + 1;  // the first that is too many
  const std::size_t count = std::min(static_cast<std::size_t>(*number), factor_max);
  if (auto full = table->check_items("a list", items_.size() * count))
    return std::unexpected(std::move(*full));
  if (auto full = table->check_bytes(items_.size() * count * sizeof(ItemPtr)))
    return std::unexpected(std::move(*full));
  return count;
}

std::vector<ItemPtr> List::times(std::size_t factor) const {
  std::vector<ItemPtr> product;
  product.reserve(items_.size() * factor);
  for (std::size_t i = 0; i < factor; ++i) product.insert(product.end(), items_.begin(), items_.end());
  return product;
}

std::expected<std::vector<ItemPtr>, Raise> List::copied_times(std::size_t factor) const {
  if (factor == 0) return std::vector<ItemPtr>{};
  if (auto full = cells.check_room(items_.size() * factor)) return std::unexpected(std::move(*full));
  std::uint64_t bytes = 0;
  for (const ItemPtr& item : items_) bytes += item->bytes();
  if (auto full = table->check_bytes(bytes * (factor - 1))) return std::unexpected(std::move(*full));
  std::vector<ItemPtr> product = items_;
  product.reserve(items_.size() * factor);
  for (std::size_t i = items_.size(); i < items_.size() * factor; ++i) {
    auto copy = table->keep(product[i - items_.size()]->fragment());
    if (!copy) return std::unexpected(copy.error());
    product.push_back(std::move(*copy));
  }
  return product;
}

Outcome List::multiply(const Arguments& arguments) {
  const auto bound = arguments.bind("__mul__()", Names<1>{"value"}, 1);
  if (!bound) return std::unexpected(bound.error());
  const auto factor = factor_of(*(*bound)[0]);
  if (!factor) return std::unexpected(factor.error());
  return Answer{times(*factor)};
}

Outcome List::multiply_in_place(const Arguments& arguments) {
  const auto bound = arguments.bind("__imul__()", Names<1>{"value"}, 1);
  if (!bound) return std::unexpected(bound.error());
  const auto factor = factor_of(*(*bound)[0]);
  if (!factor) return std::unexpected(factor.error());
  if (!cells.kept()) return replaced(0, items_.size(), times(*factor));  // clients ignore the answer
  auto product = copied_times(*factor);
  if (!product) return std::unexpected(product.error());
  return replaced(0, items_.size(), std::move(*product));
}

}  // namespace reeve::master::managers
