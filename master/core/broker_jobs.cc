// Broker: jobs. Progress told to watchers, retry, forget, what follows when a job ends, retention.
#include <algorithm>
#include <set>
#include <utility>

#include "common/base/assert.h"
#include "master/core/broker.h"

namespace reeve::master {

Job* Broker::find_job(JobId id) const {
  const auto found = jobs_.find(id);
  return found == jobs_.end() ? nullptr : found->second.get();
}

JobRecord Broker::record_of(const Job& job) {
  return {job.id,    job.name,      job.open,       job.submitted, job.started,   job.finished,
          job.after, job.values_of, job.next_index, job.erased,    job.cancelled, job.incomplete};
}

Result<void> Broker::close_job(Asker asker, JobId id, Now now, Effects& out) {
  Step step{now, out};
  Job* job = find_job(id);
  if (job == nullptr || job->is_values()) return fail(Errc::not_found, "no job {}", id);
  if (job->open) close(*job, step);  // closing twice is no error: a reconnected client may repeat it
  out.done(asker.session, asker.request, 0);
  return {};
}

void Broker::close(Job& job, Step& step) {
  job.open = false;
  if (const auto client = clients_.find(job.owner); client != clients_.end())
    std::erase(client->second->open_jobs, job.id);
  step.out.keep(record_of(job));
  finish_job_if_done(job, step);
}

void Broker::close_incomplete(Job& job, Step& step) {
  job.incomplete = true;
  close(job, step);
}

// ---- progress

void Broker::job_moved(Job& job, Step& step) {
  if (job.watchers.empty() || job.watch_timer) return;
  job.watch_timer = true;
  timers_.add({step.now.mono + limits_.watch_interval, Timer::Kind::watch, job.id.value, {}});
}

void Broker::watch_due(JobId id, Step& step) {
  Job* job = find_job(id);
  if (job == nullptr) return;
  job->watch_timer = false;
  tell_watchers(*job, step);
}

void Broker::tell_watchers(Job& job, Step& step) {
  if (job.watchers.empty()) return;
  const JobView seen = view(job);
  for (const Watcher& watcher : job.watchers) step.out.job_changed(watcher.session, watcher.request, seen);
}

Result<void> Broker::watch(Asker asker, JobId id, bool outcomes, bool stop, Now now, Effects& out) {
  Step step{now, out};
  Client* client = client_of(asker.session);
  if (client == nullptr) return fail(Errc::protocol_error, "only clients watch jobs");
  Job* job = find_job(id);
  if (job == nullptr || job->is_values()) return fail(Errc::not_found, "no job {}", id);
  if (stop) {
    std::erase_if(job->watchers, [asker](const Watcher& w) { return w.session == asker.session; });
    sessions_.at(asker.session).watching.erase(id);
  } else {
    add_watcher(*job, asker, outcomes);
    // After a restart of the master nobody knows whose open job it is: whoever watches it for results.
    if (job->open && outcomes && !clients_.contains(job->owner)) {
      job->owner = client->id;
      client->open_jobs.push_back(job->id);
    }
  }
  step.out.job_changed(asker.session, asker.request, view(*job));
  return {};
}

void Broker::session_writable(SessionId session_id, Effects& out) {
  const auto session = sessions_.find(session_id);
  if (session == sessions_.end()) return;
  for (const JobId id : session->second.watching) {
    Job* job = find_job(id);
    if (job == nullptr) continue;
    for (Watcher& watcher : job->watchers) {
      if (watcher.session != session_id || !watcher.lagging) continue;
      watcher.lagging = false;
      out.lagging(session_id, id);
    }
  }
}

void Broker::fetched(JobId id, std::span<const std::uint32_t> indices, Now now, Effects& out) {
  Step step{now, out};
  Job* job = find_job(id);
  if (job == nullptr || job->is_values()) return;
  for (const std::uint32_t index : indices) {
    const ChunkPtr chunk = job->find_chunk(index);
    if (!chunk) continue;
    const std::uint32_t offset = index - chunk->first;
    if (!is_final(chunk->state(offset)) || chunk->fetched(offset)) continue;
    mark_fetched(*chunk, offset);
    drop_chunk_if_unneeded(*chunk, step);
  }
  if (job->is_finished() && !job->has_chunks()) erase_job(*job, step);
}

// ---- ending

void Broker::finish_job_if_done(Job& job, Step& step) {
  const bool done = !job.open && !job.is_values() && !job.is_finished() && job.puts_waiting == 0 &&
                    job.retries_begun == 0 && job.counts.unfinished() == 0;
  if (done) job_ended(job, step);
}

void Broker::job_ended(Job& job, Step& step) {
  job.finished = step.now.wall;
  finished_jobs_.push_back({job.id, job.finished, step.now.mono});
  kept_results_ += job.kept;
  step.out.keep(record_of(job));
  tell_watchers(job, step);
  const bool unneeded = !job.has_chunks();
  if (!job.would_succeed()) cancel_dependents(job, step);
  for (const JobId id : std::exchange(job.dependents, {})) {
    Job* dependent = find_job(id);
    if (dependent == nullptr || dependent->blockers == 0) continue;
    --dependent->blockers;
    if (dependent->blockers == 0) unblock(*dependent, step);
  }
  if (unneeded) erase_job(job, step);
}

// The jobs it waited for have succeeded: its tasks start, or begin their delay.
void Broker::unblock(Job& job, Step& step) {
  const std::deque chunks(job.chunks().begin(),
                          job.chunks().end());  // a copy: readying tasks may finish and drop chunks
  for (const ChunkPtr& chunk : chunks) {
    for (std::uint32_t i = 0; chunk->tasks && i < chunk->count; ++i) {
      if (chunk->tasks[i].state != TaskState::waiting) continue;
      const TaskRef ref{chunk, i};
      if (chunk->spec->delay > Duration{0})
        wait_for(chunk->spec->delay, ref, 1, step.now);
      else
        make_ready(ref, false, step);
    }
  }
}

// ---- retry, forget

namespace {

bool may_retry(TaskState state) { return state == TaskState::failed || state == TaskState::cancelled; }

void add_task(const Chunk& chunk, std::uint32_t index, RetryPlan& plan) {
  plan.indices.push_back(index);
  const std::pair range{chunk.first, chunk.first + chunk.count - 1};
  if (!chunk.tasks && (plan.chunks.empty() || plan.chunks.back() != range)) plan.chunks.push_back(range);
}

}  // namespace

// As many as one turn has time for, from an index on.
void Broker::plan_portion(const Job& job, std::uint32_t from, RetryPlan& plan) const {
  while (const ChunkPtr chunk = job.chunk_from(from)) {
    if (plan.indices.size() >= limits_.slice_tasks_max) {
      plan.next = chunk->first;
      return;
    }
    for (std::uint32_t i = 0; i < chunk->count; ++i)
      if (may_retry(chunk->state(i)) && !chunk->fetched(i)) add_task(*chunk, chunk->first + i, plan);
    from = chunk->first + chunk->count;
  }
}

Result<RetryPlan> Broker::plan_retry(JobId id, std::span<const std::uint32_t> indices) const {
  const Job* job = find_job(id);
  if (job == nullptr || job->is_values()) return fail(Errc::not_found, "no job {}", id);
  if (job->cancelling) return fail(being_cancelled(*job));
  if (auto ok = check_named(indices); !ok) return fail(ok.error());
  RetryPlan plan;
  if (indices.empty()) plan_portion(*job, 1, plan);
  const std::set<std::uint32_t> named(indices.begin(), indices.end());  // in order, and none twice
  for (const std::uint32_t index : named) {
    const ChunkPtr chunk = job->find_chunk(index);
    if (!chunk) return fail(Errc::not_found, "no task {}.{}", id, index);
    const TaskState state = chunk->state(index - chunk->first);
    if (!may_retry(state))
      return fail(Errc::wrong_state, "task {}.{} is {}; only failed and cancelled tasks can be retried", id,
                  index, name_of(state));
    add_task(*chunk, index, plan);
  }
  return plan;
}

Result<void> Broker::plan_next(JobId id, RetryPlan& plan) const {
  const Job* job = find_job(id);
  if (job == nullptr) return fail(Errc::not_found, "no job {}", id);
  if (job->cancelled) return fail(Errc::wrong_state, "job {} was cancelled meanwhile", id);
  plan.indices.clear();
  plan.chunks.clear();
  plan_portion(*job, std::exchange(plan.next, 0), plan);
  return {};
}

// Pre: none of its tasks is unfinished.
void Broker::load_chunk(Chunk& chunk, Queue& queue, ChunkRecord& record) {
  chunk.queue = &queue;
  chunk.payloads = std::move(record.payloads);
  chunk.tasks = std::make_unique<Task[]>(chunk.count);
  for (std::uint32_t i = 0; i < chunk.count; ++i) {
    chunk.tasks[i].state = static_cast<TaskState>(chunk.finals[i] & ~Chunk::fetched_mark);
    chunk.tasks[i].fetched = (chunk.finals[i] & Chunk::fetched_mark) != 0;
    chunk.tasks[i].attempt = chunk.attempt_max;
  }
}

Result<void> Broker::retry(Asker asker, JobId id, RetryPlan& plan, std::vector<ChunkRecord> stored, Now now,
                           Effects& out) {
  Step step{now, out};
  Job* job = find_job(id);
  if (job == nullptr) return fail(Errc::not_found, "no job {}", id);
  if (job->cancelling) return fail(being_cancelled(*job));
  if (job->cancelled && plan.begun) return fail(Errc::wrong_state, "job {} was cancelled meanwhile", id);
  for (ChunkRecord& record : stored) {
    const ChunkPtr chunk = job->find_chunk(record.first);
    if (!chunk || chunk->tasks || record.payloads->size() != chunk->count) continue;
    const auto queue = queue_for_use(chunk->spec->queue, step);
    if (!queue) return fail(queue.error());
    load_chunk(*chunk, **queue, record);
  }
  std::vector<TaskRef> refs;
  for (const std::uint32_t index : plan.indices) {
    const ChunkPtr chunk = job->find_chunk(index);
    if (!chunk || !chunk->tasks) continue;
    const TaskRef ref{chunk, index - chunk->first};
    if (may_retry(ref.task().state) && !ref.task().fetched) refs.push_back(ref);
  }
  if (!refs.empty() && (job->is_finished() || job->cancelled)) {
    if (job->is_finished()) kept_results_ -= job->kept;
    job->finished = {};
    job->cancelled = false;  // what of it was told to stop still ends
    wait_for_nobody(*job);
    step.out.keep(record_of(*job));
  }
  for (const TaskRef& ref : refs) restart(ref, step);
  for (const ChunkRecord& record : stored) {  // nothing of it was to be retried after all
    const ChunkPtr chunk = job->find_chunk(record.first);
    if (chunk && chunk->tasks && chunk->live == 0) release_chunk(*chunk);
  }
  plan.retried += refs.size();
  if (plan.next != 0) {
    if (!std::exchange(plan.begun, true)) ++job->retries_begun;
    return {};
  }
  out.done(asker.session, asker.request, plan.retried);
  give_up_retry(id, plan, now, out);
  return {};
}

// No portion follows.
void Broker::give_up_retry(JobId id, const RetryPlan& plan, Now now, Effects& out) {
  Step step{now, out};
  Job* job = find_job(id);
  if (job == nullptr || !plan.begun) return;
  --job->retries_begun;
  finish_job_if_done(*job, step);
}

// What is retried by hand runs whatever becomes of the jobs it was to run after.
void Broker::wait_for_nobody(Job& job) {
  for (const JobId id : std::exchange(job.after, {}))
    if (Job* other = find_job(id)) std::erase(other->dependents, job.id);
  job.blockers = 0;
}

// A failed or cancelled task begins anew, with a clean record; its attempts count on.
void Broker::restart(const TaskRef& ref, Step& step) {
  Chunk& chunk = *ref.chunk;
  Task& task = ref.task();
  ++chunk.live, --chunk.kept, --chunk.job->kept;
  stats_.queued_bytes += (*chunk.payloads)[ref.offset].size();
  task.failures = task.crashes = 0;
  task.cancel_requested = task.once_started = false;
  task.attempt_over = task.granted_here = true;
  transition(ref, TaskState::waiting, step);
  step.out.keep(OutcomeRecord{ref.id(), chunk.first, {.state = TaskState::ready}});
  keep_progress(ref, WallTime{}, step);
  make_ready(ref, false, step);
}

Result<void> Broker::forget(Asker asker, JobId id, Effects& out) {
  Job* job = find_job(id);
  if (job == nullptr || job->is_values()) return fail(Errc::not_found, "no job {}", id);
  if (!job->is_finished()) {
    if (job->cancelling) return fail(being_cancelled(*job));
    return fail(Errc::wrong_state, "job {} is not finished; cancel it first: reeve cancel {}", id, id);
  }
  Step step{{}, out};
  erase_job(*job, step);
  out.done(asker.session, asker.request, 0);
  return {};
}

void Broker::erase_job(Job& job, Step& step) {
  ASSERT(job.counts.unfinished() == 0);
  if (job.is_finished()) kept_results_ -= job.kept;
  if (job.open)
    if (const auto client = clients_.find(job.owner); client != clients_.end())
      std::erase(client->second->open_jobs, job.id);
  for (const Watcher& watcher : job.watchers)
    if (const auto session = sessions_.find(watcher.session); session != sessions_.end())
      session->second.watching.erase(job.id);
  step.out.keep(JobErased{job.id});
  jobs_.erase(job.id);
}

// Finished jobs go when they are too old, or when all results together are too many: oldest first, but not the
// only one that has any. Their age is not a matter of the wall's clock, which may be wrong for a while.
void Broker::expire_jobs(Step& step) {
  while (!finished_jobs_.empty()) {
    const FinishedJob& oldest = finished_jobs_.front();
    Job* job = find_job(oldest.id);
    const bool stale = job == nullptr || job->finished != oldest.finished;  // it was retried since, say
    if (!stale) {
      const bool too_old = step.now.mono - oldest.since > limits_.results_kept_for;
      const bool too_many = kept_results_ > limits_.results_max && kept_results_ > job->kept;
      if (!too_old && !too_many) return;
      ++stats_.expired_jobs;
      erase_job(*job, step);
    }
    finished_jobs_.pop_front();
  }
}

}  // namespace reeve::master
