#include "master/managers/cells.h"

#include "common/pickle/stored.h"

namespace reeve::master::managers {
namespace {

constexpr std::size_t size_bytes = 4;  // of the first part, little endian, in front of both

}  // namespace

void Cells::keep(std::string object, std::size_t items_max, Records& notes) {
  object_ = std::move(object);
  items_max_ = items_max;
  notes_ = &notes;
}

std::optional<Raise> Cells::check_room(std::size_t items) const {
  if (!kept() || items <= items_max_) return std::nullopt;
  return Raise{
      .name = "MemoryError",
      .text = fmt::format("the declared object {} would hold {} items; managers-declared-items-max is {}",
                          object_, items, items_max_)};
}

void Cells::put(std::int64_t number, std::string content) {
  if (kept()) notes_->emplace_back(CellRecord{object_, number, std::move(content)});
}

void Cells::erase(std::int64_t number) {
  if (kept()) notes_->emplace_back(CellErased{object_, number});
}

void Cells::erase_all() {
  if (kept()) notes_->emplace_back(CellsErased{object_});
}

std::string stored(const ItemPtr& item) { return pickle::to_stored(item->fragment()); }

std::string stored_pair(std::string_view first, std::string_view second) {
  std::string pair;
  pair.reserve(size_bytes + first.size() + second.size());
  for (std::size_t i = 0; i < size_bytes; ++i) pair += static_cast<char>(first.size() >> (8 * i));
  pair.append(first).append(second);
  return pair;
}

Result<std::pair<std::string_view, std::string_view>> pair_of(std::string_view stored) {
  std::size_t size = 0;
  for (std::size_t i = 0; i < size_bytes && i < stored.size(); ++i)
    size |= std::size_t{static_cast<unsigned char>(stored[i])} << (8 * i);
  if (stored.size() < size_bytes || stored.size() - size_bytes < size)
    return fail(Errc::storage_failed, "a cell of {} bytes is no pair", stored.size());
  return std::pair{stored.substr(size_bytes, size), stored.substr(size_bytes + size)};
}

}  // namespace reeve::master::managers
