// Broker: questions. Nothing here changes anything.
#include <algorithm>
#include <utility>

#include "master/core/broker.h"

namespace reeve::master {

bool Broker::anyone_serves(const Lane& lane) const {
  return std::ranges::any_of(round_, [&lane](const Worker* worker) { return worker->serves(lane); });
}

JobView Broker::view(const Job& job) const {
  return {.id = job.id,
          .name = job.name,
          .spec = job.spec,
          .counts = job.counts,
          .open = job.open,
          .submitted = job.submitted,
          .started = job.started,
          .finished = job.finished,
          .incomplete = job.incomplete,
          .after = job.after,
          .trouble = trouble_of(job)};
}

// Why nothing of the job runs although something should. For a person: what it waits for.
std::string Broker::trouble_of(const Job& job) const {
  if (job.is_finished()) return {};
  if (job.cancelling) return "it is being cancelled";
  if (job.counts[TaskState::leased] > 0) return trouble_of_leased(job);
  if (job.blockers > 0) {
    for (const JobId id : job.after) {
      const Job* other = find_job(id);
      if (other != nullptr && !other->is_finished())
        return fmt::format("waits for job {}{}", id, job.blockers > 1 ? " and others" : "");
    }
  }
  if (job.counts[TaskState::ready] == 0) return {};
  for (const ChunkPtr& chunk : job.chunks()) {
    if (!chunk->tasks) continue;
    const bool has_ready = std::any_of(chunk->tasks.get(), chunk->tasks.get() + chunk->count,
                                       [](const Task& task) { return task.state == TaskState::ready; });
    if (!has_ready) continue;
    if (chunk->queue->paused) return fmt::format("queue {} is paused", chunk->queue->name);
    if (chunk->queue->purges > 0) return fmt::format("queue {} is being purged", chunk->queue->name);
    if (recovering_ && !awaited_.empty())
      return fmt::format("the master restarted and waits for worker {}", awaited_.begin()->second);
    if (round_.empty()) return "no worker is connected";
    Lane lane{*chunk->queue, chunk->function, chunk->queue->kind};
    if (!anyone_serves(lane)) {
      return chunk->function == function_command
                 ? fmt::format("no connected worker runs commands from queue {}", chunk->queue->name)
                 : fmt::format("no connected worker serves function {} in queue {}",
                               function_names_[chunk->function], chunk->queue->name);
    }
    return why_not_granted(lane);
  }
  return {};
}

// Pre: somebody serves the lane.
std::string Broker::why_not_granted(const Lane& lane) const {
  bool busy = false;
  const Worker* closed = nullptr;
  std::size_t closed_count = 0;
  for (const Worker* worker : round_) {
    if (!worker->serves(lane)) continue;
    if (worker->draining || worker->held_max == 0) {
      closed = worker;
      ++closed_count;
      continue;
    }
    if (leases_.count(worker->holder) < worker->held_max) return {};  // it gets one at the end of this turn
    busy = true;
  }
  if (busy) return "all slots are busy with other tasks";
  if (closed_count > 1)
    return "the workers that could run it finish what they have and take nothing new (draining, or shutting "
           "down)";
  return fmt::format("worker {} finishes what it has and takes nothing new ({})", closed->name,
                     closed->draining ? "draining" : "shutting down, or stuck");
}

// Whether all that runs of it runs, if it still does, where nobody hears of it. No remark where it would take long to
// say: this is asked of many jobs, and many workers may be lost at once.
std::string Broker::trouble_of_leased(const Job& job) const {
  constexpr std::uint64_t looked_at_max = 1'000;
  std::uint64_t out_of_sight = 0, looked_at = 0;
  const Worker* lost = nullptr;
  for (const auto& [id, worker] : workers_) {
    if (worker->session) continue;
    for (const Lease& lease : leases_.of(worker->holder)) {
      if (++looked_at > looked_at_max) return {};
      if (lease.ref.chunk->job != &job) continue;
      ++out_of_sight;
      lost = worker.get();
    }
  }
  if (out_of_sight < job.counts[TaskState::leased]) return {};
  return fmt::format(
      "worker {} does not answer; its tasks go to others when its lease ends, unless it is back before",
      lost->name);
}

Result<JobView> Broker::job(JobId id) const {
  const Job* job = find_job(id);
  if (job == nullptr || job->is_values()) return fail(Errc::not_found, "no job {}", id);
  return view(*job);
}

std::vector<JobView> Broker::jobs(bool all, std::size_t limit) const {
  std::vector<const Job*> chosen;
  for (const auto& [id, job] : jobs_)
    if (!job->is_values() && (all || !job->is_finished())) chosen.push_back(job.get());
  std::ranges::sort(chosen, std::greater<>{}, [](const Job* job) { return job->id; });
  if (limit > 0 && chosen.size() > limit) chosen.resize(limit);
  std::vector<JobView> views;
  views.reserve(chosen.size());
  for (const Job* job : chosen) views.push_back(view(*job));
  return views;
}

Result<Broker::TaskPage> Broker::tasks(JobId id, std::uint32_t first, std::uint32_t last,
                                       std::span<const TaskState> states, std::size_t limit,
                                       bool payloads) const {
  const Job* job = find_job(id);
  if (job == nullptr || job->is_values()) return fail(Errc::not_found, "no job {}", id);
  if (last == 0) last = index_max;
  TaskPage page;
  std::size_t bytes = 0;  // of payloads
  std::vector<WorkerId> workers_by_holder;
  for (const ChunkPtr& chunk : job->chunks()) {
    if (chunk->erased || chunk->first > last || chunk->first + chunk->count <= first) continue;
    for (std::uint32_t i = first > chunk->first ? first - chunk->first : 0; i < chunk->count; ++i) {
      const std::uint32_t index = chunk->first + i;
      if (index > last) return page;
      const TaskState state = chunk->state(i);
      if (!states.empty() && std::ranges::find(states, state) == states.end()) continue;
      if (page.tasks.size() >= limit || bytes > limits_.answer_max_bytes) {
        page.next = index;
        return page;
      }
      TaskView& view = page.tasks.emplace_back();
      view.index = index;
      view.state = state;
      if (!chunk->tasks) continue;
      const Task& task = chunk->tasks[i];
      view.attempt = task.attempt;
      view.crashes = task.crashes;
      if (payloads && !is_final(state)) view.payload = (*chunk->payloads)[i];
      if (state == TaskState::waiting) view.not_before = task.due;
      bytes += view.payload.size();
      if (state != TaskState::leased) continue;
      if (const Worker* worker = worker_holding(task, workers_by_holder)) view.worker = worker->name;
    }
  }
  return page;
}

Result<std::shared_ptr<const TaskSpec>> Broker::spec_of(TaskId id) const {
  const Job* job = find_job(id.job);
  const ChunkPtr chunk = job != nullptr ? job->find_chunk(id.index) : ChunkPtr{};
  if (!chunk) return fail(Errc::not_found, "no task {}", id);
  return chunk->spec;
}

Result<std::vector<QueueView>> Broker::queues(std::string_view name) const {
  if (!name.empty() && find_queue(name) == nullptr) return fail(Errc::not_found, "no queue {}", name);
  std::vector<QueueView> views;
  for (const auto& [queue_name, queue] : queues_) {
    if (!name.empty() && queue_name != name) continue;
    QueueView& view = views.emplace_back();
    view.name = queue->name;
    view.kind = queue->kind;
    view.maxsize = queue->maxsize;
    view.ready = queue->counts[TaskState::ready];
    view.waiting = queue->counts[TaskState::waiting];
    view.leased = queue->counts[TaskState::leased];
    view.unfinished = queue->unfinished();
    view.paused = queue->paused;
    view.getters = queue->getting;
    view.putters = queue->putting;
    view.function = queue->function;
    view.results = queue->results;
    view.ack_task_done = queue->ack_task_done;
    for (const auto& lane : queue->lanes) {
      if (lane->function() == function_value || lane->head() == nullptr || anyone_serves(*lane)) continue;
      view.stuck.emplace_back(function_names_[lane->function()], lane->ready());
    }
  }
  return views;
}

Result<std::vector<WorkerView>> Broker::workers(std::string_view name) const {
  std::vector<WorkerView> views;
  for (const auto& [id, worker] : workers_) {
    if (!name.empty() && worker->name != name && fmt::format("{}", id) != name) continue;
    WorkerView& view = views.emplace_back();
    view.id = id;
    view.name = worker->name;
    view.host = worker->host;
    view.address = worker->address;
    view.version = worker->version;
    view.pid = worker->pid;
    view.slots = worker->slots;
    view.held_max = worker->held_max;
    view.functions = worker->functions;
    view.queues = worker->queues;
    view.commands = worker->commands;
    view.connected = static_cast<bool>(worker->session);
    view.draining = worker->draining;
    view.labels = worker->labels;
    view.held = leases_.count(worker->holder);
    view.finished = worker->finished;
    view.failed = worker->failed;
    view.connected_at = worker->connected_at;
    view.heard_at = worker->heard_at;
    view.lease_until = worker->lease_until;
    if (name.empty()) continue;
    for (const Lease& lease : leases_.of(worker->holder)) view.running.push_back(lease.ref.id());
  }
  if (!name.empty() && views.empty()) return fail(Errc::not_found, "no worker {}", name);
  std::ranges::sort(views, {}, [](const WorkerView& view) { return view.id; });
  return views;
}

BrokerStats Broker::stats() const {
  BrokerStats stats = stats_;
  for (const auto& [id, job] : jobs_) stats.jobs += job->is_values() ? 0 : 1;
  stats.queues = queues_.size();
  stats.workers = round_.size();
  for (const Worker* worker : round_) stats.slots += worker->slots;
  for (const auto& [id, session] : sessions_) stats.clients += session.client != nullptr ? 1 : 0;
  if (recovering_ && !awaited_.empty()) {
    stats.trouble = "recovering: waits for";
    for (const auto& [key, name] : awaited_) stats.trouble += " " + name;
  }
  return stats;
}

}  // namespace reeve::master
