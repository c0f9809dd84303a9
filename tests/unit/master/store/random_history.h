// Random histories of a store, and a plain model of what it must hold after each of them.
#pragma once

#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "master/store/store.h"
#include "tests/unit/master/store/sample_records.h"

namespace reeve::master {

// The rules of records.h, as plainly as they can be written.
struct Model {
  struct Task {
    TaskState state = TaskState::ready;
    std::uint32_t attempt = 0;  // as progress says; 0: none
  };
  struct Job {
    std::map<std::uint32_t, std::map<std::uint32_t, Task>> chunks;  // first → index → task
    std::uint32_t next_index = 1;
  };
  std::map<std::uint64_t, Job> jobs;
  std::uint64_t next_job = 1;
  std::map<std::string, std::uint64_t> queues;                             // name → maxsize
  std::map<std::pair<PeerKey, std::uint64_t>, std::uint64_t> submissions;  // → job
  std::set<PeerKey> workers;
  std::map<std::string, std::map<std::int64_t, std::string>> objects;  // name → number → content

  std::string text() const {
    std::string out = fmt::format("next job {}\n", next_job);
    for (const auto& [id, job] : jobs) {
      out += fmt::format("job {} next {}\n", id, job.next_index);
      for (const auto& [first, tasks] : job.chunks)
        for (const auto& [index, task] : tasks)
          out += fmt::format("  {}/{} {} attempt {}\n", first, index, name_of(task.state), task.attempt);
    }
    for (const auto& [name, maxsize] : queues) out += fmt::format("queue {} {}\n", name, maxsize);
    for (const auto& [key, job] : submissions)
      out += fmt::format("submission {} {} job {}\n", key.first, key.second, job);
    for (const PeerKey& worker : workers) out += fmt::format("worker {}\n", worker);
    for (const auto& [name, cells] : objects) {
      out += fmt::format("object {}\n", name);
      for (const auto& [number, content] : cells) out += fmt::format("  {} {}\n", number, content);
    }
    return out;
  }
};

inline Model model_of(const Recovered& recovered) {
  Model model;
  model.next_job = recovered.next_job;
  for (const auto& stored : recovered.jobs) {
    Model::Job& job = model.jobs[stored.record.id.value];
    job.next_index = stored.record.next_index;
    for (const auto& chunk : stored.chunks) {
      auto& tasks = job.chunks[chunk.record.first];
      const auto& payloads = chunk.record.payloads;
      const std::size_t count = payloads == nullptr ? chunk.finals.size() : payloads->size();
      for (std::uint32_t i = 0; i < count; ++i) tasks[chunk.record.first + i];
      for (const auto& [index, state] : chunk.finals) tasks.at(index).state = state;
      for (const auto& progress : chunk.progress) tasks.at(progress.task.index).attempt = progress.attempt;
    }
  }
  for (const QueueRecord& queue : recovered.queues) model.queues[queue.name] = queue.maxsize;
  for (const SubmissionRecord& record : recovered.submissions)
    model.submissions[{record.client, record.submission}] = record.job.value;
  for (const WorkerRecord& worker : recovered.workers) model.workers.insert(worker.key);
  for (const auto& [record, cells] : recovered.objects)
    model.objects[record.name] = {cells.begin(), cells.end()};
  return model;
}

// Every outcome that the store shows for the jobs of `model`.
inline std::string outcomes_text(Store& store, const Model& model) {
  std::string out;
  for (const auto& [job, ignored] : model.jobs) {
    const auto found = store.outcomes(JobId{job}, 1, 1'000'000, 1'000'000);
    if (!found) return found.error().detail;
    for (const auto& [index, outcome] : *found)
      out += fmt::format("{}.{} {} {}\n", job, index, name_of(outcome.state), outcome.value);
  }
  return out;
}

class History {
 public:
  // `payload_max`: of some tasks; most have a few bytes.
  explicit History(unsigned seed, int payload_max = 40) : random_{seed}, payload_max_{payload_max} {}

  // Some random events, as records, and in the model.
  Records next() {
    Records records;
    for (int events = pick(1, 12); events > 0; --events) event(records);
    return records;
  }
  const Model& model() const { return model_; }

 private:
  int pick(int low, int high) { return std::uniform_int_distribution{low, high}(random_); }

  template <typename Map>
  auto any_of(Map& map) {
    return std::next(map.begin(), pick(0, static_cast<int>(map.size()) - 1));
  }

