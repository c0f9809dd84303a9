#include "master/store/memory_store.h"

#include <algorithm>

namespace reeve::master {

Result<Recovered> MemoryStore::open() {
  // The clock stands in for a stored epoch: fences from before a restart must not look like today's.
  Recovered recovered;
  recovered.epoch = Epoch{to_us(wall_now()) / 1000};
  recovered.instance = random_instance();
  return recovered;
}

Result<void> MemoryStore::apply(Records& batch) {
  const std::lock_guard lock{mutex_};
  for (Record& record : batch)
    std::visit(
        [this](auto& one) {
          if constexpr (requires { apply_one(one); }) apply_one(one);
        },
        record);
  batch.clear();
  return {};
}

void MemoryStore::apply_one(ChunkRecord& record) {
  Chunk& chunk = jobs_[record.job][record.first];
  chunk = Chunk{.record = std::move(record), .outcomes = {}};
}

void MemoryStore::apply_one(OutcomeRecord& record) {
  Chunk* const chunk = find(record.task.job, record.chunk);
  if (chunk == nullptr) return;
  const std::size_t at = record.task.index - record.chunk;
  const bool has_content = is_final(record.outcome.state) && !is_taken_value(record.outcome);
  if (at >= chunk->outcomes.size()) {
    if (!has_content) return;
    chunk->outcomes.reserve(chunk->record.payloads->size());
    chunk->outcomes.resize(at + 1);
  }
  chunk->outcomes[at] = has_content ? PackedOutcome{record.outcome} : PackedOutcome{};
}

void MemoryStore::apply_one(const ChunkErased& record) {
  last_ = nullptr;
  if (const auto job = jobs_.find(record.job); job != jobs_.end()) job->second.erase(record.first);
}

void MemoryStore::apply_one(const JobErased& record) {
  last_ = nullptr;
  jobs_.erase(record.id);
}

MemoryStore::Chunk* MemoryStore::find(JobId job, std::uint32_t first) {
  if (last_ != nullptr && last_->record.job == job && last_->record.first == first) return last_;
  const auto chunks = jobs_.find(job);
  if (chunks == jobs_.end()) return nullptr;
  const auto chunk = chunks->second.find(first);
  if (chunk == chunks->second.end()) return nullptr;
  return last_ = &chunk->second;
}

namespace {

// The first of `chunks` that may hold tasks at or after `first`.
template <typename Chunks>
auto chunk_of(Chunks& chunks, std::uint32_t first) {
  auto chunk = chunks.upper_bound(first);
  if (chunk != chunks.begin()) --chunk;
  return chunk;
}

}  // namespace

Result<std::vector<Store::StoredOutcome>> MemoryStore::outcomes(JobId job, std::uint32_t first,
                                                                std::uint32_t last, std::size_t limit) {
  const std::lock_guard lock{mutex_};
  std::vector<StoredOutcome> found;
  const auto chunks = jobs_.find(job);
  if (chunks == jobs_.end()) return found;
  for (auto at = chunk_of(chunks->second, first); at != chunks->second.end() && at->first <= last; ++at) {
    const Chunk& chunk = at->second;
    for (std::size_t i = first > at->first ? first - at->first : 0; i < chunk.outcomes.size(); ++i) {
      const auto index = static_cast<std::uint32_t>(at->first + i);
      if (index > last || found.size() >= limit) return found;
      if (chunk.outcomes[i]) found.push_back({index, chunk.outcomes[i].unpack()});
    }
  }
  return found;
}

Result<std::vector<ChunkRecord>> MemoryStore::chunks(JobId job, std::uint32_t first, std::uint32_t last) {
  const std::lock_guard lock{mutex_};
  std::vector<ChunkRecord> found;
  const auto chunks = jobs_.find(job);
  if (chunks == jobs_.end()) return found;
  for (auto at = chunk_of(chunks->second, first); at != chunks->second.end() && at->first <= last; ++at) {
    const ChunkRecord& record = at->second.record;
    if (first - record.first < record.payloads->size() || record.first >= first) found.push_back(record);
  }
  return found;
}

}  // namespace reeve::master
