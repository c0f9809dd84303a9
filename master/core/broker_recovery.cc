// Broker: beginning with what the store held, and the time after a restart in which workers come back.
#include <algorithm>
#include <utility>

#include "common/base/assert.h"
#include "master/core/broker.h"

namespace reeve::master {
namespace {

std::unique_ptr<Queue> queue_of(const QueueRecord& record) {
  auto queue = std::make_unique<Queue>();
  queue->name = record.name;
  queue->kind = record.kind;
  queue->maxsize = record.maxsize;
  queue->paused = record.paused;
  queue->taken = record.unfinished_taken;
  queue->function = record.function;
  queue->results = record.results;
  queue->ack_task_done = record.ack_task_done;
  return queue;
}

// Without its chunks.
std::unique_ptr<Job> job_of(const JobRecord& record) {
  auto job = std::make_unique<Job>();
  job->id = record.id;
  job->name = record.name;
  job->values_of = record.values_of;
  job->open = record.open;
  job->submitted = record.submitted;
  job->started = record.started;
  job->finished = record.finished;
  job->after = record.after;
  job->next_index = record.next_index;
  job->erased = record.erased;
  job->cancelled = record.cancelled;
  job->incomplete = record.incomplete;
  job->counts[TaskState::succeeded] = record.erased.succeeded;
  job->counts[TaskState::failed] = record.erased.failed;
  job->counts[TaskState::cancelled] = record.erased.cancelled;
  return job;
}

}  // namespace

void Broker::recover(Recovered recovered, Now now) {
  next_job_ = recovered.next_job;
  timers_.add({now.mono + limits_.retention_interval, Timer::Kind::retention, 0, {}});
  for (const QueueRecord& record : recovered.queues) queues_.emplace(record.name, queue_of(record));
  for (const auto& [record, chunks] : recovered.jobs) {
    next_job_ = std::max(next_job_, record.id.value + 1);
    auto job = job_of(record);
    if (job->is_values())
      if (Queue* queue = find_queue(job->values_of)) queue->values_job = job->id;
    jobs_.emplace(record.id, std::move(job));
  }
  for (const auto& [id, job] : jobs_) {
    if (job->cancelled) continue;  // it waits for nobody
    for (const JobId other_id : job->after) {
      Job* other = job->is_finished() ? nullptr : find_job(other_id);
      if (other == nullptr || other->is_finished()) continue;
      ++job->blockers;
      other->dependents.push_back(id);
    }
  }
  // Chunks in the order in which they came, over all jobs: the order in which their tasks stand in the
  // queues.
  std::vector<std::pair<Job*, Recovered::Chunk*>> chunks;
  for (Recovered::Job& stored : recovered.jobs)
    for (Recovered::Chunk& chunk : stored.chunks) chunks.emplace_back(find_job(stored.record.id), &chunk);
  std::ranges::stable_sort(chunks, {}, [](const auto& c) { return c.second->record.submitted; });
  if (!chunks.empty()) last_submitted_ = chunks.back().second->record.submitted;
  clock_went_back_ = last_submitted_ > now.wall;
  for (auto& [job, chunk] : chunks) recover_chunk(*job, *chunk, now);
  for (const auto& [id, job] : jobs_) {
    // A store that was salvaged may have lost results: their tasks run again.
    if (job->counts.unfinished() > 0) job->finished = {};
  }
  for (const Recovered::Job& stored : recovered.jobs) recover_cancelling(*find_job(stored.record.id));

  std::vector<Job*> finished;
  for (const auto& [id, job] : jobs_)
    if (job->is_finished()) finished.push_back(job.get());
  std::ranges::sort(finished, {}, [](const Job* job) { return job->finished; });
  for (const Job* job : finished) {
    const Duration age = std::max<Duration>(now.wall - job->finished, Duration{0});
    finished_jobs_.push_back({job->id, job->finished, now.mono - age});
    kept_results_ += job->kept;
  }

  for (const SubmissionRecord& record : recovered.submissions) {
    ClientId& id = client_by_key_[record.client];
    if (!id) {
      id = ClientId{next_client_++};
      auto client = std::make_unique<Client>();
      client->id = id;
      client->key = record.client;
      clients_.emplace(id, std::move(client));
      timers_.add({now.mono + limits_.client_grace, Timer::Kind::client_gone, id.value, {}});
    }
    clients_.at(id)->submissions[record.submission] = {{record.job, record.first, record.count}, 0};
  }
  for (const WorkerRecord& record : recovered.workers) {
    awaited_.emplace(record.key, record.name);
    adoptable_.insert(record.key);
  }
  recovering_ = true;
  const bool wait_for_workers = !awaited_.empty() && (!withheld_.empty() || clock_went_back_);
  timers_.add({wait_for_workers ? now.mono + limits_.lease : now.mono, Timer::Kind::recovery_ends, 0, {}});
  timers_.add(
      {now.mono + limits_.client_grace, Timer::Kind::client_gone, 0, {}});  // open jobs without a client
}

void Broker::recover_chunk(Job& job, Recovered::Chunk& stored, Now now) {
  const ChunkPtr chunk{new Chunk};
  chunk->job = &job;
  chunk->first = stored.record.first;
  chunk->epoch = stored.record.epoch;
  chunk->spec = std::move(stored.record.spec);
  if (job.spec && *job.spec == *chunk->spec) chunk->spec = job.spec;
  job.spec = chunk->spec;
  chunk->function = function_of(*chunk->spec);
  const bool is_value = chunk->function == function_value;
  const bool all_final = stored.record.payloads == nullptr;
  chunk->count =
      static_cast<std::uint32_t>(all_final ? stored.finals.size() : stored.record.payloads->size());
  job.next_index = std::max(job.next_index, chunk->first + chunk->count);
  job.insert_chunk(chunk);

  chunk->tasks = std::make_unique<Task[]>(chunk->count);
  for (std::uint32_t i = 0; i < chunk->count; ++i) chunk->tasks[i].state = TaskState::ready;
  for (const auto& [index, state] : stored.finals) {
    Task& task = chunk->tasks[index - chunk->first];
    task.state = state;
    task.fetched = is_value || job.is_values();
    if (!task.fetched) ++chunk->kept, ++job.kept;
  }
  for (const ProgressRecord& progress : stored.progress)
    recover_progress({chunk, progress.task.index - chunk->first}, progress, now);
  const auto queue = chunk->spec->queue;
  chunk->queue = find_queue(queue);
  if (chunk->queue == nullptr) {  // cannot be: a queue goes only when nothing unfinished is in it
    auto made = std::make_unique<Queue>();
    made->name = queue;
    chunk->queue = queues_.emplace(queue, std::move(made)).first->second.get();
  }
  chunk->payloads = all_final ? nullptr : std::move(stored.record.payloads);
  chunk->origins = std::move(stored.record.origins);

  const Duration rest =
      std::min<Duration>(stored.record.submitted + chunk->spec->delay - now.wall, chunk->spec->delay);
  for (std::uint32_t i = 0; i < chunk->count; ++i) {
    Task& task = chunk->tasks[i];
    const TaskRef ref{chunk, i};
    // What was tried before has waited before, whatever a clock that was set back says.
    const bool delayed = rest > Duration{0} && task.attempt == 0 && !task.once_started;
    if (task.state == TaskState::ready && (job.blockers > 0 || delayed)) {
      task.state = TaskState::waiting;
      if (job.blockers == 0) wait_for(rest, ref, 1, now);
    }
    ++job.counts[task.state];
    if (is_final(task.state)) continue;
    ++chunk->live, ++chunk->queue->counts[task.state], ++stats_.tasks[task.state];
    stats_.queued_bytes += (*chunk->payloads)[i].size();
    if (task.state != TaskState::ready) continue;
    if (is_value)
      enqueue(ref, false);
    else
      withheld_.push_back({ref, next_order_++});
  }
  if (chunk->live == 0) release_chunk(*chunk);
}

// What was tried before.
void Broker::recover_progress(const TaskRef& ref, const ProgressRecord& progress, Now now) {
  Task& task = ref.task();
  task.attempt = progress.attempt;
  task.failures = progress.failures;
  task.crashes = static_cast<std::uint16_t>(progress.crashes);
  task.cancel_requested = progress.cancel_requested;
  task.once_started = progress.once_started;
  task.attempt_over = !progress.once_started && !progress.cancel_requested;  // else it was running
  const bool backing_off = !is_final(task.state) && progress.not_before > now.wall;
  if (!backing_off) return;
  task.state = TaskState::waiting;
  // A clock that was set back meanwhile must not make it longer than it can be.
  const Duration longest = backoff_of(*ref.chunk->spec).max;
  wait_for(std::min<Duration>(progress.not_before - now.wall, longest), ref, 1, now);
}

// Jobs of submissions that waited for room and got none before the master ended: nobody was told of them, and who
// repeats the submission gets another one.
void Broker::erase_jobs_of_nobody(Step& step) {
  std::vector<JobId> nobodys;
  for (const auto& [id, job] : jobs_)
    if (!job->open && !job->is_values() && !job->is_finished() && job->puts_waiting == 0 &&
        job->counts.total() == 0)
      nobodys.push_back(id);
  // One that was being cancelled may end, and be gone, while the dependents of another or its own are cancelled.
  for (const JobId id : nobodys) {
    if (Job* const job = find_job(id)) cancel_dependents(*job, step);
    if (Job* const job = find_job(id)) erase_job(*job, step);
  }
}

// Every worker of the last epoch is back, or its lease would have ended by now: what nobody claimed may run
// again.
void Broker::end_recovery(Step& step) {
  if (!recovering_) return;
  recovering_ = false;
  for (const auto& [key, name] : std::exchange(awaited_, {}))
    if (!worker_by_key_.contains(key)) step.out.keep(WorkerErased{key});
  erase_jobs_of_nobody(step);

  struct Group {
    Lane* lane;
    std::int32_t priority;
    std::vector<Lane::Entry> entries;
  };
  std::vector<Group> groups;  // in the order of their first tasks: nothing may depend on addresses
  std::map<std::pair<Lane*, std::int32_t>, std::size_t> group_of;
  for (Lane::Entry& entry : std::exchange(withheld_, {})) {
    const TaskRef& ref = entry.ref;
    if (!ref.is(TaskState::ready)) continue;  // adopted by its worker, or cancelled
    const Task& task = ref.task();
    if (task.cancel_requested) {
      finish(ref, {.state = TaskState::cancelled, .attempt = task.attempt, .error = "cancelled"}, step);
    } else if (task.once_started) {
      finish(ref,
             {.state = TaskState::failed,
              .attempt = task.attempt,
              .error =
                  "may have run or not: its worker did not come back after a restart of the master, and the "
                  "task asked to be run at most once"},
             step);
    } else if (!ref.chunk->job->cancelled) {
      Lane& lane = ref.chunk->queue->lane(ref.chunk->function);
      const std::int32_t priority = ref.chunk->spec->priority;
      const auto [group, fresh] = group_of.try_emplace({&lane, priority}, groups.size());
      if (fresh) groups.push_back({&lane, priority, {}});
      groups[group->second].entries.push_back(std::move(entry));
    }
  }
  for (auto& [lane, priority, entries] : groups) {
    if (lane->queue().kind == QueueKind::lifo) std::ranges::reverse(entries);
    lane->push_front(std::move(entries), priority);
    lane_has_work(*lane);
  }
}

}  // namespace reeve::master
