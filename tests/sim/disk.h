// Disk: what the master's store has made durable. It outlives every master; what it was told is remembered for
// the audit, also when it was erased since.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <utility>

#include "tests/fakes/recording_effects.h"
#include "tests/sim/bugs.h"

namespace reeve::sim {

class Disk {
 public:
  explicit Disk(Bug bug) : bug_(bug) {}

  void apply(master::Records records) {
    std::erase_if(records, [this](const master::Record& record) { return lost(record); });
    for (const master::Record& record : records) std::visit([this](const auto& r) { note(r); }, record);
    if (bug_ == Bug::cancel_mark_not_kept)
      for (master::Record& record : records)
        if (auto* const job = std::get_if<master::JobRecord>(&record)) job->cancelled = false;
    if (bug_ == Bug::sync_lies) std::swap(unsynced_, records);
    model_.apply(records);
  }
  void power_cut() { unsynced_.clear(); }
  master::Recovered open() { return model_.open(); }

  bool ever_knew(const TaskId& task) const { return known_.contains(task); }
  bool ever_ended(const TaskId& task) const { return ended_.contains(task); }
  std::uint32_t puts_of(const std::string& value) const {  // how often it was put into a queue
    const auto found = puts_.find(value);
    return found == puts_.end() ? 0 : found->second;
  }
  std::uint32_t results_of(const TaskId& task) const {  // how often its result was put into its result queue
    const auto found = results_.find(task);
    return found == results_.end() ? 0 : found->second;
  }
  std::optional<TaskState> final_state(const TaskId& task) const {
    const auto found = ended_.find(task);
    return found == ended_.end() ? std::nullopt : std::optional{found->second};
  }
  const master::JobRecord* job(JobId id) const {  // as it was written last, also when it was erased since
    const auto found = jobs_.find(id);
    return found == jobs_.end() ? nullptr : &found->second;
  }
  // The job in which a submission stands, or stood; none: it is not there.
  JobId job_of(const std::string& client, std::uint64_t number) const {
    const auto found = submissions_.find({client, number});
    return found == submissions_.end() ? JobId{} : found->second;
  }
  bool holds_value(const TaskId& value) const { return values_.contains(value) && !ended_.contains(value); }
  const std::set<TaskId>& ever_known() const { return known_; }
  const std::vector<TaskId>& recorded_twice() const { return model_.recorded_twice; }
  std::uint32_t attempts_of(const TaskId& task) const {
    const auto found = attempts_.find(task);
    return found == attempts_.end() ? 0 : found->second;
  }

 private:
  bool lost(const master::Record& record) {
    switch (bug_) {
      case Bug::worker_forgotten:
        return std::holds_alternative<master::WorkerRecord>(record);
      case Bug::progress_not_kept:
        return std::holds_alternative<master::ProgressRecord>(record);
      case Bug::outcome_not_kept:
        return std::holds_alternative<master::OutcomeRecord>(record) && ++outcomes_ % 20 == 0;
      default:
        return false;
    }
  }

  void note(const master::ChunkRecord& chunk) {
    const auto count = static_cast<std::uint32_t>(chunk.payloads->size());
    chunks_[{chunk.job, chunk.first}] = count;
    for (std::uint32_t i = 0; i < count; ++i) {
      if (chunk.spec->is_value()) values_.insert({chunk.job, chunk.first + i});
      if (!chunk.spec->is_value())
        known_.insert({chunk.job, chunk.first + i});
      else if (chunk.origins == nullptr)
        ++puts_[std::string((*chunk.payloads)[i])];
      else
        ++results_[(*chunk.origins)[i].task];
    }
  }
  void note(const master::ChunkErased& chunk) {
    const std::uint32_t count = chunks_[{chunk.job, chunk.first}];
    for (std::uint32_t i = 0; i < count; ++i)
      ended_.try_emplace({chunk.job, chunk.first + i}, TaskState::succeeded);
  }
  void note(const master::OutcomeRecord& record) { ended_.try_emplace(record.task, record.outcome.state); }
  void note(const master::SubmissionRecord& record) {
    submissions_[{record.client, record.submission}] = record.job;
  }
  void note(const master::JobRecord& record) { jobs_[record.id] = record; }
  void note(const master::ProgressRecord& record) { attempts_[record.task] = record.attempt; }
  void note(const auto&) {}

  const Bug bug_;
  master::fakes::DiskModel model_;
  master::Records unsynced_;  // said to be on the disk
  std::uint64_t outcomes_ = 0;
  std::map<std::pair<JobId, std::uint32_t>, std::uint32_t> chunks_;  // tasks in each
  std::set<TaskId> known_;                                           // tasks, not values
  std::set<TaskId> values_;
  std::map<TaskId, TaskState> ended_;
  std::map<JobId, master::JobRecord> jobs_;
  std::map<std::pair<std::string, std::uint64_t>, JobId> submissions_;
  std::map<std::string, std::uint32_t> puts_;
  std::map<TaskId, std::uint32_t> results_, attempts_;
};

}  // namespace reeve::sim
