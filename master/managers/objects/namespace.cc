#include "master/managers/objects/namespace.h"

#include <algorithm>
#include <array>
#include <vector>

#include "master/managers/object_table.h"
#include "master/managers/objects/list.h"

namespace reeve::master::managers {
namespace {

constexpr std::array<std::string_view, 3> methods{"__getattribute__", "__setattr__", "__delattr__"};

}  // namespace

std::expected<std::shared_ptr<Object>, Raise> Namespace::make(const Arguments& arguments) {
  if (arguments.positional() > 0) return raise("TypeError", "Namespace() takes no positional arguments");
  auto made = std::make_shared<Namespace>();
  for (auto& [name, value] : arguments.keywords()) {
    auto kept = arguments.keep(value);
    if (!kept) return std::unexpected(kept.error());
    if (auto error = made->set(std::string{name}, std::move(*kept), arguments.objects()))
      return std::unexpected(std::move(*error));
  }
  return made;
}

std::span<const std::string_view> Namespace::exposed() const { return methods; }

Outcome Namespace::call(Call& call) {
  const bool sets = call.method == "__setattr__";
  const auto bound =
      call.arguments.bind(call.method, std::array<std::string_view, 2>{"name", "value"}, sets ? 2 : 1);
  if (!bound) return std::unexpected(bound.error());
  const auto name = text_of(*(*bound)[0]);
  if (!name) return raise("TypeError", "attribute name must be string");
  if (sets) {
    auto kept = call.arguments.keep(*(*bound)[1]);
    if (!kept) return std::unexpected(kept.error());
    if (auto error = set(*name, std::move(*kept), call.arguments.objects()))
      return std::unexpected(std::move(*error));
    return Answer{};
  }
  const auto found = attributes_.find(*name);
  if (found == attributes_.end())
    return raise("AttributeError", fmt::format("'Namespace' object has no attribute '{}'", *name));
  if (call.method == "__getattribute__") return Answer{found->second.value};
  cells.erase(found->second.cell);
  own_bytes_ -= bytes_beside(found->first);
  attributes_.erase(found);
  return Answer{};
}

// Python sorts by the texts, "a1=…" before "a=…", and leaves out what begins with "_".
std::string Namespace::repr(std::size_t item_bytes_max, std::uint64_t& steps) const {
  std::vector<std::string> texts;
  std::size_t bytes = 0;
  std::string rest;
  for (const auto& [name, attribute] : attributes_) {
    if (name.starts_with('_')) continue;
    if (bytes > std::min(repr_max_bytes, item_bytes_max)) rest = "...";
    const auto value = rest.empty() ? repr_of(attribute.value, item_bytes_max, steps) : std::nullopt;
    if (!value) {
      if (rest.empty()) rest = name + "=...";
      break;
    }
    texts.push_back(fmt::format("{}={}", name, *value));
    bytes += texts.back().size();
  }
  std::ranges::sort(texts);
  if (!rest.empty()) texts.push_back(std::move(rest));
  return fmt::format("Namespace({})", fmt::join(texts, ", "));
}

Outcome Namespace::getvalue() const {
  Attributes attributes;
  for (const auto& [name, attribute] : attributes_) attributes.values.emplace_back(name, attribute.value);
  return Answer{std::move(attributes)};
}

// ---- cells: a name and its value each

std::uint64_t Namespace::bytes_beside(std::string_view name) {
  constexpr std::uint64_t place_bytes = sizeof(decltype(attributes_)::value_type) + 4 * sizeof(void*);
  return place_bytes + name.size();
}

std::optional<Raise> Namespace::set(const std::string& name, ItemPtr value, const ObjectTable& objects) {
  const auto known = attributes_.find(name);
  if (known == attributes_.end()) {
    if (auto full = cells.check_room(attributes_.size() + 1)) return full;
    if (auto full = objects.check_items("a Namespace", attributes_.size() + 1)) return full;
    if (auto full = objects.check_bytes(bytes_beside(name))) return full;
    own_bytes_ += bytes_beside(name);
  }
  Attribute& attribute = known != attributes_.end()
                             ? known->second
                             : attributes_.emplace(name, Attribute{.cell = next_cell_++}).first->second;
  attribute.value = std::move(value);
  if (cells.kept()) cells.put(attribute.cell, stored_pair(name, stored(attribute.value)));
  return std::nullopt;
}

void Namespace::note_all() {
  for (const auto& [name, attribute] : attributes_)
    cells.put(attribute.cell, stored_pair(name, stored(attribute.value)));
}

Result<void> Namespace::recall(std::int64_t number, std::string_view content) {
  const auto parts = pair_of(content);
  if (!parts) return fail(parts.error());
  auto value = table->recall(parts->second);
  if (!value) return fail(value.error());
  const auto [at, is_new] =
      attributes_.insert_or_assign(std::string{parts->first}, Attribute{number, std::move(*value)});
  if (is_new) own_bytes_ += bytes_beside(at->first);
  next_cell_ = number + 1;
  return {};
}

}  // namespace reeve::master::managers
