// SortedItems: what a PriorityQueue holds, the most urgent first, and of those as urgent as each other the oldest.
//
// Owner: a Queue.  Thread: the loop thread.
// Always: an item that could not be compared is not in it. What comes out needs no comparison, so get() cannot fail.
#pragma once

#include <optional>
#include <set>

#include "master/managers/object_table.h"

namespace reeve::master::managers {

class SortedItems {
 public:
  SortedItems() : items_(MoreUrgent{&search_}) {}
  SortedItems(const SortedItems&) = delete;
  SortedItems& operator=(const SortedItems&) = delete;

  // Raises TypeError for an item that cannot be compared with those on its way, MemoryError for one that takes too long.
  std::optional<Raise> put(ItemPtr item);
  // The item was in it before: in front of those as urgent. What came meanwhile can be such that they cannot be compared:
  // then it goes to the very front.
  void give_back(ItemPtr item);
  // Pre: not empty.
  ItemPtr take();
  std::size_t size() const { return items_.size(); }
  void clear() { items_.clear(); }

 private:
  // What the comparisons of one search may still spend, and what went wrong with them.
  struct Search {
    std::uint64_t steps = call_steps_max;
    std::optional<Raise> error;
    bool ended = false;  // all are equal from now on, so that an item goes to where the search was told
  };
  struct MoreUrgent {
    Search* search;
    bool operator()(const ItemPtr& a, const ItemPtr& b) const;
  };

  // The place of the item, among those as urgent; ends the search.
  using Items = std::multiset<ItemPtr, MoreUrgent>;
  enum class Among : std::uint8_t { first, last };
  Items::iterator place_of(const ItemPtr& item, Among equals);

  Search search_;
  Items items_;
};

}  // namespace reeve::master::managers
