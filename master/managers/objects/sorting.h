// Sorts the items of a list as Python does: stable, by `<`.
#pragma once

#include <optional>
#include <vector>

#include "master/managers/object_table.h"

namespace reeve::master::managers {

// Within call_steps_max: about a million numbers in any order, half a million short texts, fifty thousand tuples of
// numbers. Raises TypeError when two of them cannot be compared, MemoryError; the items are in their old order then.
std::optional<Raise> sort_items(std::vector<ItemPtr>& items, bool descending);

}  // namespace reeve::master::managers
