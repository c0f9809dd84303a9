// Batch: what the records of one transaction come down to, once later ones have overridden earlier ones.
//
// Owner: SqliteStore. It points into the Records it was made from. Containers are kept from batch to batch.
// Erasures take effect before everything else that is here.
#pragma once

#include <map>
#include <set>
#include <span>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "master/core/records.h"

namespace reeve::master {

class Batch {
 public:
  using ChunkKey = TaskId;  // the chunk's first task

  struct ChunkOutcomes {
    ChunkKey chunk;
    std::vector<const OutcomeRecord*> tasks;  // by index, the last record of each task
  };

  // `records` stay where they are until the next read.
  void read(const Records& records);

  const auto& jobs_erased() const { return job_erased_; }      // id → …
  const auto& chunks_erased() const { return chunk_erased_; }  // key → …; none that this batch also brought
  const auto& settled() const { return settled_; }             // client → through
  const auto& chunks() const { return chunks_; }
  std::span<const ChunkOutcomes> outcomes() const { return {outcomes_.data(), outcomes_used_}; }
  const auto& progress() const { return progress_; }        // task → record
  const auto& jobs() const { return jobs_; }                // id → record
  const auto& submissions() const { return submissions_; }  // (client, number) → record
  const auto& queues() const { return queues_; }            // name → record, null: erased
  const auto& workers() const { return workers_; }          // key → record, null: erased
  const auto& objects() const { return objects_; }          // name → record, null: erased
  const auto& emptied() const { return emptied_; }          // objects: their earlier cells go first
  const auto& cells() const { return cells_; }              // (object, number) → record, null: erased

 private:
  void clear();
  void note_erasures(const Records& records);
  bool is_erased_later(JobId job, std::size_t at) const;
  bool is_erased_later(ChunkKey chunk, std::size_t at) const;

  void add(const QueueRecord& record, std::size_t) { queues_[record.name] = &record; }
  void add(const QueueErased& record, std::size_t) { queues_[record.name] = nullptr; }
  void add(const WorkerRecord& record, std::size_t) { workers_[record.key] = &record; }
  void add(const WorkerErased& record, std::size_t) { workers_[record.key] = nullptr; }
  void add(const JobRecord& record, std::size_t at);
  void add(const ChunkRecord& record, std::size_t at);
  void add(const OutcomeRecord& record, std::size_t at);
  void add(const ProgressRecord& record, std::size_t at);
  void add(const SubmissionRecord& record, std::size_t at);
  void add(const SubmissionsSettled& record, std::size_t at);
  void add(const JobErased&, std::size_t) {}    // by note_erasures
  void add(const ChunkErased&, std::size_t) {}  // by note_erasures
  void add(const ObjectRecord& record, std::size_t) { objects_[record.name] = &record; }
  void add(const ObjectErased& record, std::size_t);
  void add(const CellRecord& record, std::size_t) { cells_[{record.object, record.number}] = &record; }
  void add(const CellErased& record, std::size_t) { cells_[{record.object, record.number}] = nullptr; }
  void add(const CellsErased& record, std::size_t) { empty(record.object); }
  void empty(std::string_view object);
  ChunkOutcomes& outcomes_of(ChunkKey chunk);
  void sort_outcomes();

  std::unordered_map<JobId, std::size_t> job_erased_;       // → position of the last erasure in the records
  std::unordered_map<ChunkKey, std::size_t> chunk_erased_;  // likewise
  std::vector<ChunkKey> stillborn_;                         // brought and erased by this batch
  std::vector<const ChunkRecord*> chunks_;
  std::vector<ChunkOutcomes> outcomes_;  // the first outcomes_used_ are of this batch
  std::size_t outcomes_used_ = 0;
  std::unordered_map<ChunkKey, std::size_t> outcomes_at_;
  std::unordered_map<TaskId, const ProgressRecord*> progress_;
  std::unordered_map<JobId, const JobRecord*> jobs_;
  std::map<std::pair<std::string_view, std::uint64_t>, const SubmissionRecord*> submissions_;
  std::unordered_map<std::string_view, std::uint64_t> settled_;
  std::unordered_map<std::string_view, const QueueRecord*> queues_;
  std::unordered_map<std::string_view, const WorkerRecord*> workers_;
  std::unordered_map<std::string_view, const ObjectRecord*> objects_;
  std::set<std::string_view> emptied_;
  std::map<std::pair<std::string_view, std::int64_t>, const CellRecord*> cells_;
};

}  // namespace reeve::master
