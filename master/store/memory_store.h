// MemoryStore: what `reeve-master --ephemeral` uses. It keeps tasks and outcomes for queries, and nothing
// else; a restart starts empty.
//
// It shares specs and payloads with the Broker, and moves outcomes in, so that it costs next to nothing.
// Threads: as Store says; a mutex guards everything.
#pragma once

#include <map>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "master/store/packed_outcome.h"
#include "master/store/store.h"

namespace reeve::master {

class MemoryStore final : public Store {
 public:
  Result<Recovered> open() override;
  Result<void> apply(Records& batch) override;
  Result<std::vector<StoredOutcome>> outcomes(JobId job, std::uint32_t first, std::uint32_t last,
                                              std::size_t limit) override;
  Result<std::vector<ChunkRecord>> chunks(JobId job, std::uint32_t first, std::uint32_t last) override;
  bool durable() const override { return false; }

 private:
  struct Chunk {
    ChunkRecord record;
    std::vector<PackedOutcome> outcomes;  // by index - first; as long as the last one needs
  };
  using Chunks = std::map<std::uint32_t, Chunk>;  // by first

  void apply_one(ChunkRecord& record);
  void apply_one(OutcomeRecord& record);
  void apply_one(const ChunkErased& record);
  void apply_one(const JobErased& record);
  Chunk* find(JobId job, std::uint32_t first);

  std::mutex mutex_;
  std::unordered_map<JobId, Chunks> jobs_;
  Chunk* last_ = nullptr;  // the chunk found last: outcomes of a batch come chunk by chunk
};

}  // namespace reeve::master
