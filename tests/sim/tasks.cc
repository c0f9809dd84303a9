#include "tests/sim/tasks.h"

#include <algorithm>

namespace reeve::sim {
namespace {

// The shortest that a backoff with jitter may be.
Duration shortest_pause(const TaskSpec& spec, std::size_t failures) {
  return spec.backoff * (std::int64_t{1} << (std::max<std::size_t>(failures, 1) - 1)) / 2;
}

}  // namespace

void Tasks::kept(const master::Record& record, Duration results_kept_for) {
  if (const auto* chunk = std::get_if<master::ChunkRecord>(&record)) {
    add(*chunk);
  } else if (const auto* job = std::get_if<master::JobRecord>(&record)) {
    jobs_[job->id] = *job;
    if (job->cancelled)  // whatever waits waits for its end
      for (const auto* task : tasks_of(job->id)) leave_line(task->first, *task->second.spec);
    if (Finished& last = finished_[job->id]; last.by_the_wall != job->finished)
      last = {job->finished, clock_.now(), life_};
  } else if (const auto* outcome = std::get_if<master::OutcomeRecord>(&record)) {
    const auto task = tasks_.find(outcome->task);
    if (task == tasks_.end()) return;
    if (task->second.ended) broke("task {} ended a second time", outcome->task);
    task->second.ended = outcome->outcome.state;
    check_reason_to_end(outcome->task, task->second);
    leave_line(outcome->task, *task->second.spec);
  } else if (const auto* erased = std::get_if<master::ChunkErased>(&record)) {
    for (std::uint32_t i = 0; i < chunks_[{erased->job, erased->first}]; ++i)
      if (const auto task = tasks_.find({erased->job, erased->first + i});
          task != tasks_.end() && !task->second.fetched)
        broke("task {} was erased, and nobody had fetched its result", task->first);
  } else if (const auto* gone = std::get_if<master::JobErased>(&record)) {
    check_erasure(gone->id, results_kept_for);
  }
}

// Their age is not a matter of the wall's clock, but across a restart.
// Nobody's task is cancelled or failed for nothing. What fails is explained by failed(), or has to be run at most once.
void Tasks::check_reason_to_end(const TaskId& task, const Known& known) {
  if (known.ended == TaskState::failed && !known.spec->at_most_once) failed_unexplained_.insert(task);
  if (known.ended != TaskState::cancelled) return;
  if (cancel_was_asked(task)) return;
  const auto lets_it_run = [this](JobId other) { return !is_erased(other) && succeeded(other); };
  if (std::ranges::all_of(jobs_[task.job].after, lets_it_run))
    broke("task {} was cancelled, and nobody had asked for that", task);
}

void Tasks::check_no_unexplained_failures() {
  for (const TaskId& task : failed_unexplained_)
    broke("task {} was given up, and it had not failed often enough", task);
}

void Tasks::check_erasure(JobId id, Duration results_kept_for) {
  erased_.insert(id);
  const master::JobRecord& job = jobs_[id];
  const auto tasks = tasks_of(id);
  if (std::ranges::all_of(tasks, [](const auto* task) { return task->second.fetched; })) return;
  if (job.finished == WallTime{})
    broke("job {} was erased before it was finished", id);
  else if (const Finished& end = finished_[id];
           clock_.now() - end.at <= results_kept_for && !uncertain(end.at, end.life))
    broke("the results of job {} were kept for {} ms only", id, (clock_.now() - end.at).count() / 1000);
}

void Tasks::check_retention(WallTime now, Duration results_kept_for) const {
  constexpr Duration patience = 10s;
  for (const auto& [id, job] : jobs_)
    if (stepped_ == TimePoint{} && job.finished != WallTime{} && !erased_.contains(id) &&
        now - job.finished > results_kept_for + patience)
      broke_(fmt::format("the results of job {} are kept for {} ms, and go on", id,
                         (now - job.finished).count() / 1000));
}

void Tasks::add(const master::ChunkRecord& chunk) {
  const auto count = static_cast<std::uint32_t>(chunk.payloads->size());
  chunks_[{chunk.job, chunk.first}] = count;
  if (chunk.origins != nullptr) check_results(chunk);
  if (chunk.spec->is_value()) return;
  const master::JobRecord& job = jobs_[chunk.job];
  const bool may_go = chunk.spec->delay == Duration{0} && job.after.empty() && !job.cancelled;
  for (std::uint32_t i = 0; i < count; ++i) {
    const TaskId task{chunk.job, chunk.first + i};
    tasks_.insert_or_assign(task, Known{.spec = chunk.spec,
                                        .payload = std::string((*chunk.payloads)[i]),
                                        .kept_at = clock_.now(),
                                        .life = life_,
                                        .order = next_order_++});
    if (may_go) lines_[{chunk.spec->queue, chunk.spec->function}][chunk.spec->priority].push_back(task);
  }
}

// What is put into a result queue is the result of the task that it is said to come from.
void Tasks::check_results(const master::ChunkRecord& chunk) {
  for (std::size_t i = 0; i < chunk.origins->size(); ++i) {
    const master::ValueOrigin& from = (*chunk.origins)[i];
    const std::string value((*chunk.payloads)[i]);
    const auto task = tasks_.find(from.task);
    if (task == tasks_.end()) continue;
    if (from.state != task->second.ended || chunk.spec->queue != task->second.spec->result_queue)
      broke("the result of task {} in queue {} is none, or none of there", from.task, chunk.spec->queue);
    else if (from.state == TaskState::succeeded)
      succeeded(from.task, value);
    else if (!value.contains(fmt::format(R"("task":"{}")", from.task)))
      broke("the result of task {} in queue {} is that of another one: {}", from.task, chunk.spec->queue,
            value);
  }
}

void Tasks::restarted(const Disk& disk) {
  ++life_;
  lines_.clear();
  old_ones_joined_ = false;
  std::erase_if(tasks_, [&disk](const auto& task) { return !disk.ever_knew(task.first); });
  for (auto& [id, task] : tasks_) task.ended = disk.final_state(id);
  std::erase_if(jobs_, [&disk](const auto& job) { return disk.job(job.first) == nullptr; });
  for (auto& [id, job] : jobs_) job = *disk.job(id);
}

std::vector<std::pair<const TaskId, Tasks::Known>*> Tasks::tasks_of(JobId job) {
  std::vector<std::pair<const TaskId, Known>*> found;
  for (auto at = tasks_.lower_bound({job, 0}); at != tasks_.end() && at->first.job == job; ++at)
    found.push_back(&*at);
  return found;
}

// ---------------------------------------------------------------- grants

void Tasks::granted(const Fence& fence, const To& to) {
  const auto found = tasks_.find(fence.task);
  if (found == tasks_.end()) return broke("task {} was granted and never kept", fence.task);
  check_may_go(fence.task, found->second, to);
  check_failures(fence.task, found->second);
  check_waits(fence.task, found->second);
  old_ones_join(fence.task, found->second);
  check_turn(fence.task, *found->second.spec, to);
  found->second.granted = true;
  leave_line(fence.task, *found->second.spec);
  found->second.under_way = true;
}

void Tasks::check_may_go(const TaskId& task, const Known& known, const To& to) {
  if (known.ended) broke("task {} was granted after its end", task);
  if (known.cancelled) broke("task {} was granted after its cancellation was acknowledged", task);
  if (jobs_[task.job].cancelled) broke("task {} was granted after its job was cancelled", task);
  if (to.draining) broke("task {} was granted to {}, which drains", task, to.worker);
  if (to.paused.contains(known.spec->queue)) broke("task {} was granted from a queue that is paused", task);
  if (std::ranges::find(to.functions, known.spec->function) == to.functions.end())
    broke("task {} was granted to {}, which has no function {}", task, to.worker, known.spec->function);
}

void Tasks::left_without(const To& to) {
  const auto may_take = [&to](const std::string& queue, const std::string& function) {
    return !to.paused.contains(queue) && std::ranges::find(to.functions, function) != to.functions.end();
  };
  for (const auto& [where, line] : lines_)
    if (!line.empty() && may_take(where.first, where.second))
      broke("{} wants a task, and does not get {}", to.worker, line.begin()->second.front());
  // What waited for something else goes when that is over, but for as long as a master may stand still or wait for workers.
  constexpr Duration patience = 31s;
  if (clock_.now() < next_look_) return;
  next_look_ = clock_.now() + 1s;
  for (const auto& [task, known] : tasks_)
    if (const auto since = should_have_gone(task, known);
        since && clock_.now() > *since + patience && may_take(known.spec->queue, known.spec->function))
      broke("{} wants a task, and does not get {}, whose wait should have ended {} s ago", to.worker, task,
            std::chrono::duration_cast<std::chrono::seconds>(clock_.now() - *since).count());
}

// When the wait of one that waits was to end, if that is known for certain: after its delay, or after a failure.
std::optional<TimePoint> Tasks::should_have_gone(const TaskId& task, const Known& known) {
  const master::JobRecord& job = jobs_[task.job];
  if (known.life != life_ || known.ended || known.under_way || !job.after.empty() || job.cancelled)
    return std::nullopt;
  if (known.failures.empty()) return known.kept_at + known.spec->delay;
  return known.failures.rbegin()->second.at +
         known.spec->backoff * (std::int64_t{1} << (known.failures.size() - 1));
}

void Tasks::check_failures(const TaskId& task, const Known& known) {
  const auto certain = static_cast<std::size_t>(
      std::ranges::count_if(known.failures, [](const auto& one) { return one.second.acknowledged; }));
  if (certain > known.spec->retries)
    broke("task {} is tried again after {} failures; it has {} retries", task, certain, known.spec->retries);
  for (const auto& [fence, failure] : known.failures) {
    const bool known_to_the_master = failure.acknowledged || failure.life == life_;
    if (!known_to_the_master || uncertain(failure.at, failure.life)) continue;
    // The last of `certain` failures was counted as that many, at least.
    const bool is_last = &failure == &known.failures.rbegin()->second;
    if (clock_.now() < failure.at + shortest_pause(*known.spec, is_last ? certain : 1))
      broke("task {} is tried again {} ms after it failed", task,
            std::chrono::duration_cast<std::chrono::milliseconds>(clock_.now() - failure.at).count());
  }
}

void Tasks::check_waits(const TaskId& task, const Known& known) {
  const Duration delay = known.spec->delay;
  if (clock_.now() < known.kept_at + delay && !uncertain(known.kept_at, known.life))
    broke("task {} was granted {} ms after it came, before its delay was over", task,
          std::chrono::duration_cast<std::chrono::milliseconds>(clock_.now() - known.kept_at).count());
  for (const JobId other : jobs_[task.job].after) {
    if (jobs_[other].finished == WallTime{})
      broke("task {} was granted before job {}, which it waits for, was finished", task, other);
    for (const auto* before : tasks_of(other))
      if (before->second.ended != TaskState::succeeded)
        broke("task {} was granted before task {}, which it waits for, had succeeded", task, before->first);
  }
}

// Of those that are ready since they came: the highest priority goes first, and among equals of one queue the first (in a
// lifo, the last).
void Tasks::check_turn(const TaskId& task, const TaskSpec& spec, const To& to) {
  for (const auto& [where, line] : lines_) {
    if (line.empty() || line.begin()->first <= spec.priority || to.paused.contains(where.first)) continue;
    if (std::ranges::find(to.functions, where.second) == to.functions.end()) continue;
    broke("task {} of priority {} went before task {} of priority {}", task, spec.priority,
          line.begin()->second.front(), line.begin()->first);
  }
  const Line& own = lines_[{spec.queue, spec.function}];
  const auto equals = own.find(spec.priority);
  if (equals == own.end() || std::ranges::find(equals->second, task) == equals->second.end()) return;
  const TaskId next = kinds_[spec.queue] == QueueKind::lifo ? equals->second.back() : equals->second.front();
  if (next != task) broke("task {} of queue {} went out of order, before task {}", task, spec.queue, next);
}

// After a restart what nobody can run any more stands in its old order before what came since.
void Tasks::old_ones_join(const TaskId& granted, const Known& its) {
  const auto stood_in_line = [this](const TaskId& task, const Known& known) {
    return known.life < life_ && !known.granted && known.spec->delay == Duration{0} &&
           jobs_[task.job].after.empty() && !jobs_[task.job].cancelled;
  };
  if (!stood_in_line(granted, its) || std::exchange(old_ones_joined_, true)) return;
  std::map<std::uint64_t, TaskId> old;
  for (const auto& [task, known] : tasks_)
    if (stood_in_line(task, known) && !known.ended) old.emplace(known.order, task);
  std::map<Where, Line> lines;
  for (const auto& [order, task] : old) {
    const TaskSpec& spec = *tasks_.at(task).spec;
    lines[{spec.queue, spec.function}][spec.priority].push_back(task);
  }
  for (const auto& [where, line] : lines)
    for (const auto& [priority, tasks] : line) {
      auto& equals = lines_[where][priority];
      // Nobody knows what came to a lifo before the old ones could go, and what after that.
      if (kinds_[where.first] != QueueKind::lifo || equals.empty())
        equals.insert(equals.begin(), tasks.begin(), tasks.end());
    }
}

void Tasks::leave_line(const TaskId& task, const TaskSpec& spec) {
  Line& line = lines_[{spec.queue, spec.function}];
  const auto equals = line.find(spec.priority);
  if (equals == line.end()) return;
  std::erase(equals->second, task);
  if (equals->second.empty()) line.erase(equals);
}

// ---------------------------------------------------------------- how they end

// What the functions of simulated workers return begins with the payload.
void Tasks::succeeded(const TaskId& task, const std::string& value) {
  const auto found = tasks_.find(task);
  if (found != tasks_.end() && !value.starts_with(found->second.payload + ','))
    broke("the result of task {} is that of another one: {}, for {}", task, value, found->second.payload);
}

void Tasks::failed(const Fence& fence) {
  const auto found = tasks_.find(fence.task);
  if (found == tasks_.end()) return;
  Known& known = found->second;
  known.under_way = false;
  known.failures[fence] = {clock_.now(), life_};
  failed_unexplained_.erase(fence.task);
  if (known.ended == TaskState::failed && known.failures.size() <= known.spec->retries)
    broke("task {} was given up after {} failures; it has {} retries", fence.task, known.failures.size(),
          known.spec->retries);
}

void Tasks::failure_acknowledged(const Fence& fence) {
  const auto found = tasks_.find(fence.task);
  if (found == tasks_.end()) return;
  if (const auto failure = found->second.failures.find(fence); failure != found->second.failures.end())
    failure->second.acknowledged = true;
}

void Tasks::cancel_asked(JobId job, std::span<const std::uint32_t> indices) {
  if (indices.empty()) asked_to_cancel_.insert({job, 0});
  for (const std::uint32_t index : indices) asked_to_cancel_.insert({job, index});
}

void Tasks::cancel_acknowledged(JobId job, std::span<const std::uint32_t> indices) {
  for (auto* task : tasks_of(job))
    if (indices.empty() || std::ranges::find(indices, task->first.index) != indices.end())
      task->second.cancelled = true;
}

void Tasks::check_result_queues(const Disk& disk) {
  for (const auto& [id, task] : tasks_)
    if (!task.spec->result_queue.empty() && disk.ever_ended(id) && disk.results_of(id) != 1)
      broke("task {} ended, and its result was put into queue {} {} times", id, task.spec->result_queue,
            disk.results_of(id));
}

void Tasks::fetched(const TaskId& task) {
  if (const auto found = tasks_.find(task); found != tasks_.end() && found->second.ended)
    found->second.fetched = true;
}

}  // namespace reeve::sim
