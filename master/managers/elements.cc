#include "master/managers/elements.h"

#include "common/pickle/pieces.h"

namespace reeve::master::managers {

using pickle::Fragment;

std::expected<std::vector<Fragment>, Raise> elements_of(const Fragment& iterable) {
  auto elements = pickle::iterate(iterable);
  if (!elements) return std::unexpected(raise_of(elements.error()));
  return std::move(*elements);
}

std::expected<std::vector<std::pair<Fragment, Fragment>>, Raise> entries_of(const Fragment& mapping) {
  auto elements = pickle::pairs(mapping);
  if (!elements && elements.error().code == Errc::wrong_state)
    return raise("ValueError", elements.error().detail);
  if (!elements) return std::unexpected(raise_of(elements.error()));
  std::vector<std::pair<Fragment, Fragment>> entries;
  entries.reserve(elements->size() / 2);
  for (std::size_t i = 0; i + 1 < elements->size(); i += 2)
    entries.emplace_back(std::move((*elements)[i]), std::move((*elements)[i + 1]));
  return entries;
}

}  // namespace reeve::master::managers
