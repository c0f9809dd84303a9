// Broker: workers. Who gets which task, leases and fences, lost workers, the time after a restart.
#include <algorithm>
#include <iterator>
#include <utility>

#include "common/base/assert.h"
#include "master/core/broker.h"

namespace reeve::master {

Worker* Broker::worker_of(SessionId session) const {
  const auto found = sessions_.find(session);
  return found == sessions_.end() ? nullptr : found->second.worker;
}

void Broker::enter_worker(Worker& worker, const WorkerIntro& intro) {
  worker.name = intro.name;
  worker.host = intro.host;
  worker.version = intro.version;
  worker.address = intro.address;
  worker.pid = intro.pid;
  worker.slots = std::max<std::uint32_t>(intro.slots, 1);
  worker.functions = intro.functions;
  worker.queues = intro.queues;
  worker.commands = intro.commands;
  worker.labels = intro.labels;
  worker.connection = intro.connection;
  worker.serves_function.assign(function_names_.size(), false);
  for (const auto& function : intro.functions) {
    const FunctionId id = intern(function);
    if (id >= worker.serves_function.size()) worker.serves_function.resize(id + 1, false);
    worker.serves_function[id] = true;
  }
  worker.serves_function[function_command] = intro.commands;
}

Result<WorkerAdmitted> Broker::worker_joined(SessionId session, WorkerIntro intro, Now now, Effects& out) {
  Step step{now, out};
  if (auto ok = check_name(intro.name, "worker"); !ok) return fail(ok.error());
  for (const auto& function : intro.functions)
    if (auto ok = check_name(function, "function"); !ok) return fail(ok.error());

  // What a worker said on a connection that it has given up since may arrive behind its next one.
  if (const auto known = worker_by_key_.find(intro.key);
      known != worker_by_key_.end() && intro.connection < workers_.at(known->second)->connection)
    return fail(Errc::unavailable, "worker {} is back on a later connection", intro.name);

  WorkerId& id = worker_by_key_[intro.key];
  if (!id) {
    id = WorkerId{next_worker_++};
    auto made = std::make_unique<Worker>();
    made->id = id;
    made->key = intro.key;
    made->holder = leases_.add_holder();
    made->draining = intro.draining;  // an earlier master asked it to
    made->kept = awaited_.contains(intro.key);
    workers_.emplace(id, std::move(made));
    out.keep(WorkerRecord{intro.key, intro.name});
    timers_.add({now.mono + limits_.lease, Timer::Kind::worker_lease, id.value, {}});
  }
  Worker& worker = *workers_.at(id);
  if (worker.session) {  // its old connection is dead and nobody noticed yet
    std::erase(round_, &worker);
    sessions_.erase(worker.session);
    out.disconnect(worker.session, {Errc::unavailable, "the worker came back on a new connection"});
  }
  enter_worker(worker, intro);
  worker.session = session;
  if (worker.draining != intro.draining)
    out.drain(session, worker.draining);  // it was away when it was asked
  worker.held_max = 0;                    // until it says how much it can hold
  worker.connected_at = worker.heard_at = now.wall;
  worker.lease_until = now.mono + limits_.lease;
  sessions_[session] = Peer{.client = nullptr, .worker = &worker, .holder = 0, .waiters = {}, .watching = {}};
  round_.push_back(&worker);

  WorkerAdmitted admitted{.id = id, .dropped = reconcile(worker, intro, step), .is_new = !worker.kept};
  tell_holdings_moved(worker, step);
  if (recovering_ && awaited_.erase(intro.key) > 0 && awaited_.empty()) end_recovery(step);
  return admitted;
}

// Whoever watches a job wants to hear that the worker that has its tasks went away, or is back.
void Broker::tell_holdings_moved(const Worker& worker, Step& step) {
  for (const Lease& lease : leases_.of(worker.holder)) job_moved(*lease.ref.chunk->job, step);
}

// The worker says what it holds; the truth about leases is here. What it holds under a current lease, or
// under one of the last epoch that did not end and that nobody has had since, stays its own; the rest it must
// drop. What it should hold and does not never arrived. Beside an attempt it may hold an earlier one, whose failure the
// last epoch had recorded but not kept: the later one counts.
//
// What it has finished it need not drop: the outcome comes again, and is recorded or refused, and the worker hears of
// that once it is on disk. This one may know the outcome already and lose it together with what was not yet
// written; then the worker is the only one that has it.
std::vector<Fence> Broker::reconcile(Worker& worker, const WorkerIntro& intro, Step& step) {
  std::vector<Fence> dropped;
  const std::unordered_set<Fence> finished(intro.finished.begin(), intro.finished.end());
  std::unordered_map<TaskId, Fence> claimed;
  std::vector<Fence> last_first = intro.held;
  std::ranges::stable_sort(last_first, std::greater<>{}, &Fence::attempt);
  for (const Fence& fence : last_first) {
    const TaskRef ref = find(fence.task);
    const bool unfinished = ref.chunk && ref.chunk->tasks && !is_final(ref.task().state);
    const bool mine =
        unfinished && leases_.held_by(ref, worker.holder) && leases_.lease(ref).fence() == fence;
    const bool orphan = may_be_adopted(worker, fence, ref);
    if (orphan) {
      if (ref.is(TaskState::waiting)) transition(ref, TaskState::ready, step);
      transition(ref, TaskState::leased, step);
      ref.task().attempt = fence.attempt;
      ref.task().attempt_over = false;
      leases_.grant(worker.holder, ref, fence.epoch);
      note_start(*ref.chunk->job, step);
      serve_queue(*ref.chunk->queue, step);  // there is room for another one
    }
    if (!mine && !orphan) {
      if (!finished.contains(fence)) dropped.push_back(fence);
      continue;
    }
    claimed.emplace(fence.task, fence);
    if (ref.chunk->job->cancelled || ref.task().cancel_requested)  // it may not have heard of it
      cancel_task(ref, {}, step);
  }
  std::vector<TaskRef> missing;
  for (const Lease& lease : leases_.of(worker.holder))
    if (!claimed.contains(lease.ref.id())) missing.push_back(lease.ref);
  std::ranges::sort(missing, std::greater<>{}, &TaskRef::id);  // each goes to the front: the first one last
  for (const TaskRef& ref : missing) take_back(ref, step);
  return dropped;
}

// Granted in an earlier epoch to this worker, which was not given up since; neither ended nor granted again. What
// was granted had waited enough: if it seems to have to wait still, then a clock was set back. A submission that was
// lost with an earlier epoch may have been granted as well: its number may be another's by now.
bool Broker::may_be_adopted(const Worker& worker, const Fence& fence, const TaskRef& ref) const {
  if (fence.epoch >= epoch_ || !adoptable_.contains(worker.key)) return false;
  if (!ref.chunk || ref.chunk->function == function_value) return false;
  if (fence.epoch < ref.chunk->epoch) return false;
  if (!ref.is(TaskState::ready) && !ref.is(TaskState::waiting)) return false;
  const Task& task = ref.task();
  if (task.granted_here) return false;  // also when it was handed back
  return fence.attempt > task.attempt || (fence.attempt == task.attempt && !task.attempt_over);
}

// A lease ends without the attempt having begun. Pre: leased.
void Broker::take_back(const TaskRef& ref, Step& step) {
  Task& task = ref.task();
  if (task.cancel_requested) {
    finish(ref,
           {.state = TaskState::cancelled, .attempt = task.attempt, .error = "cancelled before it began"},
           step);
    return;
  }
  task.once_started = false;
  if (ref.chunk->spec->at_most_once) keep_progress(ref, WallTime{}, step);
  make_ready(ref, true, step);
}

void Broker::worker_kept(WorkerId id) {
  if (const auto found = workers_.find(id); found != workers_.end()) found->second->kept = true;
}

void Broker::worker_alive(SessionId session, Now now) {
  if (Worker* worker = worker_of(session)) {
    worker->lease_until = now.mono + limits_.lease;
    worker->heard_at = now.wall;
  }
}

void Broker::worker_capacity(SessionId session, std::uint32_t held_max) {
  if (Worker* worker = worker_of(session)) worker->held_max = held_max;
}

// ---- granting

// The lane whose head should go to this worker: highest priority first, then the oldest.
Lane* Broker::best_lane(const Worker& worker) {
  Lane* best = nullptr;
  Lane::Head best_head;
  for (Lane* lane : lanes_) {
    if (!worker.serves(*lane)) continue;
    const Lane::Head* head = lane->head();
    if (head == nullptr) continue;
    const bool better = best == nullptr || head->priority > best_head.priority ||
                        (head->priority == best_head.priority && head->order < best_head.order);
    if (better) best = lane, best_head = *head;
  }
  return best;
}

// Kept at once: a later epoch would take the first attempt that it adopts or grants for the beginning.
void Broker::note_start(Job& job, Step& step) {
  if (job.started != WallTime{}) return;
  job.started = step.now.wall;
  step.out.keep(record_of(job));
}

void Broker::grant_one(Worker& worker, Lane& lane, Step& step) {
  const TaskRef ref = lane.head()->ref;
  lane.pop();
  Task& task = ref.task();
  Chunk& chunk = *ref.chunk;
  transition(ref, TaskState::leased, step);
  ++task.attempt;
  task.attempt_over = false;
  task.granted_here = true;
  leases_.grant(worker.holder, ref, epoch_);
  ++stats_.grants;
  note_start(*chunk.job, step);
  const bool once = chunk.spec->at_most_once;
  if (once) {
    task.once_started = true;
    keep_progress(ref, WallTime{}, step);
  }
  step.out.grant(worker.session, {.fence = {epoch_, ref.id(), task.attempt},
                                  .spec = chunk.spec,
                                  .payload = (*chunk.payloads)[ref.offset],
                                  .held = once});
  if (lane.queue().putting > 0) serve_queue(lane.queue(), step);
}

void Broker::deliver(Now now, Effects& out) {
  Step step{now, out};
  deliver_results(step);
  slice_left_ = limits_.slice_tasks_max;
}

// Idle slots first, one task at a time around the workers; then what workers are willing to hold in advance,
// in even shares, so that no worker hoards what another could run.
void Broker::dispatch(Now now, Effects& out) {
  deliver(now, out);
  Step step{now, out};
  std::erase_if(lanes_, [](Lane* lane) {
    if (lane->queue().gives() && lane->head() != nullptr) return false;
    lane->listed = false;
    return true;
  });
  if (lanes_.empty() || round_.empty()) return;
  std::rotate(round_.begin(), round_.begin() + 1, round_.end());

  const auto may_hold = [this](const Worker& worker, std::uint32_t bound) {
    return !worker.draining && leases_.count(worker.holder) < std::min(bound, worker.held_max);
  };
  for (bool granted = true; granted;) {
    granted = false;
    for (Worker* worker : round_) {
      if (!may_hold(*worker, worker->slots)) continue;
      Lane* lane = best_lane(*worker);
      if (lane == nullptr) continue;
      grant_one(*worker, *lane, step);
      granted = true;
    }
  }
  for (bool granted = true; granted;) {
    granted = false;
    const std::uint64_t share = std::max<std::uint64_t>(1, stats_.tasks[TaskState::ready] / round_.size());
    for (Worker* worker : round_) {
      for (std::uint64_t i = 0; i < share && may_hold(*worker, worker->held_max); ++i) {
        Lane* lane = best_lane(*worker);
        if (lane == nullptr) break;
        grant_one(*worker, *lane, step);
        granted = true;
      }
    }
  }
}

// ---- results

// A result over the limit is none: what is kept says so instead, with the beginning of the output.
void Broker::bound_result(Outcome& outcome) const {
  const std::size_t bytes =
      outcome.value.size() + outcome.out.size() + outcome.err.size() + outcome.error.size();
  if (bytes <= limits_.result_max_bytes) return;
  constexpr std::size_t output_kept_bytes = 64u << 10;
  const auto cut = [](std::string& output, bool& is_cut) {
    if (output.size() <= output_kept_bytes) return;
    output.resize(output_kept_bytes);
    is_cut = true;
  };
  outcome.value = {};
  cut(outcome.out, outcome.out_cut);
  cut(outcome.err, outcome.err_cut);
  outcome.state = TaskState::failed;
  outcome.error =
      fmt::format("the result has {} bytes; result-max-bytes is {}", bytes, limits_.result_max_bytes);
}

bool Broker::complete(SessionId session, const Fence& fence, Outcome outcome, Now now, Effects& out) {
  Step step{now, out};
  Worker* worker = worker_of(session);
  const TaskRef ref = find(fence.task);
  const bool current = worker != nullptr && ref.chunk && leases_.held_by(ref, worker->holder) &&
                       leases_.lease(ref).fence() == fence;
  if (!current) {
    ++stats_.refused_results;
    return false;
  }
  outcome.attempt = fence.attempt;
  outcome.worker = worker->name;
  bound_result(outcome);
  ++worker->finished;
  switch (outcome.state) {
    case TaskState::succeeded:
      finish(ref, std::move(outcome), step);
      break;
    case TaskState::cancelled:
      // Stopped on request; or by the worker on its own account, and then it was not the task's fault.
      if (ref.task().cancel_requested) {
        if (outcome.error.empty()) outcome.error = "cancelled";
        finish(ref, std::move(outcome), step);
      } else {
        attempt_lost(ref, fmt::format("worker {} stopped it ({})", worker->name, outcome.error), step);
      }
      break;
    default:
      ++worker->failed;
      outcome.state = TaskState::failed;
      if (outcome.error.empty()) outcome.error = "failed";
      attempt_failed(ref, std::move(outcome), step);
  }
  return true;
}

void Broker::returned(SessionId session, std::span<const Fence> attempts, Now now, Effects& out) {
  Step step{now, out};
  Worker* worker = worker_of(session);
  if (worker == nullptr) return;
  // Backwards, because each goes to the front: they end up in the order in which they were granted.
  for (auto fence = attempts.rbegin(); fence != attempts.rend(); ++fence) {
    const TaskRef ref = find(fence->task);
    if (!ref.chunk || !leases_.held_by(ref, worker->holder) || leases_.lease(ref).fence() != *fence) continue;
    take_back(ref, step);
  }
}

// ---- leaving

void Broker::session_left(SessionId session_id, Now now, Effects& out) {
  Step step{now, out};
  const auto found = sessions_.find(session_id);
  if (found == sessions_.end()) return;
  Peer session = std::move(found->second);
  sessions_.erase(found);
  if (session.worker != nullptr) {  // its leases live on until they end
    session.worker->session = {};
    std::erase(round_, session.worker);
    tell_holdings_moved(*session.worker, step);
    return;
  }
  for (const WaiterId id : session.waiters) end_waiter(id, step);
  for (const JobId id : session.watching) {
    if (Job* job = find_job(id))
      std::erase_if(job->watchers, [session_id](const Watcher& w) { return w.session == session_id; });
  }
  // Values that were on their way to it go back to the front, in their order: all of them, before somebody who waits gets
  // the first.
  std::vector<TaskRef> values;
  for (const Lease& lease : leases_.of(session.holder)) values.push_back(lease.ref);
  std::ranges::sort(values, std::greater<>{}, [](const TaskRef& ref) { return ref.id(); });
  for (const TaskRef& ref : values) {
    transition(ref, TaskState::ready, step);
    enqueue(ref, true);
  }
  for (const TaskRef& ref : values) serve_queue(*ref.chunk->queue, step);
  leases_.remove_holder(session.holder);

  Client& client = *session.client;
  if (--client.sessions == 0)
    timers_.add({now.mono + limits_.client_grace, Timer::Kind::client_gone, client.id.value, {}});
}

void Broker::worker_goodbye(SessionId session, Now now, Effects& out) {
  Step step{now, out};
  Worker* worker = worker_of(session);
  if (worker == nullptr) return;
  lose_worker(*worker, fmt::format("worker {} left", worker->name), step);
}

void Broker::lease_due(WorkerId id, Step& step) {
  const auto found = workers_.find(id);
  if (found == workers_.end()) return;
  Worker& worker = *found->second;
  if (worker.lease_until > step.now.mono) {
    timers_.add({worker.lease_until, Timer::Kind::worker_lease, id.value, {}});
    return;
  }
  lose_worker(worker, fmt::format("worker {} was not heard of for its lease", worker.name), step);
}

void Broker::lose_worker(Worker& worker, std::string_view how, Step& step) {
  std::vector<TaskRef> refs;
  for (const Lease& lease : leases_.of(worker.holder)) refs.push_back(lease.ref);
  std::ranges::sort(refs, std::greater<>{}, &TaskRef::id);  // each goes to the front: the first one last
  for (const TaskRef& ref : refs) attempt_lost(ref, how, step);
  if (worker.session) {
    sessions_.erase(worker.session);
    std::erase(round_, &worker);
    step.out.disconnect(worker.session, {Errc::unavailable, std::string{how}});
  }
  leases_.remove_holder(worker.holder);
  step.out.keep(WorkerErased{worker.key});
  worker_by_key_.erase(worker.key);
  workers_.erase(worker.id);
}

Result<void> Broker::worker_drain(Asker asker, std::string_view name, bool on, Effects& out) {
  std::uint64_t count = 0;
  for (const auto& [id, worker] : workers_) {
    if (worker->name != name && fmt::format("{}", id) != name) continue;
    worker->draining = on;
    if (worker->session) out.drain(worker->session, on);
    ++count;
  }
  if (count == 0) return fail(Errc::not_found, "no worker {}", name);
  out.done(asker.session, asker.request, count);
  return {};
}

}  // namespace reeve::master
