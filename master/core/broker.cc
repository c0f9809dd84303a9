// Broker: time, and the moves of a task between its states. The other broker_*.cc files hold the commands by
// topic.
#include "master/core/broker.h"

#include <algorithm>
#include <utility>

#include "common/base/assert.h"

namespace reeve::master {
namespace {

// How a value looks that stands for a task that did not succeed, in a result queue.
std::string error_value(const TaskId& task, const Outcome& outcome) {
  std::string text;
  for (const char c : outcome.error) {
    if (c == '"' || c == '\\') text += '\\';
    if (static_cast<unsigned char>(c) < 0x20)
      text += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    else
      text += c;
  }
  return fmt::format(R"({{"task":"{}","state":"{}","error":"{}"}})", task, name_of(outcome.state), text);
}

}  // namespace

Broker::Broker(Limits limits, Recovered recovered, Now now, std::uint64_t seed)
    : limits_(limits),
      epoch_(recovered.epoch),
      instance_(recovered.instance),
      random_(seed),
      function_names_{"", "(command)"},
      slice_left_(limits.slice_tasks_max) {
  recover(std::move(recovered), now);
}

Broker::~Broker() = default;

const Limits& Broker::limits() const { return limits_; }
Epoch Broker::epoch() const { return epoch_; }
InstanceId Broker::instance() const { return instance_; }
std::optional<TimePoint> Broker::wake_at() const {
  const auto timer = timers_.next();
  if (deadlines_.empty() || (timer && *timer <= deadlines_.begin()->first)) return timer;
  return deadlines_.begin()->first;
}

void Broker::tick(Now now, Effects& out) {
  Step step{now, out};
  while (!deadlines_.empty() && deadlines_.begin()->first <= now.mono)
    waiter_timed_out(deadlines_.begin()->second, step);
  while (auto timer = timers_.pop_due(now.mono)) {
    switch (timer->kind) {
      case Timer::Kind::task_due:
        tasks_due(*timer, step);
        break;
      case Timer::Kind::worker_lease:
        lease_due(WorkerId{timer->id}, step);
        break;
      case Timer::Kind::watch:
        watch_due(JobId{timer->id}, step);
        break;
      case Timer::Kind::client_gone:
        client_due(ClientId{timer->id}, step);
        break;
      case Timer::Kind::recovery_ends:
        end_recovery(step);
        break;
      case Timer::Kind::retention:
        expire_jobs(step);
        timers_.add({now.mono + limits_.retention_interval, Timer::Kind::retention, 0, {}});
        break;
    }
  }
}

TaskRef Broker::find(TaskId id) const {
  const Job* job = find_job(id.job);
  if (job == nullptr) return {};
  ChunkPtr chunk = job->find_chunk(id.index);
  if (!chunk) return {};
  const std::uint32_t offset = id.index - chunk->first;
  return {std::move(chunk), offset};
}

// The only function that moves a task to another state.
void Broker::transition(const TaskRef& ref, TaskState to, Step& step) {
  Chunk& chunk = *ref.chunk;
  Task& task = chunk.tasks[ref.offset];
  ASSERT(may_move(task.state, to), "task {} cannot go from {} to {}", ref.id(), name_of(task.state),
         name_of(to));
  if (task.state == TaskState::leased) leases_.release(ref);
  const bool leaves_its_lane = task.state == TaskState::ready && is_final(to);
  --chunk.job->counts[task.state], ++chunk.job->counts[to];
  if (!is_final(task.state)) --chunk.queue->counts[task.state], --stats_.tasks[task.state];
  if (!is_final(to)) ++chunk.queue->counts[to];
  ++stats_.tasks[to];
  task.state = to;
  if (leaves_its_lane) chunk.queue->lane(chunk.function).one_is_stale();
  job_moved(*chunk.job, step);
}

// Pre: the task is waiting or leased. A task that was taken before goes to the front.
void Broker::make_ready(const TaskRef& ref, bool at_front, Step& step) {
  transition(ref, TaskState::ready, step);
  enqueue(ref, at_front);
  if (ref.chunk->function == function_value) serve_queue(*ref.chunk->queue, step);
}

// Pre: the task is ready and stands in no lane (or only in stale entries).
void Broker::enqueue(const TaskRef& ref, bool at_front) {
  Lane& lane = ref.chunk->queue->lane(ref.chunk->function);
  if (at_front)
    lane.push_front(ref, ref.chunk->spec->priority);
  else
    lane.push(ref, ref.chunk->spec->priority, next_order_++);
  lane_has_work(lane);
}

// The task reaches its final state: recorded, told to watchers, put into its result queue.
void Broker::finish(const TaskRef& ref, Outcome outcome, Step& step) {
  Chunk& chunk = *ref.chunk;
  const TaskId id = ref.id();
  Queue& queue = *chunk.queue;
  transition(ref, outcome.state, step);

  for (Watcher& watcher : chunk.job->watchers) {
    if (!watcher.outcomes || watcher.lagging) continue;
    if (step.out.congested(watcher.session)) {
      watcher.lagging = true;
      continue;
    }
    step.out.outcome(watcher.session, id, outcome);
  }
  // A value that became a task and is taken out again has no result.
  const bool withdrawn = chunk.job->is_values() && outcome.state == TaskState::cancelled;
  if (!chunk.spec->result_queue.empty() && !withdrawn) {
    const bool well = outcome.state == TaskState::succeeded;
    results_[chunk.spec->result_queue].push_back({{id, outcome.state, outcome.error},
                                                  well ? outcome.encoding : Encoding::json,
                                                  well ? outcome.value : error_value(id, outcome)});
  }
  if (chunk.job
          ->is_values()) {  // nobody can ask for it by name: its outcome is in the result queue, or nowhere
    settle_value(ref, step);
  } else {
    step.out.keep(OutcomeRecord{id, chunk.first, std::move(outcome)});
    ++chunk.kept, ++chunk.job->kept;
    task_is_final(ref, step);
  }
  serve_queue(queue, step);
}

// A value is in its taker's hands for good. Pre: leased, or ready and popped from its lane.
void Broker::consume_value(const TaskRef& ref, Step& step) {
  transition(ref, TaskState::succeeded, step);
  settle_value(ref, step);
}

// Nothing of it is kept. Pre: it is in a final state, of which nobody has heard yet.
void Broker::settle_value(const TaskRef& ref, Step& step) {
  Chunk& chunk = *ref.chunk;
  ref.task().fetched = true;
  const bool whole_chunk = chunk.live == 1 && chunk.kept == 0;  // then its erasure says it all
  if (!whole_chunk) step.out.keep(OutcomeRecord{ref.id(), chunk.first, Outcome{}});
  task_is_final(ref, step);
}

void Broker::task_is_final(const TaskRef& ref, Step& step) {
  Chunk& chunk = *ref.chunk;
  ASSERT(chunk.live > 0);
  stats_.queued_bytes -= (*chunk.payloads)[ref.offset].size();
  Job& job = *chunk.job;
  if (--chunk.live == 0) {
    const ChunkPtr alive = ref.chunk;
    release_chunk(chunk);
    drop_chunk_if_unneeded(chunk, step);
  }
  finish_job_if_done(job, step);
}

void Broker::release_chunk(Chunk& chunk) {
  chunk.finals.resize(chunk.count);
  for (std::uint32_t i = 0; i < chunk.count; ++i) {
    const Task& task = chunk.tasks[i];
    chunk.finals[i] = static_cast<std::uint8_t>(task.state) | (task.fetched ? Chunk::fetched_mark : 0);
    chunk.attempt_max = std::max(chunk.attempt_max, task.attempt);
  }
  chunk.tasks.reset();
  chunk.payloads.reset();
  chunk.origins.reset();
  chunk.queue = nullptr;
}

// Nothing unfinished, nothing to fetch: the chunk goes, here and in the store.
void Broker::drop_chunk_if_unneeded(Chunk& chunk, Step& step) {
  if (chunk.live > 0 || chunk.kept > 0 || chunk.erased) return;
  Job& job = *chunk.job;
  step.out.keep(ChunkErased{job.id, chunk.first});
  job.remove_chunk(chunk);
  if (job.is_values()) {
    // The indices of an erased chunk must not be given again after a restart.
    if (chunk.first + chunk.count == job.next_index) step.out.keep(record_of(job));
    return;
  }
  for (std::uint32_t i = 0; i < chunk.count; ++i) {
    const TaskState state = chunk.state(i);
    if (state == TaskState::succeeded) ++job.erased.succeeded;
    if (state == TaskState::failed) ++job.erased.failed;
    if (state == TaskState::cancelled) ++job.erased.cancelled;
  }
  // Nor must it be forgotten whether the job succeeds. (Without any chunk a finished job goes as well.)
  if (!job.is_finished() || job.has_chunks()) step.out.keep(record_of(job));
}

void Broker::mark_fetched(Chunk& chunk, std::uint32_t offset) {
  if (chunk.tasks)
    chunk.tasks[offset].fetched = true;
  else
    chunk.finals[offset] |= Chunk::fetched_mark;
  ASSERT(chunk.kept > 0 && chunk.job->kept > 0);
  --chunk.kept, --chunk.job->kept;
  if (chunk.job->is_finished()) --kept_results_;
}

void Broker::keep_progress(const TaskRef& ref, WallTime not_before, Step& step) {
  const Task& task = ref.task();
  step.out.keep(ProgressRecord{.task = ref.id(),
                               .chunk = ref.chunk->first,
                               .attempt = task.attempt,
                               .failures = task.failures,
                               .crashes = task.crashes,
                               .not_before = not_before,
                               .cancel_requested = task.cancel_requested,
                               .once_started = task.once_started});
}

// The attempt ended without success, by itself. Pre: leased.
void Broker::attempt_failed(const TaskRef& ref, Outcome outcome, Step& step) {
  Task& task = ref.task();
  const TaskSpec& spec = *ref.chunk->spec;
  if (task.cancel_requested) {
    outcome.state = TaskState::cancelled;
    return finish(ref, std::move(outcome), step);
  }
  if (++task.failures > spec.retries) return finish(ref, std::move(outcome), step);

  ++stats_.retries;
  const Duration pause = backoff_of(spec).after(task.failures, random_);
  task.attempt_over = true;
  transition(ref, TaskState::waiting, step);
  keep_progress(ref, step.now.wall + pause, step);
  wait_for(pause, ref, 1, step.now);
}

// A delay or backoff begins, for one task or for neighbours that share it. Pre: waiting.
void Broker::wait_for(Duration pause, const TaskRef& first, std::uint32_t count, Now now) {
  Task* const tasks = &first.task();
  for (std::uint32_t i = 0; i < count; ++i) tasks[i].due = now.wall + pause;
  timers_.add({now.mono + pause, Timer::Kind::task_due, count, first, tasks->attempt});
}

Backoff Broker::backoff_of(const TaskSpec& spec) const {
  return {spec.backoff > Duration{0} ? spec.backoff : limits_.retry_backoff.first,
          spec.backoff_max > Duration{0} ? spec.backoff_max : limits_.retry_backoff.max};
}

// The attempt's worker is gone, so nobody knows how it ended. Pre: leased.
void Broker::attempt_lost(const TaskRef& ref, std::string_view how, Step& step) {
  Task& task = ref.task();
  const TaskSpec& spec = *ref.chunk->spec;
  ++stats_.losses;
  Outcome outcome{.state = TaskState::failed, .attempt = task.attempt};
  if (task.cancel_requested) {
    outcome.state = TaskState::cancelled;
    outcome.error = fmt::format("cancelled; {}", how);
    return finish(ref, std::move(outcome), step);
  }
  if (spec.at_most_once) {
    outcome.error = fmt::format("may have run or not: {}, and the task asked to be run at most once", how);
    return finish(ref, std::move(outcome), step);
  }
  const std::uint32_t limit = spec.crash_limit > 0 ? spec.crash_limit : limits_.crash_limit;
  if (++task.crashes >= limit) {
    outcome.error = fmt::format("{}; attempts lost this way: {}, the limit", how, task.crashes);
    return finish(ref, std::move(outcome), step);
  }
  task.attempt_over = true;
  keep_progress(ref, WallTime{}, step);
  make_ready(ref, true, step);
}

// A delay or backoff is over, for one task or for neighbours that share it.
void Broker::tasks_due(const Timer& timer, Step& step) {
  for (std::uint64_t i = 0; i < timer.id; ++i) {
    const TaskRef ref{timer.ref.chunk, timer.ref.offset + static_cast<std::uint32_t>(i)};
    if (!ref.is(TaskState::waiting) || ref.chunk->job->blockers > 0 || ref.chunk->job->cancelled) continue;
    if (ref.task().attempt != timer.attempt) continue;  // it was tried since, and waits for something else
    if (recovering_ && clock_went_back_ &&
        ref.chunk->function != function_value) {  // it may run all the time
      transition(ref, TaskState::ready, step);
      withheld_.push_back({ref, next_order_++});
    } else {
      make_ready(ref, false, step);
    }
  }
}

// What finished in this turn and has a result queue goes there now, as one chunk for each queue.
void Broker::deliver_results(Step& step) {
  if (results_.empty()) return;
  auto turn = std::exchange(results_, {});
  for (auto& [name, results] : turn) {
    const Result<Queue*> found = queue_for_use(name, step);
    if (!found) continue;  // the limit of queues: the result itself is kept with its task
    Queue* const queue = *found;
    // Neighbours with the same encoding share a chunk.
    for (std::size_t i = 0; i < results.size();) {
      const Encoding encoding = results[i].encoding;
      auto payloads = std::make_shared<Payloads>();
      auto origins = std::make_shared<std::vector<ValueOrigin>>();
      for (; i < results.size() && results[i].encoding == encoding &&
             payloads->size() < limits_.chunk_tasks_max && payloads->bytes() < limits_.chunk_max_bytes;
           ++i) {
        payloads->add(results[i].value);
        origins->push_back(std::move(results[i].origin));
      }
      payloads->shrink_to_fit();
      add_chunk(values_job(*queue, step), *queue, value_spec(*queue, encoding, 0), std::move(payloads),
                std::move(origins), step);
    }
    serve_queue(*queue, step);
  }
}

void Broker::check_invariants() const {
  std::map<const Queue*, Counts> in_queues;
  std::uint64_t leased = 0;
  for (const auto& [id, job] : jobs_) {
    Counts counts;
    std::uint64_t kept = 0;
    for (const ChunkPtr& chunk : job->chunks()) {
      if (chunk->erased) continue;
      std::uint32_t live = 0, chunk_kept = 0;
      for (std::uint32_t i = 0; i < chunk->count; ++i) {
        const TaskState state = chunk->state(i);
        ++counts[state];
        if (!is_final(state)) ++live, ++in_queues[chunk->queue][state];
        if (is_final(state) && !chunk->fetched(i)) ++chunk_kept;
        if (state == TaskState::leased) {
          ++leased;
          ASSERT(leases_.lease({chunk, i}).ref.offset == i && leases_.lease({chunk, i}).ref.chunk == chunk);
        }
      }
      ASSERT(live == chunk->live && chunk_kept == chunk->kept, "chunk {} of job {}", chunk->first, id);
      ASSERT((live == 0) == (chunk->tasks == nullptr));
      kept += chunk_kept;
    }
    for (const TaskState state : {TaskState::waiting, TaskState::ready, TaskState::leased})
      ASSERT(counts[state] == job->counts[state], "job {}: {} {} counted, {} there", id, name_of(state),
             job->counts[state], counts[state]);
    ASSERT(kept == job->kept);
    ASSERT(!job->is_finished() || counts.unfinished() == 0);
    const bool all_told = job->cancelled && !job->cancelling;
    // After a restart what was told to stop waits for its worker's word.
    ASSERT(!all_told || recovering_ || counts.unfinished() == counts[TaskState::leased], "job {}", id);
  }
  for (const auto& [name, queue] : queues_) {
    for (const TaskState state : {TaskState::waiting, TaskState::ready, TaskState::leased})
      ASSERT(in_queues[queue.get()][state] == queue->counts[state], "queue {}", name);
    ASSERT(queue->putting == 0 || queue->room() == 0, "queue {} has room, and {} wait for it", name,
           queue->putting);
  }
  std::uint64_t held = 0;
  for (const auto& [id, worker] : workers_) held += leases_.count(worker->holder);
  for (const auto& [id, session] : sessions_)
    if (session.client != nullptr) held += leases_.count(session.holder);
  ASSERT(held == leased, "{} leases, {} leased tasks", held, leased);
}

}  // namespace reeve::master
