// Cells: what the store has of a declared object (CellRecord). An object notes each change as it makes it, and the
// Manager hands on what was noted when the call is over. An object that a client made notes nothing.
//
// Owner: the object.  Thread: the loop thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "common/base/result.h"
#include "master/core/records.h"
#include "master/managers/answer.h"

namespace reeve::master::managers {

class Cells {
 public:
  // From now on changes go to `notes`, which outlives this.
  void keep(std::string object, std::size_t items_max, Records& notes);
  bool kept() const { return notes_ != nullptr; }

  // Raises MemoryError when a declared object would hold more than it may.
  std::optional<Raise> check_room(std::size_t items) const;
  void put(std::int64_t number, std::string content);
  void erase(std::int64_t number);
  void erase_all();

 private:
  std::string object_;
  std::size_t items_max_ = 0;
  Records* notes_ = nullptr;  // none: the object lives in memory
};

// The content of a cell: an item, a name and an item, a key and a value.
std::string stored(const ItemPtr& item);
std::string stored_pair(std::string_view first, std::string_view second);
// storage_failed: it is not what stored_pair wrote.
Result<std::pair<std::string_view, std::string_view>> pair_of(std::string_view stored);

}  // namespace reeve::master::managers