  void event(Records& records) {
    const int what = pick(0, 99);
    if (what < 10) return small_event(records);
    if (what >= 80) return object_event(records);
    if (model_.jobs.empty() || what < 22) return new_job(records);
    const auto job = any_of(model_.jobs);
    if (what < 27) {
      records.emplace_back(JobErased{JobId{job->first}});
      model_.jobs.erase(job);
    } else if (job->second.chunks.empty() || what < 42) {
      append(records, job->first, job->second);
    } else if (what < 47) {
      const auto chunk = any_of(job->second.chunks);
      records.emplace_back(ChunkErased{JobId{job->first}, chunk->first});
      job->second.chunks.erase(chunk);
    } else {
      const auto chunk = any_of(job->second.chunks);
      for (int tasks = pick(1, 10); tasks > 0; --tasks)
        task_event(records, job->first, chunk->first, *any_of(chunk->second));
    }
  }

  void small_event(Records& records) {
    const std::string name = fmt::format("n{}", pick(0, 5));
    switch (pick(0, 5)) {
      case 0:
        model_.queues[name] = static_cast<std::uint64_t>(pick(0, 99));
        records.emplace_back(QueueRecord{.name = name, .maxsize = model_.queues[name]});
        break;
      case 1:
        model_.queues.erase(name);
        records.emplace_back(QueueErased{name});
        break;
      case 2:
        model_.workers.insert(name);
        records.emplace_back(WorkerRecord{name, "a worker"});
        break;
      case 3:
        model_.workers.erase(name);
        records.emplace_back(WorkerErased{name});
        break;
      case 4: {
        const std::uint64_t through = static_cast<std::uint64_t>(pick(1, 30));
        std::erase_if(model_.submissions, [&](const auto& submission) {
          return submission.first.first == name && submission.first.second <= through;
        });
        records.emplace_back(SubmissionsSettled{name, through});
        break;
      }
      default: {
        const auto number = static_cast<std::uint64_t>(pick(1, 30));
        model_.submissions[{name, number}] = model_.next_job;
        records.emplace_back(
            SubmissionRecord{.client = name, .submission = number, .job = JobId{model_.next_job}});
      }
    }
  }

  void object_event(Records& records) {
    const std::string name = fmt::format("object{}", pick(0, 2));
    const auto found = model_.objects.find(name);
    const int what = pick(0, 19);
    if (found == model_.objects.end()) {
      records.emplace_back(ObjectRecord{name, "list", ""});
      model_.objects[name];
    } else if (what == 0) {
      records.emplace_back(ObjectErased{name});
      model_.objects.erase(found);
    } else if (what <= 2) {
      records.emplace_back(CellsErased{name});
      found->second.clear();
    } else if (what <= 6 && !found->second.empty()) {
      const auto cell = any_of(found->second);
      records.emplace_back(CellErased{name, cell->first});
      found->second.erase(cell);
    } else {
      const std::int64_t number = pick(-20, 20);
      found->second[number] = fmt::format("c{}", pick(0, 999));
      records.emplace_back(CellRecord{name, number, found->second[number]});
    }
  }

  void new_job(Records& records) {
    const std::uint64_t id = model_.next_job++;
    append(records, id, model_.jobs[id]);
  }

  void append(Records& records, std::uint64_t id, Model::Job& job) {
    const std::uint32_t first = job.next_index;
    std::vector<std::string> payloads(static_cast<std::size_t>(pick(1, 20)));
    for (std::string& payload : payloads) {
      payload = std::string(static_cast<std::size_t>(pick(0, pick(0, 9) == 0 ? payload_max_ : 40)), 'p');
      job.chunks[first][job.next_index++];
    }
    JobRecord record = job_record(id);
    record.next_index = job.next_index;
    records.emplace_back(std::move(record));
    records.emplace_back(chunk_record(id, first, payloads));
  }

  void task_event(Records& records, std::uint64_t job, std::uint32_t chunk,
                  std::pair<const std::uint32_t, Model::Task>& entry) {
    auto& [index, task] = entry;
    if (is_final(task.state)) {
      if (pick(0, 3) != 0) return;
      records.emplace_back(retried(job, chunk, index));
      task = {};
    } else if (pick(0, 2) == 0) {
      task.attempt = static_cast<std::uint32_t>(pick(1, 9));
      records.emplace_back(progress_record(job, chunk, index, task.attempt));
    } else {
      task = {.state = pick(0, 1) == 0 ? TaskState::succeeded : TaskState::failed};
      if (task.state == TaskState::succeeded && pick(0, 3) == 0)
        records.emplace_back(taken(job, chunk, index));
      else
        records.emplace_back(outcome_record(job, chunk, index, fmt::format("v{}", pick(0, 999)), task.state));
    }
  }

  std::mt19937 random_;
  int payload_max_;
  Model model_;
};

}  // namespace reeve::master
