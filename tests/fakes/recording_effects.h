// RecordingEffects: what a Broker wanted to happen, as lists that a test can look at.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "master/core/effects.h"

namespace reeve::master::fakes {

struct RecordingEffects final : Effects {
  struct Value {
    TaskId id;
    std::string value;
    TaskId from;
  };
  struct Submitted {
    SessionId to;
    std::uint64_t request;
    Result<Accepted> answer;
  };
  struct Got {
    SessionId to;
    std::uint64_t request;
    Result<std::vector<Value>> answer;
  };
  struct Done {
    SessionId to;
    std::uint64_t request;
    Result<std::uint64_t> answer;
  };
  struct Granted {
    SessionId to;
    Fence fence;
    std::string payload;
    std::string function;
    bool held;
  };
  struct Told {
    SessionId to;
    TaskId task;
    Outcome outcome;
  };

  Records records;
  std::vector<Submitted> submissions;
  std::vector<Got> gots;
  std::vector<Done> dones;
  std::vector<JobView> job_changes;
  std::vector<Told> outcomes;
  std::vector<JobId> laggings;
  std::vector<Granted> grants;
  std::vector<Fence> stops, held_stops;
  std::vector<std::pair<SessionId, bool>> drains;
  std::vector<SessionId> disconnected;
  std::set<SessionId> slow;  // sessions that read too slowly

  void clear() {
    *this = [this] {
      RecordingEffects fresh;
      fresh.slow = slow;
      return fresh;
    }();
  }

  void keep(Record record) override { records.push_back(std::move(record)); }
  void submitted(SessionId to, std::uint64_t request, const Result<Accepted>& answer) override {
    submissions.push_back({to, request, answer});
  }
  void got(SessionId to, std::uint64_t request, const Result<std::span<const ItemView>>& answer) override {
    if (!answer) {
      gots.push_back({to, request, fail(answer.error())});
      return;
    }
    std::vector<Value> values;
    for (const ItemView& item : *answer) values.push_back({item.id, std::string{item.value}, item.from});
    gots.push_back({to, request, std::move(values)});
  }
  void done(SessionId to, std::uint64_t request, const Result<std::uint64_t>& answer) override {
    dones.push_back({to, request, answer});
  }
  void job_changed(SessionId, std::uint64_t, const JobView& job) override { job_changes.push_back(job); }
  void outcome(SessionId to, TaskId task, const Outcome& outcome) override {
    outcomes.push_back({to, task, outcome});
  }
  bool congested(SessionId to) const override { return slow.contains(to); }
  void lagging(SessionId, JobId job) override { laggings.push_back(job); }
  void grant(SessionId to, const Grant& grant) override {
    grants.push_back({to, grant.fence, std::string{grant.payload}, grant.spec->function, grant.held});
  }
  void stop(SessionId, const Fence& fence, bool held) override {
    stops.push_back(fence);
    if (held) held_stops.push_back(fence);
  }
  void drain(SessionId to, bool on) override { drains.emplace_back(to, on); }
  void disconnect(SessionId session, const Error&) override { disconnected.push_back(session); }
};

// DiskModel: what a store holds after the records it was given, in the plainest way; reopened, it gives them
// back.
class DiskModel {
 public:
  void apply(const Records& records) {
    for (const Record& record : records) std::visit([this](const auto& r) { add(r); }, record);
  }

  Recovered open() {
    Recovered out;
    out.epoch = Epoch{++epoch_};
    out.next_job = next_job_;
    for (const auto& [id, record] : jobs_) {
      Recovered::Job job{.record = record, .chunks = {}};
      for (const auto& [key, chunk] : chunks_) {
        if (key.first != id) continue;
        Recovered::Chunk stored{.record = chunk, .finals = {}, .progress = {}};
        const std::uint32_t end = chunk.first + static_cast<std::uint32_t>(chunk.payloads->size());
        for (auto o = outcomes_.lower_bound({id, chunk.first}); o != outcomes_.lower_bound({id, end}); ++o)
          stored.finals.emplace_back(o->first.index, o->second.state);
        for (auto p = progress_.lower_bound({id, chunk.first}); p != progress_.lower_bound({id, end}); ++p)
          if (!outcomes_.contains(p->first)) stored.progress.push_back(p->second);
        if (stored.finals.size() == chunk.payloads->size()) stored.record.payloads = nullptr;
        job.chunks.push_back(std::move(stored));
      }
      out.jobs.push_back(std::move(job));
    }
    for (const auto& [name, queue] : queues_) out.queues.push_back(queue);
    for (const auto& [key, submission] : submissions_) out.submissions.push_back(submission);
    for (const auto& [key, worker] : workers_) out.workers.push_back(worker);
    for (const auto& [name, object] : objects_) {
      const auto& cells = cells_[name];
      out.objects.push_back({.record = object, .cells = {cells.begin(), cells.end()}});
    }
    return out;
  }

