#include "master/managers/objects/sorted_items.h"

#include <utility>

namespace reeve::master::managers {

// An order that contradicts itself, as NaN makes it, leaves a tree in which searches end at the wrong place, no broken one.
bool SortedItems::MoreUrgent::operator()(const ItemPtr& a, const ItemPtr& b) const {
  if (search->ended || search->error) return false;
  auto is_less = less(*a, *b, search->steps);
  if (!is_less) search->error = std::move(is_less.error());
  return is_less.value_or(false);
}

SortedItems::Items::iterator SortedItems::place_of(const ItemPtr& item, Among equals) {
  search_ = {};
  const auto place = equals == Among::first ? items_.lower_bound(item) : items_.upper_bound(item);
  search_.ended = true;
  return place;
}

std::optional<Raise> SortedItems::put(ItemPtr item) {
  const auto place = place_of(item, Among::last);
  if (search_.error) return std::move(search_.error);
  items_.emplace_hint(place, std::move(item));
  return std::nullopt;
}

void SortedItems::give_back(ItemPtr item) {
  const auto place = place_of(item, Among::first);
  items_.emplace_hint(search_.error ? items_.begin() : place, std::move(item));
}

ItemPtr SortedItems::take() { return std::move(items_.extract(items_.begin()).value()); }

}  // namespace reeve::master::managers
