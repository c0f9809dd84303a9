// Broker: queues as containers. Values in and out, the clients that wait at them, join and task_done.
#include <algorithm>
#include <utility>

#include "common/base/assert.h"
#include "master/core/broker.h"

namespace reeve::master {
namespace {

std::string_view ack_name(bool task_done) { return task_done ? "task_done" : "get"; }

// In which options `queue` is not as `wanted`: "maxsize is 0, not 5; ack is get, not task_done".
std::string differences(const Queue& queue, const QueueOptions& wanted) {
  std::string text;
  const auto compare = [&text](std::string_view what, const auto& has, const auto& wants) {
    if (has == wants) return;
    if (!text.empty()) text += "; ";
    text += fmt::format("{} is {}, not {}", what, has, wants);
  };
  const auto or_none = [](const std::string& name) { return name.empty() ? std::string_view{"none"} : name; };
  compare("kind", name_of(queue.kind), name_of(wanted.kind));
  compare("maxsize", queue.maxsize, wanted.maxsize);
  compare("function", or_none(queue.function), or_none(wanted.function));
  compare("results", or_none(queue.results), or_none(wanted.results));
  compare("ack", ack_name(queue.ack_task_done), ack_name(wanted.ack_task_done));
  return text;
}

// A value as clients see it; it points into its chunk.
ItemView item_of(const TaskRef& ref) {
  const Chunk& chunk = *ref.chunk;
  ItemView item{.id = ref.id(),
                .encoding = chunk.spec->encoding,
                .value = ref.payload(),
                .function = {},
                .priority = chunk.spec->priority,
                .from = {},
                .from_state = TaskState::succeeded,
                .error = {}};
  if (chunk.origins) {
    const ValueOrigin& origin = (*chunk.origins)[ref.offset];
    item.from = origin.task, item.from_state = origin.state, item.error = origin.error;
  }
  return item;
}

}  // namespace

Queue* Broker::find_queue(std::string_view name) const {
  const auto found = queues_.find(name);
  return found == queues_.end() ? nullptr : found->second.get();
}

// A queue comes into being when it is first used: an unbounded fifo.
Result<Queue*> Broker::queue_for_use(std::string_view name, Step& step) {
  if (Queue* queue = find_queue(name)) return queue;
  if (auto ok = check_name(name, "queue"); !ok) return fail(ok.error());
  if (queues_.size() >= limits_.queues_max)
    return fail(Errc::limit_reached, "there are {} queues (queues-max)", queues_.size());
  auto queue = std::make_unique<Queue>();
  queue->name = name;
  step.out.keep(queue->record());
  return queues_.emplace(name, std::move(queue)).first->second.get();
}

Result<void> Broker::queue_open(std::string_view name, Now now, Effects& out) {
  Step step{now, out};
  const auto queue = queue_for_use(name, step);
  if (!queue) return fail(queue.error());
  return {};
}

Result<void> Broker::reserve_name(std::string_view name) {
  if (const Queue* queue = find_queue(name))
    return fail(Errc::already_exists,
                "there is a queue {} with {} {}: choose another name, or start the master without this one, "
                "remove the "
                "queue ('reeve queue purge {}', 'reeve queue rm {}'), and start it again",
                name, queue->counts.unfinished(),
                queue->counts.unfinished() == 1 ? "task or value" : "tasks and values", name, name);
  if (auto ok = check_name(name, "object"); !ok) return ok;
  reserved_names_.emplace(name);
  return {};
}

Result<void> Broker::check_options(const QueueOptions& options) const {
  if (auto ok = check_name(options.name, "queue"); !ok) return ok;
  if (options.function.empty() && !options.results.empty())
    return fail(Errc::invalid_argument, "queue {} has no function whose results could go to {}", options.name,
                options.results);
  if (options.function.empty()) return {};
  TaskSpec spec;
  spec.queue = options.name;
  spec.function = options.function;
  spec.result_queue = options.results;
  return check_spec(spec);
}

Result<void> Broker::queue_declare(const QueueOptions& options, Effects& out) {
  if (auto ok = check_options(options); !ok) return ok;
  Queue* queue = find_queue(options.name);
  if (queue == nullptr) {
    if (queues_.size() >= limits_.queues_max)
      return fail(Errc::limit_reached, "there are {} queues (queues-max)", queues_.size());
    auto made = std::make_unique<Queue>();
    made->name = options.name;
    made->kind = options.kind;
    made->maxsize = options.maxsize;
    queue = queues_.emplace(options.name, std::move(made)).first->second.get();
  } else if (queue->kind != options.kind || queue->maxsize != options.maxsize) {
    return fail(
        Errc::already_exists,
        "queue {} exists with other options: {}; kind and maxsize stay as they were made: start the master "
        "with "
        "them, or without this queue, remove it when it is empty ('reeve queue rm {}'), and start it again",
        options.name, differences(*queue, options), options.name);
  }
  queue->function = options.function;
  queue->results = options.results;
  queue->ack_task_done = options.ack_task_done;
  queue->value_spec = nullptr;
  out.keep(queue->record());
  return {};
}

Result<void> Broker::queue_create(Asker asker, const QueueOptions& options, Effects& out) {
  if (const Queue* queue = find_queue(options.name)) {
    const std::string other = differences(*queue, options);
    if (!other.empty()) {
      const bool declarable = queue->kind == options.kind && queue->maxsize == options.maxsize;
      return fail(Errc::already_exists,
                  "queue {} exists with other options: {}; when it is empty 'reeve queue rm {}' removes it{}",
                  options.name, other, options.name,
                  declarable
                      ? fmt::format(", and a master that is started with [queues.{}] in its configuration "
                                    "changes it, full or not",
                                    options.name)
                      : std::string{});
    }
    if (!options.exist_ok)
      return fail(Errc::already_exists,
                  "queue {} exists already, with these options (--exist-ok: that is fine)", options.name);
  } else if (auto declared = queue_declare(options, out); !declared) {
    return declared;
  }
  out.done(asker.session, asker.request, 0);
  return {};
}

Job& Broker::values_job(Queue& queue, Step& step) {
  Job* job = queue.values_job ? find_job(queue.values_job) : nullptr;
  if (job != nullptr && job->next_index < index_max - limits_.batch_max) return *job;
  auto made = std::make_unique<Job>();
  made->id = JobId{next_job_++};
  made->values_of = queue.name;
  made->submitted = step.now.wall;
  queue.values_job = made->id;
  step.out.keep(record_of(*made));
  return *jobs_.emplace(made->id, std::move(made)).first->second;
}

std::shared_ptr<const TaskSpec> Broker::value_spec(Queue& queue, Encoding encoding, std::int32_t priority) {
  const bool fits =
      queue.value_spec && queue.value_spec->encoding == encoding && queue.value_spec->priority == priority;
  if (!fits) {
    TaskSpec spec;
    spec.queue = queue.name;
    spec.encoding = encoding;
    spec.priority = priority;
    spec.function = queue.function;
    spec.result_queue = queue.results;
    queue.value_spec = std::make_shared<const TaskSpec>(std::move(spec));
  }
  return queue.value_spec;
}

// ---- waiting

Error Broker::too_many_waiters() const {
  return {Errc::limit_reached, fmt::format("{} clients wait already (waiters-max)", waiters_.size())};
}

Result<Waiter*> Broker::wait(Waiter waiter, Duration wait_max, Step& step) {
  if (waiters_.size() >= limits_.waiters_max) return fail(too_many_waiters());
  const WaiterId id = next_waiter_++;
  if (wait_max > Duration{0}) {
    waiter.deadline = step.now.mono + wait_max;
    deadlines_.emplace(waiter.deadline, id);
  }
  Queue& queue = *waiter.queue;
  switch (waiter.kind) {
    case Waiter::Kind::get:
      queue.getters.push_back(id), ++queue.getting;
      break;
    case Waiter::Kind::put:
      queue.putters.push_back(id), ++queue.putting;
      break;
    case Waiter::Kind::join:
      queue.joiners.push_back(id), ++queue.joining;
      break;
  }
  sessions_.at(waiter.session).waiters.insert(id);
  return &waiters_.emplace(id, std::move(waiter)).first->second;
}

// It was answered, or nobody is there to hear an answer.
void Broker::end_waiter(WaiterId id, Step& step) {
  const auto found = waiters_.find(id);
  if (found == waiters_.end()) return;
  const Waiter waiter = std::move(found->second);
  waiters_.erase(found);
  deadlines_.erase({waiter.deadline, id});
  if (const auto session = sessions_.find(waiter.session); session != sessions_.end())
    session->second.waiters.erase(id);
  Queue& queue = *waiter.queue;
  if (waiter.kind == Waiter::Kind::get) drop_ended(queue.getters, --queue.getting);
  if (waiter.kind == Waiter::Kind::join) drop_ended(queue.joiners, --queue.joining);
  if (waiter.kind != Waiter::Kind::put) return;
  drop_ended(queue.putters, --queue.putting);
  if (waiter.number != 0) {
    const auto client = clients_.find(waiter.client);
    if (client != clients_.end()) {
      const auto answer = client->second->submissions.find(waiter.number);
      if (answer != client->second->submissions.end()) answer->second.waiter = 0;
    }
  }
  if (Job* job = find_job(waiter.job)) {
    if (--job->puts_waiting == 0) job->puts_wait_at = nullptr;
    finish_job_if_done(*job, step);
  }
}

// Those who gave up stay in their line only until they are most of it: at a queue where nothing happens, too.
void Broker::drop_ended(std::deque<WaiterId>& line, std::uint64_t waiting) {
  constexpr std::uint64_t ended_max = 64;
  if (line.size() <= 2 * waiting + ended_max) return;
  std::erase_if(line, [this](WaiterId id) { return !waiters_.contains(id); });
}

void Broker::waiter_timed_out(WaiterId id, Step& step) {
  const auto found = waiters_.find(id);
  if (found == waiters_.end()) return;
  const Waiter& waiter = found->second;
  const SessionId session = waiter.session;
  const std::uint64_t request = waiter.request;
  Queue& queue = *waiter.queue;
  switch (waiter.kind) {
    case Waiter::Kind::get:
      step.out.got(session, request,
                   fail(Errc::queue_empty, "nothing came into queue {} in time", queue.name));
      break;
    case Waiter::Kind::put:
      step.out.submitted(session, request,
                         fail(Errc::queue_full, "queue {} stayed full (maxsize {}); {} of {} got in",
                              queue.name, queue.maxsize, waiter.accepted.count, waiter.payloads.size()));
      break;
    case Waiter::Kind::join:
      step.out.done(
          session, request,
          fail(Errc::timed_out, "queue {} still has {} unfinished", queue.name, queue.unfinished()));
      break;
  }
  end_waiter(id, step);
  serve_queue(queue, step);  // a shorter put may stand behind one that gave up
}

// ---- values out

void Broker::give_values(SessionId to, std::uint64_t request, Queue& queue, std::size_t items_max,
                         Step& step) {
  Lane& lane = queue.lane(function_value);
  Peer& session = sessions_.at(to);
  std::vector<TaskRef> refs;
  std::vector<ItemView> items;
  std::size_t bytes = 0;
  while (items.size() < items_max) {
    const Lane::Head* head = lane.head();
    if (head == nullptr) break;
    bytes += head->ref.payload().size();
    if (!items.empty() && bytes > limits_.answer_max_bytes) break;
    refs.push_back(head->ref);
    lane.pop();
    const TaskRef& ref = refs.back();
    transition(ref, TaskState::leased, step);
    ++ref.task().attempt;
    leases_.grant(session.holder, ref, epoch_);
    items.push_back(item_of(ref));
  }
  step.out.got(to, request, std::span<const ItemView>{items});
}

Result<void> Broker::get(Asker asker, GetValues wanted, Now now, Effects& out) {
  Step step{now, out};
  if (client_of(asker.session) == nullptr) return fail(Errc::protocol_error, "only clients take values");
  // Whoever waits may come before the first value, and makes the queue. Whoever only asks makes none.
  if (!wanted.wait && find_queue(wanted.queue) == nullptr)
    return fail(Errc::queue_empty, "there is no queue {}, and so no value in it", wanted.queue);
  const auto found = queue_for_use(wanted.queue, step);
  if (!found) return fail(found.error());
  Queue& queue = **found;
  const auto items_max =
      static_cast<std::uint32_t>(std::clamp<std::uint64_t>(wanted.items_max, 1, limits_.batch_max));
  if (queue.gives() && queue.getting == 0 && queue.lane(function_value).head() != nullptr) {
    give_values(asker.session, asker.request, queue, items_max, step);
    serve_queue(queue, step);
    return {};
  }
  if (!wanted.wait)
    return fail(Errc::queue_empty, "queue {} {}", queue.name, queue.paused ? "is paused" : "has no values");
  Waiter waiter{
      .kind = Waiter::Kind::get, .session = asker.session, .request = asker.request, .queue = &queue};
  waiter.items_max = items_max;
  if (auto waiting = wait(std::move(waiter), wanted.wait_max, step); !waiting) return fail(waiting.error());
  return {};
}

// Whatever may move after something entered or left the queue: blocked gets, blocked puts, joins.
void Broker::serve_queue(Queue& queue, Step& step) {
  if (queue.gives()) {
    while (!queue.getters.empty() && queue.lane(function_value).head() != nullptr) {
      const WaiterId id = queue.getters.front();
      queue.getters.pop_front();
      const auto waiter = waiters_.find(id);
      if (waiter == waiters_.end()) continue;
      give_values(waiter->second.session, waiter->second.request, queue, waiter->second.items_max, step);
      end_waiter(id, step);
    }
  }
  while (!queue.admitting && !queue.putters.empty() && queue.room() > 0) {
    const WaiterId id = queue.putters.front();
    const auto found = waiters_.find(id);
    if (found == waiters_.end()) {
      queue.putters.pop_front();
      continue;
    }
    // Out of the table while it puts: adding values serves this queue again, but lets nobody else in before it.
    queue.putters.pop_front();
    Waiter waiter = std::move(found->second);
    queue.admitting = true;
    admit_some(waiter, queue.room(), step);
    queue.admitting = false;
    const bool all_in = waiter.next == waiter.payloads.size();
    if (all_in) step.out.submitted(waiter.session, waiter.request, waiter.accepted);
    waiters_.at(id) = std::move(waiter);
    if (all_in)
      end_waiter(id, step);
    else
      queue.putters.push_front(id);
  }
  if (queue.joiners.empty() || queue.unfinished() > 0) return;
  for (const WaiterId id : std::exchange(queue.joiners, {})) {
    const auto waiter = waiters_.find(id);
    if (waiter == waiters_.end()) continue;
    step.out.done(waiter->second.session, waiter->second.request, 0);
    end_waiter(id, step);
  }
}

Result<void> Broker::peek(Asker asker, std::string_view name, std::uint32_t items_max, Effects& out) const {
  const Queue* queue = find_queue(name);
  if (queue == nullptr) return fail(Errc::not_found, "no queue {}", name);
  const std::size_t limit = std::clamp<std::uint64_t>(items_max, 1, limits_.batch_max);
  std::vector<TaskRef> refs;
  for (const auto& lane : queue->lanes) {
    for (TaskRef& ref : lane->first(limit - refs.size())) refs.push_back(std::move(ref));
    if (refs.size() >= limit) break;
  }
  std::vector<ItemView> items;
  std::size_t bytes = 0;
  for (const TaskRef& ref : refs) {
    bytes += ref.payload().size();
    if (!items.empty() && bytes > limits_.answer_max_bytes) break;
    items.push_back(item_of(ref));
    items.back().function = function_names_[ref.chunk->function];
  }
  out.got(asker.session, asker.request, std::span<const ItemView>{items});
  return {};
}

void Broker::took(SessionId session_id, std::span<const TaskId> items, Now now, Effects& out) {
  Step step{now, out};
  const auto session = sessions_.find(session_id);
  if (session == sessions_.end() || session->second.client == nullptr) return;
  Queue* queue = nullptr;
  for (const TaskId& id : items) {
    const TaskRef ref = find(id);
    if (!ref.chunk || !leases_.held_by(ref, session->second.holder)) continue;
    Queue* const its_queue = ref.chunk->queue;
    if (queue != nullptr && queue != its_queue) out.keep(queue->record());
    queue = its_queue;
    ++queue->taken;
    consume_value(ref, step);
  }
  if (queue != nullptr) out.keep(queue->record());
}

void Broker::give_back(SessionId session_id, TaskId item, Now now, Effects& out) {
  Step step{now, out};
  const auto session = sessions_.find(session_id);
  if (session == sessions_.end() || session->second.client == nullptr) return;
  const TaskRef ref = find(item);
  if (!ref.chunk || !leases_.held_by(ref, session->second.holder)) return;
  --ref.task().attempt;
  make_ready(ref, true, step);
}

Result<void> Broker::set_aside(SessionId session_id, TaskId item, std::string_view to, Now now,
                               Effects& out) {
  Step step{now, out};
  const auto session = sessions_.find(session_id);
  const TaskRef ref = find(item);
  if (session == sessions_.end() || !ref.chunk || !leases_.held_by(ref, session->second.holder))
    return fail(Errc::not_found, "session {} does not hold the value {}", session_id, item);
  const auto found = queue_for_use(to, step);
  if (!found) return fail(found.error());
  Queue &aside = **found, &queue = *ref.chunk->queue;
  const Chunk& chunk = *ref.chunk;
  auto payloads = std::make_shared<Payloads>();
  payloads->add(ref.payload());
  payloads->shrink_to_fit();
  std::shared_ptr<std::vector<ValueOrigin>> origins;
  if (chunk.origins) origins = std::make_shared<std::vector<ValueOrigin>>(1, (*chunk.origins)[ref.offset]);
  add_chunk(values_job(aside, step), aside, value_spec(aside, chunk.spec->encoding, chunk.spec->priority),
            std::move(payloads), std::move(origins), step);
  consume_value(ref, step);
  serve_queue(queue, step);
  return {};
}

Result<void> Broker::task_done(Asker asker, std::string_view name, std::uint64_t count, Now now,
                               Effects& out) {
  Step step{now, out};
  Queue* queue = find_queue(name);
  if (queue == nullptr) return fail(Errc::not_found, "no queue {}", name);
  if (count > queue->taken)
    return fail(Errc::wrong_state, "task_done called too often: {} of queue {} are taken and not done",
                queue->taken, name);
  queue->taken -= count;
  out.keep(queue->record());
  out.done(asker.session, asker.request, queue->unfinished());
  serve_queue(*queue, step);
  return {};
}

Result<void> Broker::join(Asker asker, std::string_view name, Duration wait_max, Now now, Effects& out) {
  Step step{now, out};
  if (client_of(asker.session) == nullptr) return fail(Errc::protocol_error, "only clients join queues");
  Queue* const queue = find_queue(name);
  if (queue == nullptr || queue->unfinished() == 0) {
    out.done(asker.session, asker.request, 0);
    return {};
  }
  Waiter waiter{
      .kind = Waiter::Kind::join, .session = asker.session, .request = asker.request, .queue = queue};
  if (auto waiting = wait(std::move(waiter), wait_max, step); !waiting) return fail(waiting.error());
  return {};
}

Result<void> Broker::queue_control(Asker asker, std::string_view name, QueueAction action, Now now,
                                   Effects& out) {
  Step step{now, out};
  Queue* queue = find_queue(name);
  if (queue == nullptr) return fail(Errc::not_found, "no queue {}", name);
  switch (action) {
    case QueueAction::pause:
    case QueueAction::resume:
      queue->paused = action == QueueAction::pause;
      out.keep(queue->record());
      for (const auto& lane : queue->lanes) lane_has_work(*lane);
      serve_queue(*queue, step);
      break;
    case QueueAction::purge:
      purge(*queue, asker, step);
      return {};  // answered when it is done
    case QueueAction::remove:
      // Values that were taken are in it no more: who took them may have left without a task_done.
      if (const std::uint64_t clients = queue->getting + queue->putting + queue->joining;
          queue->counts.unfinished() > 0 || clients > 0 || queue->purges > 0)
        return fail(Errc::wrong_state,
                    "queue {} is in use: {} wait in it, {} are in work, {} clients wait at it", name,
                    queue->size(), queue->counts[TaskState::leased], clients);
      if (Job* job = find_job(queue->values_job)) erase_job(*job, step);
      std::erase_if(lanes_, [queue](const Lane* lane) { return &lane->queue() == queue; });
      out.keep(QueueErased{queue->name});
      queues_.erase(queues_.find(name));
      break;
  }
  out.done(asker.session, asker.request, 0);
  return {};
}

void Broker::lane_has_work(Lane& lane) {
  if (lane.listed || lane.function() == function_value || !lane.queue().gives()) return;
  lane.listed = true;
  lanes_.push_back(&lane);
}

}  // namespace reeve::master
