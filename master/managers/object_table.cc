#include "master/managers/object_table.h"

#include <algorithm>
#include <charconv>
#include <random>
#include <utility>

#include "common/base/assert.h"
#include "common/pickle/compare.h"
#include "common/pickle/convert.h"
#include "common/pickle/stored.h"

namespace reeve::master::managers {
namespace {

std::uint64_t random_salt() {
  std::random_device source;
  return std::uint64_t{source()} << 32 | source();
}

// Of a name. Idents are str in every Python: ASCII, and unlike those of new_ident.
std::string ident_of(std::string_view name) {
  std::string ident = "=";
  for (const unsigned char byte : name)
    ident += byte > 0x20 && byte < 0x7f && byte != '%' ? std::string(1, static_cast<char>(byte))
                                                       : fmt::format("%{:02x}", byte);
  return ident;
}

std::expected<bool, Raise> compared(const Result<bool>& result) {
  if (result) return *result;
  return std::unexpected(raise_of_comparison(result.error()));
}

}  // namespace

Raise too_much_to_compare() {
  return {.name = "MemoryError",
          .text = fmt::format("too much to compare in one call; call_steps_max is {}", call_steps_max)};
}

Raise raise_of_comparison(const Error& error) {
  return error.code == Errc::limit_reached ? too_much_to_compare() : raise_of(error);
}

Pin::Pin(std::shared_ptr<Object> object) : object_(std::move(object)) { ++object_->pins; }
Pin::~Pin() {
  if (object_ && --object_->pins == 0 && object_->references == 0) object_->table->may_go(*object_);
}

std::uint64_t bytes_of(const pickle::Fragment& fragment) {
  std::uint64_t bytes = fragment.bytes.size() + fragment.fixups.size() * sizeof(fragment.fixups.front());
  for (const pickle::ClassName& known : fragment.classes)
    bytes += sizeof known + known.module.size() + known.name.size();
  for (const std::string& ident : fragment.token_idents)
    bytes += sizeof(std::string) + ident.size() + sizeof(Pin);
  return bytes;
}

Item::Item(pickle::Fragment fragment, std::vector<Pin> pins, ItemUsage& usage)
    : fragment_(std::move(fragment)),
      pins_(std::move(pins)),
      usage_(&usage),
      bytes_(bytes_of(fragment_) + sizeof(Item)) {
  usage_->bytes += bytes_;
  if (!pins_.empty()) usage_->pinning.insert(this);
}

Item::~Item() {
  usage_->bytes -= bytes_;
  if (value_) usage_->decoded_bytes -= value_->bytes();
  if (!pins_.empty()) usage_->pinning.erase(this);
}

std::vector<Pin> Item::let_go() { return std::exchange(pins_, {}); }

pickle::Value Item::value() const {
  if (value_) return *value_;
  pickle::Value value = value_of(fragment_);
  if (value.bytes() > ItemUsage::decoded_max_bytes - usage_->decoded_bytes) return value;
  usage_->decoded_bytes += value.bytes();
  value_ = value;
  return value;
}

std::optional<pickle::Value> Item::value(std::uint64_t& steps) const {
  if (value_) return value_;
  if (!spend_look(steps)) return std::nullopt;
  return value();
}

bool Item::spend_look(std::uint64_t& steps) const {
  constexpr std::uint64_t bytes_per_step = 8;
  const std::uint64_t cost = 1 + fragment_.bytes.size() / bytes_per_step;
  if (cost > steps) return false;
  steps -= cost;
  return true;
}

std::expected<bool, Raise> equal(const Item& item, const pickle::Value& wanted, std::uint64_t& steps) {
  const auto value = item.value(steps);
  if (!value) return std::unexpected(too_much_to_compare());
  return compared(pickle::equal(*value, wanted, steps));
}

std::expected<bool, Raise> less(const Item& a, const Item& b, std::uint64_t& steps) {
  const auto first = a.value(steps), second = b.value(steps);
  if (!first || !second) return std::unexpected(too_much_to_compare());
  return compared(pickle::less(*first, *second, steps));
}

std::string Object::repr(std::size_t, std::uint64_t&) const {
  return fmt::format("<{} object at 0x{}>", type_name(), ident);
}

Outcome Object::getvalue() const {
  return Answer{Unserializable{fmt::format("TypeError: cannot pickle '{}' object\n", type_name())}};
}

ObjectTable::ObjectTable(ObjectLimits limits) : limits_(limits), ident_salt_(random_salt()) {
  usage_.bytes_max = limits.objects_max_bytes;
}

ObjectTable::~ObjectTable() {
  // Objects may hold each other by the pins of their items, in circles too: nothing ends before all have let go.
  const auto last = std::exchange(objects_, {});
  std::vector<std::vector<Pin>> pins;
  for (Item* item : std::exchange(usage_.pinning, {})) pins.push_back(item->let_go());
}

Result<void> Object::recall(std::int64_t number, std::string_view) {
  return fail(Errc::storage_failed, "a {} has no cell {}", type_name(), number);
}

std::optional<Answer> refusal_to(pickle::Reader reader, const ItemPtr& item) {
  if (!pickle::needs_conversion(item->fragment(), reader)) return std::nullopt;
  const auto converted = pickle::convert(item->fragment(), reader);
  if (converted) return std::nullopt;
  return Answer{Unserializable{fmt::format("ValueError: {}\n", converted.error().detail)}};
}

Result<void> ObjectTable::check_room() const {
  const std::size_t nameless = objects_.size() - named_;
  if (nameless < limits_.objects_max) return {};
  return fail(Errc::limit_reached, "there are {} objects without a name (managers-objects-max)", nameless);
}

// Unguessable to a client that holds none, and unlike any ident of an earlier run.
std::string ObjectTable::new_ident() {
  std::uint64_t mixed = ident_salt_ ^ (++next_ident_ * 0x9e3779b97f4a7c15ULL);
  mixed = (mixed ^ (mixed >> 31)) * 0xbf58476d1ce4e5b9ULL;
  mixed ^= mixed >> 29;
  return fmt::format("{:x}{:012x}", next_ident_, mixed & 0xffff'ffff'ffffULL);
}

void ObjectTable::add(const std::shared_ptr<Object>& object, std::string_view typeid_name) {
  enter(object, new_ident(), typeid_name);
  object->references = 1;
}

void ObjectTable::add_named(const std::shared_ptr<Object>& object, std::string_view name,
                            std::string_view typeid_name) {
  enter(object, ident_of(name), typeid_name);
  object->permanent = true;
  ++named_;
}

void ObjectTable::drop_named(const Object& object) {
  const auto found = objects_.find(object.ident);
  ASSERT(found != objects_.end() && found->second->permanent, "{} is no name's ident", object.ident);
  usage_.bytes -= std::exchange(found->second->counted_bytes, 0);
  objects_.erase(found);
  --named_;
}

std::optional<std::string> ObjectTable::name_in(std::string_view ident) {
  constexpr std::size_t escape_bytes = 3;  // %20
  std::string name;
  for (std::size_t at = 1; at < ident.size();) {
    if (ident[at] != '%') {
      name += ident[at++];
      continue;
    }
    unsigned char byte = 0;
    const std::string_view digits = ident.substr(at + 1, escape_bytes - 1);
    std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
    name += static_cast<char>(byte);
    at += escape_bytes;
  }
  if (name.empty() || ident_of(name) != ident) return std::nullopt;  // one name has one ident
  return name;
}

void ObjectTable::enter(const std::shared_ptr<Object>& object, std::string ident,
                        std::string_view typeid_name) {
  ASSERT(object->ident.empty(), "an object gets its ident once");
  object->ident = std::move(ident);
  object->table = this;
  object->typeid_ = typeid_name;
  recount(*object);
  objects_.emplace(object->ident, object);
}

std::shared_ptr<Object> ObjectTable::find(std::string_view ident) const {
  const auto found = objects_.find(ident);
  return found == objects_.end() ? nullptr : found->second;
}

Result<void> ObjectTable::decref(Object& object) {
  if (object.references == 0) return fail(Errc::wrong_state, "nobody holds a reference to {}", object.ident);
  if (--object.references == 0) may_go(object);
  return {};
}

void ObjectTable::sweep() {
  while (!may_go_.empty()) {  // one that goes may let others go
    const std::string ident = std::move(may_go_.back());
    may_go_.pop_back();
    const auto found = objects_.find(ident);
    if (found == objects_.end()) continue;
    const std::shared_ptr<Object> object = found->second;
    if (object->references > 0 || object->pins > 0 || object->permanent) continue;
    usage_.bytes -= std::exchange(object->counted_bytes, 0);
    objects_.erase(found);
  }
}

void ObjectTable::recount(Object& object) {
  const std::uint64_t bytes = object.own_bytes();
  usage_.bytes += bytes - std::exchange(object.counted_bytes, bytes);
}

std::optional<Raise> ObjectTable::check_items(std::string_view what, std::size_t items) const {
  if (items <= limits_.list_items_max) return std::nullopt;
  return Raise{.name = "MemoryError",
               .text = fmt::format("{} would hold {} items; managers-list-items-max is {}", what, items,
                                   limits_.list_items_max)};
}

std::optional<Raise> ObjectTable::check_elements(std::size_t elements) const {
  if (elements <= limits_.call_elements_max) return std::nullopt;
  return Raise{
      .name = "MemoryError",
      .text = fmt::format("{} elements, keys and values counted each, are too many for one call: add them in "
                          "parts; managers-call-elements-max is {}",
                          elements, limits_.call_elements_max)};
}

std::optional<Raise> ObjectTable::check_bytes(std::uint64_t more) const {
  if (usage_.bytes + more <= usage_.bytes_max) return std::nullopt;
  return Raise{.name = "MemoryError",
               .text = fmt::format("the objects in the server hold {} bytes, and {} more would be needed; "
                                   "managers-objects-max-bytes is {}",
                                   usage_.bytes, more, usage_.bytes_max)};
}

std::expected<ItemPtr, Raise> ObjectTable::keep(pickle::Fragment fragment) {
  if (auto full = check_bytes(bytes_of(fragment))) return std::unexpected(std::move(*full));
  std::vector<Pin> pins;
  for (const std::string& ident : fragment.token_idents)
    if (auto object = find(ident)) pins.emplace_back(std::move(object));
  return std::make_shared<const Item>(std::move(fragment), std::move(pins), usage_);
}

ItemPtr ObjectTable::wrap(pickle::Fragment fragment) {
  return std::make_shared<const Item>(std::move(fragment), std::vector<Pin>{}, usage_);
}

Result<ItemPtr> ObjectTable::recall(std::string_view stored) {
  Result<pickle::Fragment> fragment = pickle::from_stored(stored);
  if (!fragment) return fail(Errc::storage_failed, "{}", fragment.error().detail);
  return wrap(std::move(*fragment));
}

std::uint64_t ObjectTable::referenced() const {
  return static_cast<std::uint64_t>(
      std::ranges::count_if(objects_, [](const auto& entry) { return entry.second->references > 0; }));
}

std::vector<std::shared_ptr<Object>> ObjectTable::all() const {
  std::vector<std::shared_ptr<Object>> objects;
  objects.reserve(objects_.size());
  for (const auto& [ident, object] : objects_) objects.push_back(object);
  std::ranges::sort(objects, {}, &Object::ident);
  return objects;
}

}  // namespace reeve::master::managers
