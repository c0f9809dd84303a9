#include "master/store/batch.h"

#include <algorithm>
#include <limits>

namespace reeve::master {

void Batch::read(const Records& records) {
  clear();
  note_erasures(records);
  for (std::size_t at = 0; at < records.size(); ++at)
    std::visit([&](const auto& record) { add(record, at); }, records[at]);
  sort_outcomes();
  for (const ChunkKey chunk : stillborn_) chunk_erased_.erase(chunk);
}

void Batch::clear() {
  job_erased_.clear();
  chunk_erased_.clear();
  stillborn_.clear();
  chunks_.clear();
  outcomes_used_ = 0;
  outcomes_at_.clear();
  progress_.clear();
  jobs_.clear();
  submissions_.clear();
  settled_.clear();
  queues_.clear();
  workers_.clear();
  objects_.clear();
  emptied_.clear();
  cells_.clear();
}

void Batch::note_erasures(const Records& records) {
  for (std::size_t at = 0; at < records.size(); ++at) {
    if (const auto* job = std::get_if<JobErased>(&records[at]))
      job_erased_[job->id] = at;
    else if (const auto* chunk = std::get_if<ChunkErased>(&records[at]))
      chunk_erased_[{chunk->job, chunk->first}] = at;
  }
}

bool Batch::is_erased_later(JobId job, std::size_t at) const {
  if (job_erased_.empty()) return false;
  const auto erased = job_erased_.find(job);
  return erased != job_erased_.end() && erased->second > at;
}

bool Batch::is_erased_later(ChunkKey chunk, std::size_t at) const {
  if (is_erased_later(chunk.job, at)) return true;
  if (chunk_erased_.empty()) return false;
  const auto erased = chunk_erased_.find(chunk);
  return erased != chunk_erased_.end() && erased->second > at;
}

void Batch::add(const JobRecord& record, std::size_t at) {
  if (!is_erased_later(record.id, at)) jobs_[record.id] = &record;
}

void Batch::add(const ChunkRecord& record, std::size_t at) {
  const ChunkKey key{record.job, record.first};
  if (is_erased_later(key, at))
    stillborn_.push_back(key);
  else
    chunks_.push_back(&record);
}

void Batch::add(const OutcomeRecord& record, std::size_t at) {
  const ChunkKey key{record.task.job, record.chunk};
  if (is_erased_later(key, at)) return;
  outcomes_of(key).tasks.push_back(&record);
  if (!progress_.empty()) progress_.erase(record.task);
}

void Batch::add(const ProgressRecord& record, std::size_t at) {
  if (!is_erased_later(ChunkKey{record.task.job, record.chunk}, at)) progress_[record.task] = &record;
}

void Batch::add(const SubmissionRecord& record, std::size_t) {
  submissions_[{record.client, record.submission}] = &record;
}

void Batch::add(const SubmissionsSettled& record, std::size_t) {
  std::uint64_t& through = settled_[record.client];
  through = std::max(through, record.through);
  submissions_.erase(submissions_.lower_bound({record.client, 0}),
                     submissions_.upper_bound({record.client, through}));
}

void Batch::add(const ObjectErased& record, std::size_t) {
  objects_[record.name] = nullptr;
  empty(record.name);
}

void Batch::empty(std::string_view object) {
  emptied_.insert(object);
  constexpr std::int64_t lowest = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t highest = std::numeric_limits<std::int64_t>::max();
  cells_.erase(cells_.lower_bound({object, lowest}), cells_.upper_bound({object, highest}));
}

Batch::ChunkOutcomes& Batch::outcomes_of(ChunkKey chunk) {
  // Workers finish what came together together, so the chunk is mostly the one before.
  if (outcomes_used_ > 0 && outcomes_[outcomes_used_ - 1].chunk == chunk)
    return outcomes_[outcomes_used_ - 1];
  const auto [at, is_new] = outcomes_at_.try_emplace(chunk, outcomes_used_);
  if (!is_new) return outcomes_[at->second];
  if (outcomes_used_ == outcomes_.size()) outcomes_.emplace_back();
  ChunkOutcomes& fresh = outcomes_[outcomes_used_++];
  fresh.chunk = chunk;
  fresh.tasks.clear();
  return fresh;
}

void Batch::sort_outcomes() {
  // Records lie in one vector, so of two records of the same task the later one has the higher address.
  const auto before = [](const OutcomeRecord* a, const OutcomeRecord* b) {
    return a->task.index != b->task.index ? a->task.index < b->task.index : a < b;
  };
  for (ChunkOutcomes& of : std::span{outcomes_.data(), outcomes_used_}) {
    auto& tasks = of.tasks;
    if (!std::ranges::is_sorted(tasks, before)) std::ranges::sort(tasks, before);
    std::size_t kept = 0;  // of equals the last stays
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      if (kept > 0 && tasks[kept - 1]->task == tasks[i]->task) --kept;
      tasks[kept++] = tasks[i];
    }
    tasks.resize(kept);
  }
}

}  // namespace reeve::master
