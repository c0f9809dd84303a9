#include "master/managers/objects/namespace.h"

#include <array>

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
    made->attributes_.insert_or_assign(std::string{name}, std::move(*kept));
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
    attributes_.insert_or_assign(*name, std::move(*kept));
    return Answer{};
  }
  const auto found = attributes_.find(*name);
  if (found == attributes_.end())
    return raise("AttributeError", fmt::format("'Namespace' object has no attribute '{}'", *name));
  if (call.method == "__getattribute__") return Answer{found->second};
  attributes_.erase(found);
  return Answer{};
}

std::string Namespace::repr() const {
  std::string text;
  for (const auto& [name, value] : attributes_)
    text += fmt::format("{}{}={}", text.empty() ? "" : ", ", name, repr_of(value));
  return "Namespace(" + text + ")";
}

Outcome Namespace::getvalue() const { return Answer{Attributes{{attributes_.begin(), attributes_.end()}}}; }

}  // namespace reeve::master::managers
