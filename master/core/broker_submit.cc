// Broker: how tasks and values get in. Clients, repeated submissions, room in bounded queues.
#include <algorithm>
#include <utility>

#include "common/base/assert.h"
#include "master/core/broker.h"

namespace reeve::master {

void Broker::client_joined(SessionId session, PeerKey key, Now now) {
  ClientId& id = client_by_key_[key];
  if (!id) {
    id = ClientId{next_client_++};
    auto client = std::make_unique<Client>();
    client->id = id;
    client->key = std::move(key);
    clients_.emplace(id, std::move(client));
  }
  Client& client = *clients_.at(id);
  ++client.sessions;
  client.joined = now.mono;
  sessions_[session] = Peer{
      .client = &client, .worker = nullptr, .holder = leases_.add_holder(), .waiters = {}, .watching = {}};
}

Client* Broker::client_of(SessionId session) {
  const auto found = sessions_.find(session);
  return found == sessions_.end() ? nullptr : found->second.client;
}

// What clients of an earlier epoch left open and nobody has claimed since; and what they were still adding to when the
// master ended.
void Broker::end_jobs_of_nobody(Step& step) {
  std::vector<JobId> orphans;  // not the jobs themselves: the end of one can be the end of another
  for (const auto& [id, job] : jobs_)
    if (!job->is_finished() && !job->is_values() && !(job->open && clients_.contains(job->owner)))
      orphans.push_back(id);
  for (const JobId id : orphans) {
    Job* const job = find_job(id);
    if (job == nullptr) continue;
    if (job->open)
      close_incomplete(*job, step);
    else
      finish_job_if_done(*job, step);
  }
}

// A client that stayed away: its open jobs will get no more tasks, and it will repeat nothing. No id: those of an earlier
// epoch.
void Broker::client_due(ClientId id, Step& step) {
  if (!id) return end_jobs_of_nobody(step);
  const auto found = clients_.find(id);
  if (found == clients_.end() || found->second->sessions > 0) return;
  Client& client = *found->second;
  if (step.now.mono - client.joined < limits_.client_grace) return;  // it was back since, and left again
  for (const JobId job_id : std::exchange(client.open_jobs, {})) {
    Job* job = find_job(job_id);
    if (job != nullptr && job->open && job->owner == id) close_incomplete(*job, step);
  }
  const std::uint64_t last = client.submissions.empty() ? 0 : client.submissions.rbegin()->first;
  if (const std::uint64_t through = std::max(last, client.settled); through > client.settled_kept)
    step.out.keep(SubmissionsSettled{client.key, through});
  client_by_key_.erase(client.key);
  clients_.erase(found);
}

Result<void> Broker::check_name(std::string_view name, std::string_view what) const {
  if (name.empty()) return fail(Errc::invalid_argument, "a {} needs a name", what);
  if (name.size() > limits_.name_max_bytes)
    return fail(Errc::too_large, "the {} name has {} bytes; name-max-bytes is {}", what, name.size(),
                limits_.name_max_bytes);
  const bool printable = std::ranges::all_of(name, [](unsigned char c) { return c >= 0x20 && c != 0x7f; });
  if (!printable) return fail(Errc::invalid_argument, "the {} name has control characters", what);
  if (what == "queue" && reserved_names_.contains(name))
    return fail(Errc::invalid_argument, "{} is an object of Python programs ([objects.{}]), so no queue",
                name, name);
  return {};
}

Result<void> Broker::check_spec(const TaskSpec& spec) const {
  if (auto ok = check_name(spec.queue, "queue"); !ok) return ok;
  if (spec.is_value()) return fail(Errc::invalid_argument, "a task needs a function or a command");
  if (!spec.is_command()) {
    if (auto ok = check_name(spec.function, "function"); !ok) return ok;
  }
  if (!spec.result_queue.empty()) {
    if (auto ok = check_name(spec.result_queue, "queue"); !ok) return ok;
    const Queue* results = find_queue(spec.result_queue);
    if (results != nullptr && results->maxsize != 0)
      return fail(Errc::invalid_argument, "queue {} is bounded (maxsize {}), so it cannot take results",
                  spec.result_queue, results->maxsize);
  }
  if (const std::size_t bytes = text_bytes(spec); bytes > limits_.spec_max_bytes)
    return fail(Errc::too_large, "the task's description has {} bytes; spec-max-bytes is {}", bytes,
                limits_.spec_max_bytes);
  if (spec.retries > limits_.attempts_max)
    return fail(Errc::limit_reached, "{} retries; attempts-max is {}", spec.retries, limits_.attempts_max);
  if (spec.at_most_once && spec.retries > 0)
    return fail(Errc::invalid_argument, "a task that runs at most once cannot have retries");
  return {};
}

Result<void> Broker::check_payloads(const Payloads& payloads) const {
  if (payloads.size() == 0) return fail(Errc::invalid_argument, "there are no tasks or items in it");
  if (payloads.size() > limits_.batch_max)
    return fail(Errc::too_large, "{} tasks or items at once; batch-max is {}", payloads.size(),
                limits_.batch_max);
  if (payloads.bytes() > limits_.payload_max_bytes) {  // only then a single one can be too large
    for (std::size_t i = 0; i < payloads.size(); ++i) {
      if (payloads[i].size() > limits_.payload_max_bytes)
        return fail(Errc::too_large, "a payload of {} bytes; payload-max-bytes is {}", payloads[i].size(),
                    limits_.payload_max_bytes);
    }
  }
  if (stats_.tasks.unfinished() + payloads.size() > limits_.tasks_max)
    return fail(Errc::limit_reached, "{} tasks are unfinished; tasks-max is {}", stats_.tasks.unfinished(),
                limits_.tasks_max);
  if (stats_.queued_bytes + payloads.bytes() > limits_.queued_max_bytes)
    return fail(Errc::limit_reached, "unfinished tasks hold {} bytes; queued-max-bytes is {}",
                stats_.queued_bytes, limits_.queued_max_bytes);
  return {};
}

// What an earlier copy of this submission got; null when that is nothing. The newer copy takes over from one that
// still waits for room.
Client::Answer* Broker::earlier_answer(Client& client, std::uint64_t number, Step& step) {
  const auto found = client.submissions.find(number);
  if (number == 0 || found == client.submissions.end()) return nullptr;
  ++stats_.duplicate_submissions;
  if (found->second.waiter != 0) end_waiter(found->second.waiter, step);
  if (found->second.accepted.count > 0) return &found->second;
  client.submissions.erase(found);
  return nullptr;
}

void Broker::settle(Client& client, std::uint64_t settled, Step& step) {
  client.settled = std::max(client.settled, settled);
  client.submissions.erase(client.submissions.begin(), client.submissions.upper_bound(client.settled));
  // The store may lag behind: what it forgets late is at most repeated harmlessly.
  constexpr std::uint64_t settle_batch = 256;
  if (client.settled < client.settled_kept + settle_batch) return;
  client.settled_kept = client.settled;
  step.out.keep(SubmissionsSettled{client.key, client.settled});
}

Result<Job*> Broker::new_job(const Submission& submission, Client& client, Step& step) {
  if (jobs_.size() >= limits_.jobs_max)
    return fail(Errc::limit_reached, "{} jobs are kept (jobs-max); forget some: reeve forget JOB",
                jobs_.size());
  if (submission.name.size() > limits_.name_max_bytes)
    return fail(Errc::too_large, "the job name has {} bytes; name-max-bytes is {}", submission.name.size(),
                limits_.name_max_bytes);
  std::uint32_t blockers = 0;
  for (const JobId id : submission.after) {
    const Job* other = find_job(id);
    if (other == nullptr) return fail(Errc::not_found, "no job {} to run after", id);
    if (!other->is_finished())
      ++blockers;
    else if (!other->would_succeed())
      return fail(Errc::wrong_state, "job {} did not succeed, so nothing can run after it", id);
  }
  auto job = std::make_unique<Job>();
  job->id = JobId{next_job_++};
  job->name = submission.name;
  job->open = submission.open;
  job->submitted = step.now.wall;
  job->after = submission.after;
  job->blockers = blockers;
  job->owner = client.id;
  for (const JobId id : submission.after)
    if (Job* other = find_job(id); !other->is_finished()) other->dependents.push_back(job->id);
  if (job->open) client.open_jobs.push_back(job->id);
  step.out.keep(record_of(*job));
  Job* const made = job.get();
  jobs_.emplace(made->id, std::move(job));
  return made;
}

Result<Job*> Broker::job_for(const Submission& submission, const Client::Answer* earlier, Client& client,
                             Step& step) {
  if (earlier != nullptr && earlier->accepted.job) {
    Job* job = find_job(earlier->accepted.job);
    if (job == nullptr) return fail(Errc::not_found, "job {} was forgotten meanwhile", earlier->accepted.job);
    if (job->next_index != earlier->accepted.first + earlier->accepted.count)
      return fail(Errc::wrong_state,
                  "job {} was added to meanwhile: the rest of {} tasks is not taken any more", job->id,
                  submission.payloads.size());
    if (job->is_finished()) {  // the rest of it comes now
      kept_results_ -= job->kept;
      job->finished = {};
      step.out.keep(record_of(*job));
    }
    return job;
  }
  if (!submission.job) return new_job(submission, client, step);
  Job* job = find_job(submission.job);
  if (job == nullptr || job->is_values()) return fail(Errc::not_found, "no job {}", submission.job);
  if (!job->open) return fail(Errc::wrong_state, "job {} is closed", submission.job);
  if (job->next_index > index_max - submission.payloads.size())
    return fail(Errc::limit_reached, "job {} has {} tasks; begin another one", submission.job,
                job->next_index - 1);
  if (job->kept >= limits_.results_max)
    return fail(Errc::limit_reached, "job {} holds {} results that nobody has fetched; results-max is {}",
                submission.job, job->kept, limits_.results_max);
  return job;
}

Result<void> Broker::submit(Asker asker, Submission submission, Now now, Effects& out) {
  Step step{now, out};
  Client* client = client_of(asker.session);
  if (client == nullptr) return fail(Errc::protocol_error, "only clients submit");
  if (auto ok = check_spec(submission.spec); !ok) return ok;
  if (auto ok = check_payloads(submission.payloads); !ok) return ok;
  settle(*client, submission.settled, step);

  const Client::Answer* earlier = earlier_answer(*client, submission.number, step);
  const bool is_complete = earlier != nullptr && earlier->accepted.count >= submission.payloads.size();
  if (is_complete) {
    const Accepted accepted = earlier->accepted;
    if (Job* job = find_job(accepted.job); job != nullptr && submission.watch) add_watcher(*job, asker, true);
    out.submitted(asker.session, asker.request, accepted);
    return {};
  }
  const auto queue = queue_for_use(submission.spec.queue, step);
  if (!queue) return fail(queue.error());
  if (!submission.spec.result_queue.empty()) {
    if (const auto results = queue_for_use(submission.spec.result_queue, step); !results)
      return fail(results.error());
  }
  // Refused as a whole, before a job is made for it.
  if (!submission.wait_for_room && (*queue)->room() < submission.payloads.size())
    return fail(Errc::queue_full, "queue {} has room for {} of {} (maxsize {})", (*queue)->name,
                (*queue)->room(), submission.payloads.size(), (*queue)->maxsize);
  const auto job = job_for(submission, earlier, *client, step);
  if (!job) return fail(job.error());
  // The tasks of one submission get consecutive indices, so two of a job cannot wait at different queues.
  if ((*job)->puts_waiting > 0 && (*job)->puts_wait_at != *queue)
    return fail(Errc::wrong_state, "job {} waits for room in another queue", (*job)->id);
  if (submission.watch) add_watcher(**job, asker, true);

  Waiter waiter{
      .kind = Waiter::Kind::put, .session = asker.session, .request = asker.request, .queue = *queue};
  waiter.client = client->id;
  waiter.number = submission.number;
  waiter.job = (*job)->id;
  waiter.accepted = earlier != nullptr ? earlier->accepted : Accepted{(*job)->id, (*job)->next_index, 0};
  waiter.next = waiter.accepted.count;
  std::shared_ptr<const TaskSpec>& spec = (*job)->spec;
  if (!spec || *spec != submission.spec) spec = std::make_shared<const TaskSpec>(std::move(submission.spec));
  waiter.spec = spec;
  waiter.payloads = std::move(submission.payloads);
  const bool too_late = (*job)->cancelled;  // meanwhile; this is the rest of it
  auto admitted = admit(std::move(waiter), submission.wait_for_room || too_late, submission.wait_max, step);
  if (admitted && too_late) {
    mark_cancelled(**job, "its job was cancelled", step);
    cancel_slice(step);
  }
  if (!admitted && (*job)->next_index == 1 && !(*job)->open) erase_job(**job, step);  // nothing got in
  return admitted;
}

Result<void> Broker::put(Asker asker, PutValues values, Now now, Effects& out) {
  Step step{now, out};
  Client* client = client_of(asker.session);
  if (client == nullptr) return fail(Errc::protocol_error, "only clients put values");
  if (auto ok = check_payloads(values.items); !ok) return ok;
  settle(*client, values.settled, step);

  const Client::Answer* earlier = earlier_answer(*client, values.number, step);
  if (earlier != nullptr && earlier->accepted.count >= values.items.size()) {
    out.submitted(asker.session, asker.request, earlier->accepted);
    return {};
  }
  const auto queue = queue_for_use(values.queue, step);
  if (!queue) return fail(queue.error());
  Job& job = values_job(**queue, step);

  Waiter waiter{
      .kind = Waiter::Kind::put, .session = asker.session, .request = asker.request, .queue = *queue};
  waiter.client = client->id;
  waiter.number = values.number;
  waiter.job = job.id;
  waiter.accepted = earlier != nullptr ? earlier->accepted : Accepted{job.id, job.next_index, 0};
  waiter.next = waiter.accepted.count;
  waiter.spec = value_spec(**queue, values.encoding, values.priority);
  waiter.payloads = std::move(values.items);
  return admit(std::move(waiter), values.wait_for_room, values.wait_max, step);
}

// Takes what fits now, in turn behind those who wait already; the rest waits, or nothing is taken at all.
Result<void> Broker::admit(Waiter waiter, bool may_wait, Duration wait_max, Step& step) {
  Queue& queue = *waiter.queue;
  const std::size_t rest = waiter.payloads.size() - waiter.next;
  const bool others_first = queue.putting > 0 && queue.maxsize != 0;
  const bool fits = !others_first && queue.room() >= rest;
  if (!may_wait && !fits)
    return fail(Errc::queue_full, "queue {} is full (maxsize {})", queue.name, queue.maxsize);
  if (!fits && waiters_.size() >= limits_.waiters_max) return fail(too_many_waiters());
  if (!others_first) admit_some(waiter, queue.room(), step);
  if (waiter.next == waiter.payloads.size()) {
    step.out.submitted(waiter.session, waiter.request, waiter.accepted);
    return {};
  }
  const ClientId client = waiter.client;
  const std::uint64_t number = waiter.number;
  Job* const job = find_job(waiter.job);
  auto waiting = wait(std::move(waiter), wait_max, step);
  if (!waiting) return fail(waiting.error());
  ++job->puts_waiting;
  job->puts_wait_at = &queue;
  if (number != 0) clients_.at(client)->submissions[number].waiter = next_waiter_ - 1;
  serve_queue(queue, step);  // those who wait for values may have taken the first of it already
  return {};
}

void Broker::admit_some(Waiter& waiter, std::uint64_t room, Step& step) {
  Queue& queue = *waiter.queue;
  Job& job = *find_job(waiter.job);
  const std::size_t end = waiter.payloads.size() - waiter.next <= room
                              ? waiter.payloads.size()
                              : waiter.next + static_cast<std::size_t>(room);
  if (waiter.accepted.count == 0) waiter.accepted.first = job.next_index;
  waiter.accepted.count = static_cast<std::uint32_t>(end);
  while (waiter.next < end) {
    std::size_t stop = waiter.next, bytes = 0;
    while (stop < end && stop - waiter.next < limits_.chunk_tasks_max &&
           (stop == waiter.next || bytes + waiter.payloads[stop].size() <= limits_.chunk_max_bytes))
      bytes += waiter.payloads[stop++].size();
    std::shared_ptr<const Payloads> payloads;
    if (waiter.next == 0 && stop == waiter.payloads.size()) {
      const std::size_t count = waiter.payloads.size();
      payloads = std::make_shared<const Payloads>(std::exchange(waiter.payloads, {}));
      waiter.next = count;
      add_chunk(job, queue, waiter.spec, std::move(payloads), nullptr, step);
      break;
    }
    auto part = std::make_shared<Payloads>();
    part->reserve(stop - waiter.next, bytes);
    for (; waiter.next < stop; ++waiter.next) part->add(waiter.payloads[waiter.next]);
    add_chunk(job, queue, waiter.spec, std::move(part), nullptr, step);
  }
  if (waiter.payloads.size() == 0) waiter.next = 0;  // all of it was moved away: nothing is left
  remember(waiter, step);
}

void Broker::remember(const Waiter& waiter, Step& step) {
  if (waiter.number == 0) return;
  Client& client = *clients_.at(waiter.client);
  auto& answer = client.submissions[waiter.number];
  answer.accepted = waiter.accepted;
  if (client.submissions.size() > limits_.submissions_max)
    client.submissions.erase(client.submissions.begin());
  step.out.keep(SubmissionRecord{client.key, waiter.number, waiter.accepted.job, waiter.accepted.first,
                                 waiter.accepted.count, step.now.wall});
}

void Broker::add_chunk(Job& job, Queue& queue, std::shared_ptr<const TaskSpec> spec,
                       std::shared_ptr<const Payloads> payloads,
                       std::shared_ptr<const std::vector<ValueOrigin>> origins, Step& step) {
  const ChunkPtr chunk{new Chunk};
  const auto count = static_cast<std::uint32_t>(payloads->size());
  chunk->job = &job;
  chunk->queue = &queue;
  chunk->function = function_of(*spec);
  chunk->first = job.next_index;
  chunk->epoch = epoch_;
  chunk->count = chunk->live = count;
  chunk->spec = std::move(spec);
  chunk->payloads = std::move(payloads);
  chunk->origins = std::move(origins);
  chunk->tasks = std::make_unique<Task[]>(count);
  job.next_index += count;
  job.add_chunk(chunk);
  last_submitted_ = std::max(step.now.wall, last_submitted_ + WallTime::duration{1});
  step.out.keep(ChunkRecord{job.id, chunk->first, chunk->spec, chunk->payloads, chunk->origins,
                            last_submitted_, epoch_});

  const bool must_wait = chunk->spec->delay > Duration{0} || job.blockers > 0;
  const TaskState state = must_wait ? TaskState::waiting : TaskState::ready;
  job.counts[state] += count, queue.counts[state] += count, stats_.tasks[state] += count;
  stats_.queued_bytes += chunk->payloads->bytes();
  if (must_wait) {
    if (job.blockers == 0) wait_for(chunk->spec->delay, {chunk, 0}, count, step.now);
  } else {
    for (std::uint32_t i = 0; i < count; ++i) {
      chunk->tasks[i].state = TaskState::ready;
      enqueue({chunk, i}, false);
    }
    if (chunk->function == function_value) serve_queue(queue, step);
  }
  job_moved(job, step);
}

FunctionId Broker::intern(const std::string& function) {
  const auto [found, is_new] =
      functions_.try_emplace(function, static_cast<FunctionId>(function_names_.size()));
  if (is_new) function_names_.push_back(function);
  return found->second;
}

FunctionId Broker::function_of(const TaskSpec& spec) {
  if (spec.is_command()) return function_command;
  if (spec.function.empty()) return function_value;
  return intern(spec.function);
}

void Broker::add_watcher(Job& job, Asker asker, bool outcomes) {
  for (Watcher& watcher : job.watchers) {
    if (watcher.session != asker.session) continue;
    watcher.outcomes = watcher.outcomes || outcomes;
    return;
  }
  job.watchers.push_back({asker.session, asker.request, outcomes, false});
  sessions_.at(asker.session).watching.insert(job.id);
}

}  // namespace reeve::master
