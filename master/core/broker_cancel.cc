// Broker: cancelling. A job is marked at once, and what runs of it is told to stop; what waits is cancelled slice by
// slice, so that no command holds the loop. A restarted master goes on where the mark says so. A queue is purged likewise,
// but for the mark: nobody was told that it is empty.
#include <algorithm>
#include <utility>

#include "common/base/assert.h"
#include "master/core/broker.h"

namespace reeve::master {

bool Broker::has_more() const { return !cancelling_.empty(); }

void Broker::go_on(Now now, Effects& out) {
  Step step{now, out};
  slice_left_ = limits_.slice_tasks_max;
  cancel_slice(step);
}

void Broker::spend(std::uint64_t work) { slice_left_ -= std::min(work, slice_left_); }

// Null: it is gone. `by_holder`: of one command, which may ask for thousands of tasks and workers; filled by the first.
const Worker* Broker::worker_holding(const Task& task, std::vector<WorkerId>& by_holder) const {
  if (by_holder.empty()) {
    for (const auto& [id, worker] : workers_) {
      if (worker->holder >= by_holder.size()) by_holder.resize(worker->holder + std::size_t{1});
      by_holder[worker->holder] = id;
    }
  }
  if (task.lease.holder >= by_holder.size()) return nullptr;
  const auto found = workers_.find(by_holder[task.lease.holder]);
  return found == workers_.end() ? nullptr : found->second.get();
}

void Broker::cancel_task(const TaskRef& ref, std::string_view why, Step& step) {
  Task& task = ref.task();
  if (ref.chunk->function == function_value) {
    transition(ref, TaskState::cancelled, step);
    task.fetched = true;
    const bool whole_chunk = ref.chunk->live == 1 && ref.chunk->kept == 0;
    if (!whole_chunk)
      step.out.keep(OutcomeRecord{ref.id(), ref.chunk->first, {.state = TaskState::cancelled}});
    task_is_final(ref, step);
    return;
  }
  if (task.state != TaskState::leased) {
    finish(ref, {.state = TaskState::cancelled, .attempt = task.attempt, .error = std::string{why}}, step);
    return;
  }
  if (!task.cancel_requested) {
    task.cancel_requested = true;
    keep_progress(ref, WallTime{}, step);
  }
  // Also when it was told before: whoever cancels again may know better.
  const Worker* const worker = worker_holding(task, step.workers_by_holder);
  if (worker != nullptr && worker->session)
    step.out.stop(worker->session, leases_.lease(ref).fence(), ref.chunk->spec->at_most_once);
}

// What a job's tasks wait for when it was cancelled in whole is nothing but their turn to be cancelled: none is granted
// from now on, in this epoch or a later one.
void Broker::mark_cancelled(Job& job, std::string why, Step& step) {
  if (!std::exchange(job.cancelled, true)) step.out.keep(record_of(job));
  job.blockers = 0;
  if (!std::exchange(job.cancelling, true)) cancelling_.push_back({.job = job.id, .why = std::move(why)});
}

// First of all, because a person waits for that. After a restart as well, whose master therefore knows that nothing else
// of the job can be running.
void Broker::stop_running(Job& job, Step& step) {
  if (job.counts[TaskState::leased] == 0) return;
  if (job.counts.unfinished() <= limits_.slice_tasks_max) {
    for (const ChunkPtr& chunk : job.chunks())
      for (std::uint32_t i = 0; chunk->tasks && i < chunk->count; ++i)
        if (const TaskRef ref{chunk, i}; ref.is(TaskState::leased)) cancel_task(ref, {}, step);
    return;
  }
  for (const auto& [id, worker] : workers_)
    for (const Lease& lease : leases_.of(worker->holder))
      if (lease.ref.chunk->job == &job) cancel_task(lease.ref, {}, step);
}

// Jobs take turns, so that a small one is not behind a large one. What ends here may be waited for by others, in chains of
// any length: they are cancelled one after the other, and not each within the end of the one before.
void Broker::cancel_slice(Step& step) {
  if (std::exchange(in_slice_, true)) return;
  while (!cancelling_.empty() && slice_left_ > 0) {
    Cancelling& one = cancelling_.front();
    if (cancel_some(one, step)) {
      for (const Cancelling::Waiting& waiting : one.waiting)
        if (sessions_.contains(waiting.asker.session))
          step.out.done(waiting.asker.session, waiting.asker.request,
                        waiting.running + one.cancelled - waiting.cancelled_before);
    } else {
      cancelling_.push_back(std::move(one));
    }
    cancelling_.pop_front();
  }
  in_slice_ = false;
}

// True: it is done.
bool Broker::cancel_some(Cancelling& one, Step& step) {
  spend(1);
  if (!one.job) return purge_some(one, step);
  if (Job* const job = find_job(*one.job); job != nullptr && job->open) close_incomplete(*job, step);
  Job* job = nullptr;
  while ((job = find_job(*one.job)) != nullptr) {
    const bool nothing_left = job->puts_waiting == 0 && job->counts.unfinished() == 0;
    if (nothing_left) break;
    if (slice_left_ == 0) return false;
    if (cancel_chunk(one, *job, step)) continue;
    if (job->puts_waiting == 0) break;  // only what was told to stop is left
    admit_rest(one, *job, step);
  }
  if (job == nullptr) return true;
  job->cancelling = false;
  finish_job_if_done(*job, step);  // also if all that was left is who might add to it
  return true;
}

// The next one that was not looked at yet. False: there is none.
bool Broker::cancel_chunk(Cancelling& one, const Job& job, Step& step) {
  const ChunkPtr chunk = job.chunk_from(one.next);
  if (!chunk) return false;
  one.next = chunk->first + chunk->count;
  const std::uint64_t work = 1 + job.watchers.size();  // each of them may be told
  spend(1);
  for (std::uint32_t i = 0; chunk->tasks && i < chunk->count; ++i) {
    // What was told to stop runs still, or did before the master restarted: it ends with its worker's word.
    if (is_final(chunk->tasks[i].state) || chunk->tasks[i].cancel_requested) continue;
    cancel_task({chunk, i}, one.why, step);
    ++one.cancelled;
    spend(work);
  }
  return true;
}

// What waits for room gets in, to be cancelled with the rest: at once, because there is no room for it.
void Broker::admit_rest(Cancelling& one, Job& job, Step& step) {
  const std::deque<WaiterId> putters = job.puts_wait_at->putters;
  for (const WaiterId id : putters) {
    const auto found = waiters_.find(id);
    if (found == waiters_.end() || found->second.job != *one.job) continue;
    Waiter& waiter = found->second;
    admit_some(waiter, waiter.payloads.size(), step);
    step.out.submitted(waiter.session, waiter.request, waiter.accepted);
    const bool is_last = job.puts_waiting == 1;
    end_waiter(id, step);
    for (Job* left = find_job(*one.job); left != nullptr && cancel_chunk(one, *left, step);)
      left = find_job(*one.job);
    if (is_last || slice_left_ == 0) return;
  }
}

// What is in the queue and not in anybody's hands goes: tasks are cancelled, values are dropped. Until that is done nothing is
// handed out; what comes meanwhile stays.
void Broker::purge(Queue& queue, Asker asker, Step& step) {
  Cancelling one{.queue = queue.name, .why = "purged"};
  for (const auto& [id, job] : jobs_)
    for (const ChunkPtr& chunk : job->chunks())
      if (chunk->queue == &queue) one.chunks.push_back(chunk);
  std::ranges::reverse(one.chunks);
  one.waiting.push_back({asker, 0, 0});
  queue.taken = 0;
  step.out.keep(queue.record());
  ++queue.purges;
  cancelling_.push_back(std::move(one));
  cancel_slice(step);
}

bool Broker::purge_some(Cancelling& one, Step& step) {
  Queue& queue = *find_queue(one.queue);  // it is not removed before the end
  while (!one.chunks.empty() && slice_left_ > 0) {
    TaskRef ref{std::move(one.chunks.back()), 0};
    one.chunks.pop_back();
    spend(1);
    for (; ref.offset < ref.chunk->count; ++ref.offset) {
      if (!ref.is(TaskState::ready) && !ref.is(TaskState::waiting)) continue;
      cancel_task(ref, one.why, step);
      ++one.cancelled;
      spend(1);
    }
  }
  const bool done = one.chunks.empty();
  if (done && --queue.purges == 0)
    for (const auto& lane : queue.lanes) lane_has_work(*lane);
  serve_queue(queue, step);
  return done;
}

// It can never run.
void Broker::cancel_dependents(Job& job, Step& step) {
  for (const JobId id : std::exchange(job.dependents, {}))
    if (Job* const dependent = find_job(id))
      mark_cancelled(*dependent, fmt::format("job {} did not succeed", job.id), step);
  cancel_slice(step);
}

Result<void> Broker::cancel(Asker asker, JobId id, std::span<const std::uint32_t> indices, Now now,
                            Effects& out) {
  Step step{now, out};
  Job* const job = find_job(id);
  if (job == nullptr || job->is_values()) return fail(Errc::not_found, "no job {}", id);
  if (auto ok = check_named(indices); !ok) return ok;
  if (!indices.empty()) return cancel_named(asker, *job, indices, step);
  const std::uint64_t running = job->counts[TaskState::leased];
  mark_cancelled(*job, "cancelled", step);
  stop_running(*job, step);
  // The last one, unless somebody asked before.
  const auto one =
      std::ranges::find(cancelling_.rbegin(), cancelling_.rend(), std::optional{id}, &Cancelling::job);
  one->waiting.push_back({asker, running, one->cancelled});
  cancel_slice(step);
  return {};
}

// Of one command.
Result<void> Broker::check_named(std::span<const std::uint32_t> indices) const {
  if (indices.size() <= limits_.batch_max) return {};
  return fail(Errc::too_large, "{} tasks are named at once; batch-max is {}", indices.size(),
              limits_.batch_max);
}

Result<void> Broker::cancel_named(Asker asker, const Job& job, std::span<const std::uint32_t> indices,
                                  Step& step) {
  const JobId id = job.id;
  std::vector<TaskRef> refs;
  for (const std::uint32_t index : indices) {
    const ChunkPtr chunk = job.find_chunk(index);
    if (!chunk) return fail(Errc::not_found, "no task {}.{}", id, index);
    if (!is_final(chunk->state(index - chunk->first))) refs.push_back({chunk, index - chunk->first});
  }
  std::uint64_t count = 0;
  for (const TaskRef& ref : refs) {
    if (!ref.chunk->tasks || is_final(ref.task().state)) continue;  // named twice
    cancel_task(ref, "cancelled", step);
    ++count;
  }
  step.out.done(asker.session, asker.request, count);
  return {};
}

// After a restart: the marks are all that is known.
void Broker::recover_cancelling(Job& job) {
  if (!job.cancelled || job.is_finished()) return;
  const auto failed = std::ranges::find_if(job.after, [this](JobId id) {
    const Job* const other = find_job(id);
    return other != nullptr && other->is_finished() && !other->would_succeed();
  });
  job.cancelling = true;
  cancelling_.push_back(
      {.job = job.id,
       .why = failed == job.after.end() ? "cancelled" : fmt::format("job {} did not succeed", *failed)});
}

Error Broker::being_cancelled(const Job& job) {
  return {Errc::wrong_state, fmt::format("job {} is being cancelled: try again when it is finished", job.id)};
}

}  // namespace reeve::master
