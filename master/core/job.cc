#include "master/core/job.h"

#include <algorithm>

#include "common/base/assert.h"

namespace reeve::master {

TaskId Chunk::id(std::uint32_t offset) const { return {job->id, first + offset}; }

void Job::add_chunk(ChunkPtr chunk) {
  ASSERT(chunks_.empty() || chunks_.back()->first < chunk->first);
  chunks_.push_back(std::move(chunk));
}

void Job::insert_chunk(ChunkPtr chunk) {
  const auto behind =
      std::ranges::upper_bound(chunks_, chunk->first, {}, [](const ChunkPtr& c) { return c->first; });
  chunks_.insert(behind, std::move(chunk));
}

ChunkPtr Job::find_chunk(std::uint32_t index) const {
  const auto holds = [index](const ChunkPtr& chunk) {
    return index >= chunk->first && index - chunk->first < chunk->count;
  };
  for (std::size_t near = recent_; near < chunks_.size() && near < recent_ + 2; ++near) {
    if (!holds(chunks_[near])) continue;
    recent_ = near;
    return chunks_[near]->erased ? ChunkPtr{} : chunks_[near];
  }
  const auto behind =
      std::upper_bound(chunks_.begin(), chunks_.end(), index,
                       [](std::uint32_t i, const ChunkPtr& chunk) { return i < chunk->first; });
  if (behind == chunks_.begin()) return {};
  const auto found = behind - 1;
  if (!holds(*found) || (*found)->erased) return {};
  recent_ = static_cast<std::size_t>(found - chunks_.begin());
  return *found;
}

ChunkPtr Job::chunk_from(std::uint32_t index) const {
  const auto ends_before = [](const ChunkPtr& chunk, std::uint32_t i) {
    return chunk->first + chunk->count <= i;
  };
  auto found = std::lower_bound(chunks_.begin(), chunks_.end(), index, ends_before);
  while (found != chunks_.end() && (*found)->erased) ++found;
  return found == chunks_.end() ? ChunkPtr{} : *found;
}

void Job::remove_chunk(Chunk& chunk) {
  ASSERT(!chunk.erased);
  chunk.erased = true;
  ++erased_;
  while (!chunks_.empty() && chunks_.front()->erased) chunks_.pop_front(), --erased_;
  while (!chunks_.empty() && chunks_.back()->erased) chunks_.pop_back(), --erased_;
  if (erased_ > 64 && erased_ > chunks_.size() / 2) {
    std::erase_if(chunks_, [](const ChunkPtr& c) { return c->erased; });
    erased_ = 0;
  }
  recent_ = 0;
}

}  // namespace reeve::master