  const std::map<TaskId, Outcome>& outcomes() const { return outcomes_; }
  bool knows(TaskId id) const {
    for (const auto& [key, chunk] : chunks_)
      if (key.first == id.job && id.index >= chunk.first && id.index < chunk.first + chunk.payloads->size())
        return true;
    return false;
  }

  // Given in batches, a task got a second final state without a retry between: must stay empty.
  std::vector<TaskId> recorded_twice;

 private:
  void add(const QueueRecord& r) { queues_[r.name] = r; }
  void add(const QueueErased& r) { queues_.erase(r.name); }
  void add(const JobRecord& r) { jobs_[r.id] = r, next_job_ = std::max(next_job_, r.id.value + 1); }
  void add(const JobErased& r) {
    jobs_.erase(r.id);
    std::erase_if(chunks_, [&](const auto& c) { return c.first.first == r.id; });
    std::erase_if(outcomes_, [&](const auto& o) { return o.first.job == r.id; });
    std::erase_if(progress_, [&](const auto& p) { return p.first.job == r.id; });
  }
  void add(const ChunkRecord& r) { chunks_[{r.job, r.first}] = r; }
  void add(const ChunkErased& r) {
    const auto chunk = chunks_.find({r.job, r.first});
    const std::uint32_t end = r.first + static_cast<std::uint32_t>(chunk->second.payloads->size());
    const auto inside = [&](TaskId id) { return id.job == r.job && id.index >= r.first && id.index < end; };
    std::erase_if(outcomes_, [&](const auto& o) { return inside(o.first); });
    std::erase_if(progress_, [&](const auto& p) { return inside(p.first); });
    chunks_.erase(chunk);
  }
  void add(const OutcomeRecord& r) {
    if (r.outcome.state == TaskState::ready) {
      outcomes_.erase(r.task);
      return;
    }
    if (!outcomes_.emplace(r.task, r.outcome).second) recorded_twice.push_back(r.task);
  }
  void add(const ProgressRecord& r) { progress_[r.task] = r; }
  void add(const SubmissionRecord& r) { submissions_[{r.client, r.submission}] = r; }
  void add(const SubmissionsSettled& r) {
    std::erase_if(submissions_,
                  [&](const auto& s) { return s.first.first == r.client && s.first.second <= r.through; });
  }
  void add(const WorkerRecord& r) { workers_[r.key] = r; }
  void add(const WorkerErased& r) { workers_.erase(r.key); }
  void add(const ObjectRecord& r) { objects_[r.name] = r; }
  void add(const ObjectErased& r) {
    objects_.erase(r.name);
    cells_.erase(r.name);
  }
  void add(const CellRecord& r) { cells_[r.object][r.number] = r.content; }
  void add(const CellErased& r) { cells_[r.object].erase(r.number); }
  void add(const CellsErased& r) { cells_.erase(r.object); }

  std::uint64_t epoch_ = 0, next_job_ = 1;
  std::map<std::string, QueueRecord> queues_;
  std::map<JobId, JobRecord> jobs_;
  std::map<std::pair<JobId, std::uint32_t>, ChunkRecord> chunks_;
  std::map<TaskId, Outcome> outcomes_;
  std::map<TaskId, ProgressRecord> progress_;
  std::map<std::pair<PeerKey, std::uint64_t>, SubmissionRecord> submissions_;
  std::map<PeerKey, WorkerRecord> workers_;
  std::map<std::string, ObjectRecord> objects_;
  std::map<std::string, std::map<std::int64_t, std::string>> cells_;
};

}  // namespace reeve::master::fakes
