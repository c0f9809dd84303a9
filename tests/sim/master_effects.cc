// Master: what the Broker wants to happen. The checker is told, and it is held back or sent as the real sessions do.
#include "tests/sim/client.h"
#include "tests/sim/master.h"
#include "tests/sim/worker.h"

namespace reeve::sim {

void Master::keep(master::Record record) {
  if (const auto* chunk = std::get_if<master::ChunkRecord>(&record)) note_admission(*chunk);
  if (const auto* outcome = std::get_if<master::OutcomeRecord>(&record)) check_told(*outcome);
  history_.tasks().kept(record, limits_.results_kept_for);
  history_.value_lines().kept(record);
  commits_->keep(std::move(record));
}

// Whoever watches a job hears of each end in it, and of the one that is kept.
void Master::check_told(const master::OutcomeRecord& kept) {
  for (const SessionId id : watching_[kept.task.job]) {
    if (session(id) == nullptr) continue;
    const auto told = told_outcomes_.find({id, kept.task});
    if (told == told_outcomes_.end())
      history_.not_told(kept.task, session(id)->client->key());
    else if (told->second.state != kept.outcome.state || told->second.value != kept.outcome.value ||
             told->second.error != kept.outcome.error || told->second.attempt != kept.outcome.attempt)
      history_.told_otherwise(kept.task, session(id)->client->key());
  }
}

// Pre: it is not counted yet.
void Master::note_admission(const master::ChunkRecord& chunk) {
  const std::string& name = chunk.spec->queue;
  const master::Queue* const queue = broker_->queue(name);
  // The Broker may count too little.
  if (name == "small" || name == "narrow")
    admissions_.push_back({name,
                           std::max(queue->size(), history_.at_least_in(name)),
                           chunk.payloads->size(),
                           {chunk.job, chunk.first}});
}

// What was cancelled as it came took no room.
void Master::check_admissions() {
  for (const Admission& one : std::exchange(admissions_, {}))
    if (!history_.tasks().was_cancelled(one.first))
      history_.admitted(one.queue, one.before, one.more, small_bound);
}

void Master::submitted(SessionId to, std::uint64_t request, const Result<master::Accepted>& answer) {
  Session* const found = session(to);
  if (found == nullptr || found->client == nullptr) return;
  wait_ends(to, request, !answer && answer.error().code == Errc::queue_full);
  Client* const client = found->client;
  if (!answer)
    if (const auto number = client->number_of(request)) history_.refused(client->key(), *number);
  Message message{[client, request, answer] { client->on_submitted(request, answer); },
                  [this, to, client, request, answer] {
                    const auto number = client->number_of(request);
                    if (!answer || !number) return;
                    if (!client->is_put(request)) watching_[answer->job].insert(to);
                    history_.acknowledged(client->key(), *number, *answer, disk_);
                    story_.tell("master", "acknowledges {} of {}", *number, client->key());
                  }};
  if (bug_ == Bug::reply_before_commit) return send(to, std::move(message));
  hold(to, std::move(message), request % 3 == 0);  // some are patient
}

void Master::got(SessionId to, std::uint64_t request,
                 const Result<std::span<const master::ItemView>>& answer) {
  Session* const found = session(to);
  if (found == nullptr) return;
  wait_ends(to, request, !answer && answer.error().code == Errc::queue_empty);
  Client* const client = found->client;
  if (!answer)
    return hold(to, {[client, request, error = answer.error()] { client->on_error(request, error); }});
  std::vector<Client::Value> values;
  for (const master::ItemView& item : *answer) {
    values.push_back({item.id, std::string(item.value)});
    history_.left_its_line(item.id, values.back().text, to);
    if (item.from.index == 0) history_.handed_out(values.back().text);
    story_.tell("master", "hands {} to {}", values.back().text, client->key());
  }
  hold(to, {[client, request, values] { client->on_got(request, values); }});
}

void Master::done(SessionId to, std::uint64_t request, const Result<std::uint64_t>& answer) {
  Session* const found = session(to);
  if (found == nullptr || found->client == nullptr) return;
  if (const auto join = joins_.find({to, request}); join != joins_.end()) {
    if (answer) history_.joined(join->second.queue, join->second.unfinished);
    joins_.erase(join);
  }
  Client* const client = found->client;
  if (!answer) return hold(to, {[client, request, why = answer.error()] { client->on_error(request, why); }});
  hold(to, {[client, request] { client->on_done(request); },
            [this, client, request] {
              if (const auto cancel = client->cancel_of(request))
                history_.tasks().cancel_acknowledged(cancel->job, cancel->indices);
            }});
}

void Master::outcome(SessionId to, TaskId task, const Outcome& outcome) {
  Session* const found = session(to);
  if (found == nullptr) return;
  told_outcomes_[{to, task}] = outcome;
  Message message{[client = found->client, task, state = outcome.state] { client->on_outcome(task, state); },
                  [this, task, outcome] { history_.outcome_seen(task, outcome, disk_); }};
  if (bug_ == Bug::reply_before_commit) return send(to, std::move(message));
  hold(to, std::move(message));
}

void Master::grant(SessionId to, const Grant& grant) {
  Session* const found = session(to);
  if (found == nullptr) return;
  const std::string& worker = found->worker->name();
  running_.emplace_back(grant.fence, worker);
  if (running_.size() > 10) running_.pop_front();
  if (!credit_.may_have_some(to))
    history_.granted_beyond_credit(worker, "counted by what the master was told");
  credit_.granted(to, grant.fence);
  history_.granted(grant.fence, {worker, found->worker->functions(), draining_.contains(worker), paused_});
  story_.tell("master", "grants attempt {} of {} to {}", grant.fence.attempt, grant.fence.task,
              found->worker->name());
  (grant.held ? found->held_grants : found->grants)
      .push_back({[worker = found->worker, fence = grant.fence, spec = grant.spec,
                   payload = std::string(grant.payload)] { worker->on_grant(fence, spec, payload); }});
  departures_.touch(*found);
}

void Master::stop(SessionId to, const Fence& fence, bool held) {
  Session* const found = session(to);
  if (found == nullptr) return;
  (held ? found->held_stops : found->stops).push_back({[worker = found->worker, fence] {
    worker->on_stop(fence);
  }});
  departures_.touch(*found);
}

void Master::drain(SessionId to, bool on) {
  Session* const found = session(to);
  if (found == nullptr) return;
  found->drain = on;
  departures_.touch(*found);
}

void Master::disconnect(SessionId id, const Error&) {
  if (Session* const found = session(id)) found->given_up = true;
  refuse(id);
}

}  // namespace reeve::sim
