#include "tests/sim/master.h"

#include <algorithm>

#include "tests/sim/client.h"
#include "tests/sim/worker.h"

namespace reeve::sim {

Master::Master(Clockwork& clock, Story& story, History& history, Disk& disk, Bug bug)
    : clock_(clock), story_(story), history_(history), disk_(disk), bug_(bug), process_(clock) {
  limits_.lease = Reasons::lease;
  limits_.chunk_tasks_max = 4;
  limits_.slice_tasks_max = 2;  // whatever is cancelled takes several turns
  limits_.crash_limit = 1000;   // workers die more often here than a poisonous task would make them
  limits_.results_kept_for = 20s;
  limits_.retention_interval = 2s;
}

void Master::start() {
  story_.tell("master", "starts");
  process_.begin();
  history_.tasks().restarted(disk_);
  history_.value_lines().restarted(disk_);
  broker_ = std::make_unique<master::Broker>(limits_, disk_.open(), now(), clock_.seed_for_a_part());
  commits_ = std::make_unique<master::GroupCommit>(clock_.seed_for_a_part());
  set_up_queues();
  turn_soon();
}

void Master::set_up_queues() {
  operator_ = SessionId{next_session_++};
  broker_->client_joined(operator_, "the operator", now());
  const auto make = [this](const std::string& name, QueueKind kind, std::uint64_t maxsize = 0) {
    (void)broker_->queue_create({operator_, 0},
                                {.name = name, .kind = kind, .maxsize = maxsize, .exist_ok = true}, *this);
    history_.tasks().set_kind(name, kind);
  };
  make("values", bug_ == Bug::order_reversed ? QueueKind::lifo : QueueKind::fifo);
  for (const char* const name : {"small", "narrow"})
    make(name, QueueKind::fifo, bug_ == Bug::bound_ignored ? 0 : small_bound);
  make("other", QueueKind::lifo);
  paused_.clear();
  for (const auto& [name, wish] : paused_wishes_)
    if (const master::Queue* queue = broker_->queue(name); queue != nullptr && queue->paused)
      paused_.insert(name);
  for (const auto& [name, on] : pauses_to_be_kept_)
    if (paused_.contains(name) != on) history_.pause_forgotten(name);
}

void Master::fulfil_wishes() {
  if (!commits_->trouble().empty()) return;
  for (const auto& [name, wish] : paused_wishes_) {
    const master::Queue* const queue = broker_->queue(name);
    if (queue == nullptr || queue->paused == wish) continue;
    story_.tell("operator", "{} queue {}", wish ? "pauses" : "resumes", name);
    (void)broker_->queue_control(
        {operator_, 0}, name, wish ? master::QueueAction::pause : master::QueueAction::resume, now(), *this);
    pauses_[name] = {wish, commits_->ticket()};
    wish ? (void)paused_.insert(name) : (void)paused_.erase(name);
  }
  draining_.clear();
  for (const auto& [name, wish] : draining_wishes_) {
    const auto workers = broker_->workers(name);
    if (!workers) continue;  // none of that name
    const bool is = std::ranges::all_of(*workers, &master::WorkerView::draining);
    if (is != wish) (void)broker_->worker_drain({operator_, 0}, name, wish, *this);
    if (wish) draining_.insert(name);
  }
}

// Whatever was not on the disk is lost. What the disk was just writing may be there or not.
void Master::kill() {
  story_.tell("master", "is killed");
  if (!writing_.records.empty() && !failing_ && clock_.chance(50)) disk_.apply(writing_.records);
  disk_.power_cut();
  for (const auto& [name, pause] : std::exchange(pauses_, {})) {
    pauses_to_be_kept_.erase(name);  // or it is not known
    if (pause.kept_by <= commits_->committed()) pauses_to_be_kept_[name] = pause.on;
  }
  writing_ = {};
  broker_.reset();
  credit_ = {};
  commits_.reset();
  departures_ = {};
  admissions_.clear();
  joins_.clear();
  watching_.clear();
  told_outcomes_.clear();
  turn_pending_ = goes_on_ = false;
  timer_at_.reset();
  process_.die();
  waits_.clear();
  for (auto& [id, session] : std::exchange(sessions_, {})) session->outbox().connection().close(End::master);
}

void Master::tell_state() {
  if (!up()) return story_.tell("master", "is down");
  const auto workers = broker_->workers("");
  for (const auto& worker : *workers)
    story_.tell("master", "knows {}: {}, holding {} of {}", worker.name,
                worker.connected ? "connected" : "away", worker.held, worker.held_max);
  const auto queues = broker_->queues("");
  for (const auto& queue : *queues)
    story_.tell("master", "queue {}: {} ready, {} waiting, {} leased, {} getters, {} putters", queue.name,
                queue.ready, queue.waiting, queue.leased, queue.getters, queue.putters);
  story_.tell("master", "{}{}",
              commits_->idle() ? "everything is on the disk" : "there is something to write",
              commits_->trouble().empty() ? "" : ", and that does not work");
}

// ---------------------------------------------------------------- sessions

Master::Session* Master::session(SessionId id) {
  const auto found = sessions_.find(id);
  return found == sessions_.end() ? nullptr : found->second.get();
}

SessionId Master::session_of(const std::string& worker, SessionId otherwise) const {
  for (const auto& [id, session] : sessions_)
    if (session->worker != nullptr && session->worker->name() == worker) return id;
  return otherwise;
}

Master::Session& Master::open_session(const ConnectionPtr& connection) {
  const SessionId id{next_session_++};
  connection->on_closed(End::master, [this, id] { end_session(id); });
  return *sessions_.emplace(id, std::make_unique<Session>(*this, id, connection)).first->second;
}

void Master::end_session(SessionId id) {
  if (sessions_.erase(id) == 0) return;
  history_.value_lines().session_ended(id);
  if (bug_ != Bug::waiter_not_removed) broker_->session_left(id, now(), *this);
  std::erase_if(waits_, [id](const auto& wait) { return wait.first.first == id; });
  turn_soon();
}

// The peer is told why, as far as anything gets through, and the connection ends.
void Master::refuse(SessionId id) {
  process_.after(0us, [this, id] {
    Session* const found = session(id);
    if (found == nullptr) return;
    found->outbox().connection().close(End::master);
    end_session(id);
  });
}

void Master::Session::end_of_turn() {
  for (Message& message : std::exchange(grants, {})) outbox_.send_now(std::move(message));
  for (Message& message : std::exchange(held_grants, {})) outbox_.hold(std::move(message), false);
  if (drain)
    outbox_.send_now({[told = worker, on = *std::exchange(drain, std::nullopt)] { told->on_drain(on); }});
  for (Message& message : std::exchange(stops, {})) outbox_.send_now(std::move(message));
  for (Message& message : std::exchange(held_stops, {})) outbox_.hold(std::move(message), false);
  for (Message& message : std::exchange(completed, {})) outbox_.hold(std::move(message), true);
}

void Master::Session::commit_failed(const Error&) {
  if (client != nullptr) master_.refuse(id_);
}

void Master::worker_says_hello(const ConnectionPtr& connection, Worker& worker, master::WorkerIntro intro) {
  Session& fresh = open_session(connection);
  const SessionId id = fresh.id();
  fresh.worker = &worker;
  for (const Fence& fence : intro.held)
    story_.tell("master", "hears that {} holds attempt {} of {}", worker.name(), fence.attempt, fence.task);
  const std::vector<Fence> held = intro.held, done = intro.finished;
  const auto admitted = broker_->worker_joined(id, std::move(intro), now(), *this);
  if (!admitted) return refuse(id);
  credit_.says_hello(id, held, done, admitted->dropped);
  for (const Fence& fence : admitted->dropped) history_.told_to_drop(fence);
  history_.reasons().heard_of(worker.name());
  Message welcome{[&worker, id, dropped = admitted->dropped, lease = limits_.lease,
                   heartbeat = limits_.heartbeat()] { worker.on_welcome(id, lease, heartbeat, dropped); }};
  // As in WorkerSession: who the store does not know gets nothing.
  if (admitted->is_new) {
    hold(id, std::move(welcome));
    commits_->after_commit([this, worker_id = admitted->id](const Result<void>& kept) {
      if (kept) broker_->worker_kept(worker_id);
    });
  } else {
    send(id, std::move(welcome));
  }
  turn_soon();
}

void Master::worker_says(SessionId id, const std::function<void(master::Broker&)>& what) {
  Session* const found = session(id);
  if (found == nullptr) return;
  history_.reasons().heard_of(found->worker->name());
  broker_->worker_alive(id, now());
  what(*broker_);
  turn_soon();
}

void Master::worker_returns(SessionId id, const std::vector<Fence>& attempts) {
  for (const Fence& fence : attempts)
    story_.tell("master", "gets back attempt {} of {}", fence.attempt, fence.task);
  for (const Fence& fence : attempts) credit_.over(id, fence);
  worker_says(id, [&](master::Broker& broker) { broker.returned(id, attempts, now(), *this); });
}

void Master::worker_reports(SessionId id, std::uint64_t batch, std::vector<Finished> finished) {
  if (session(id) == nullptr) return;
  const std::string worker = session(id)->worker->name();
  history_.reasons().heard_of(worker);
  broker_->worker_alive(id, now());
  std::vector<Fence> recorded;
  std::size_t refused = 0;
  add_lies(worker, finished);
  for (Finished& one : finished) {
    credit_.over(id, one.fence);
    const TaskState state = one.outcome.state;
    const std::string value = one.outcome.value;
    const Fence counted = bug_ == Bug::fence_not_compared ? history_.current(one.fence.task) : one.fence;
    const SessionId holder =
        bug_ == Bug::holder_not_compared ? session_of(history_.holder(one.fence.task), id) : id;
    if (broker_->complete(holder, counted, std::move(one.outcome), now(), *this)) {
      story_.tell("master", "records attempt {} of {}", one.fence.attempt, one.fence.task);
      history_.recorded(one.fence, state, value, worker);
      recorded.push_back(one.fence);
    } else {
      ++refused;
    }
  }
  Session* const found = session(id);
  Message completed{[worker = found->worker, batch, refused] { worker->on_completed(batch, refused); },
                    [this, recorded] {
                      for (const Fence& fence : recorded) history_.result_acknowledged(fence, disk_);
                    }};
  if (bug_ == Bug::completed_before_commit) return send(id, std::move(completed)), turn_soon();
  found->completed.push_back(std::move(completed));
  departures_.touch(*found);
  turn_soon();
}

// Some say again what they or others have said before, or finish what others run. It must not count.
void Master::add_lies(const std::string& worker, std::vector<Finished>& finished) {
  constexpr std::size_t remembered = 50;
  const std::vector<Finished> truth = finished;
  if (!told_.empty() && clock_.chance(20))
    finished.insert(finished.begin(), told_[clock_.draw(told_.size())]);
  if (!running_.empty() && clock_.chance(20)) {
    const auto& [fence, holder] = running_[clock_.draw(running_.size())];
    if (holder != worker) finished.insert(finished.begin(), {fence, Outcome{.value = "a lie"}});
  }
  told_.insert(told_.end(), truth.begin(), truth.end());
  if (told_.size() > remembered)
    told_.erase(told_.begin(), told_.begin() + static_cast<std::ptrdiff_t>(told_.size() - remembered));
}

void Master::worker_beats(SessionId id, TimePoint sent) {
  Session* const found = session(id);
  if (found == nullptr) return;
  history_.reasons().heard_of(found->worker->name());
  if (bug_ != Bug::lease_not_renewed) broker_->worker_alive(id, now());
  send(id, {[worker = found->worker, sent] { worker->on_heartbeat(sent); }});
  turn_soon();
}

void Master::worker_has_capacity(SessionId id, std::uint32_t held_max) {
  if (Session* const found = session(id); found != nullptr && !found->given_up)
    credit_.asks_for(id, held_max);
  worker_says(id, [&](master::Broker& broker) {
    broker.worker_capacity(id, held_max + (bug_ == Bug::credit_leak ? 1 : 0));
  });
}

void Master::client_says_hello(const ConnectionPtr& connection, Client& client) {
  Session& fresh = open_session(connection);
  const SessionId id = fresh.id();
  fresh.client = &client;
  broker_->client_joined(id, client.key(), now());
  send(id, {[&client, id] { client.on_welcome(id); }});
  turn_soon();
}

void Master::client_says(SessionId id, std::uint64_t request, const Master::Command& what, Store store) {
  if (session(id) == nullptr) return;
  // As the real sessions do: what would need the store is refused while that cannot be written.
  wait_begins(id, request);
  const bool refused = store == Store::needed && !commits_->trouble().empty();
  const Result<void> done =
      refused ? fail(Errc::storage_failed, "the disk") : what(*broker_, {id, request}, now(), *this);
  if (!done) {
    waits_.erase({id, request});
    Client* const client = session(id)->client;
    if (const auto number = client->number_of(request)) {
      story_.tell("master", "refuses {} of {}: {}", *number, client->key(), done.error().detail);
      history_.refused(client->key(), *number);
    }
    hold(id, {[client, request, error = done.error()] { client->on_error(request, error); }});
  }
  turn_soon();
}

void Master::wait_begins(SessionId id, std::uint64_t request) {
  if (const Duration longest = session(id)->client->wait_max_of(request); longest > Duration{0})
    waits_[{id, request}] = {clock_.now(), longest};
}

void Master::wait_ends(SessionId id, std::uint64_t request, bool gave_up) {
  const auto found = waits_.find({id, request});
  if (found == waits_.end()) return;
  const TimePoint end = found->second.since + found->second.longest;
  waits_.erase(found);
  if (gave_up && clock_.now() < end) history_.answered_out_of_time("before");
  if (clock_.now() > end + 1ms && !process_.stood_still_at(end)) history_.answered_out_of_time("after");
}

void Master::check_waits() {
  for (const auto& [who, wait] : waits_)
    if (const TimePoint end = wait.since + wait.longest;
        clock_.now() > end + 1ms && !process_.stood_still_at(end))
      history_.answered_out_of_time("long after");
}

void Master::client_submits(SessionId id, std::uint64_t request, master::Submission submission) {
  if (bug_ == Bug::submission_forgotten) submission.number = 0;
  client_says(id, request, [&](master::Broker& broker, master::Asker asker, Now at, master::Effects& out) {
    return broker.submit(asker, std::move(submission), at, out);
  });
}

void Master::client_puts(SessionId id, std::uint64_t request, master::PutValues values) {
  if (bug_ == Bug::submission_forgotten) values.number = 0;
  client_says(id, request, [&](master::Broker& broker, master::Asker asker, Now at, master::Effects& out) {
    return broker.put(asker, std::move(values), at, out);
  });
}

void Master::client_took(SessionId id, const std::vector<TaskId>& items) {
  if (session(id) == nullptr || bug_ == Bug::took_ignored) return;
  broker_->took(id, items, now(), *this);
  turn_soon();
}

void Master::client_finishes(SessionId id, std::uint64_t request, const std::string& queue,
                             const std::vector<TaskId>& items) {
  client_says(
      id, request,
      [&](master::Broker& broker, master::Asker asker, Now at, master::Effects& out) {
        broker.took(id, items, at, out);
        return broker.task_done(asker, queue, items.size(), at, out);
      },
      Store::not_needed);
}

void Master::client_fetched(SessionId id, const TaskId& task) {
  if (session(id) == nullptr) return;
  history_.tasks().fetched(task);
  broker_->fetched(task.job, {&task.index, 1}, now(), *this);
  turn_soon();
}

void Master::client_joins(SessionId id, std::uint64_t request, const std::string& queue) {
  joins_[{id, request}] = {queue, history_.unfinished_in(queue)};
  client_says(
      id, request,
      [&](master::Broker& broker, master::Asker asker, Now at, master::Effects& out) {
        if (bug_ == Bug::join_too_early) out.done(id, request, 0);
        return broker.join(asker, queue, 0s, at, out);
      },
      Store::not_needed);
}

// ---------------------------------------------------------------- the turn

void Master::turn_soon() {
  if (std::exchange(turn_pending_, true)) return;
  process_.after(clock_.between(0us, 200us), [this] {
    turn_pending_ = false;
    end_of_turn();
  });
}

void Master::end_of_turn() {
  check_admissions();
  fulfil_wishes();
  if (commits_->may_hand_out()) {
    broker_->dispatch(now(), *this);
    check_nothing_lies_idle();
  } else {
    broker_->deliver(now(), *this);
  }
  const master::Ticket ticket = commits_->ticket();
  commit_if_idle();
  travel_soon(
      departures_.end_of_turn(ticket, commits_->committed(), [this](SessionId id) { return session(id); }));
  go_on_later();
  arm_timer();
}

// The jobs here are small, and are cancelled as slowly as large ones are: so that masters end in the middle of it.
void Master::go_on_later() {
  if (!broker_->has_more() || bug_ == Bug::slices_forgotten || std::exchange(goes_on_, true)) return;
  process_.after(clock_.between(0us, 300ms), [this] {
    goes_on_ = false;
    if (commits_->may_go_on()) broker_->go_on(now(), *this);
    turn_soon();
  });
}

// Who wants a task has one, if there is one for it.
void Master::check_nothing_lies_idle() {
  for (const auto& [id, session] : sessions_) {
    if (session->worker == nullptr || session->given_up) continue;
    const std::string& name = session->worker->name();
    if (!draining_.contains(name) && credit_.has_some(id) && session_of(name, id) == id)
      history_.tasks().left_without(
          {.worker = name, .functions = session->worker->functions(), .draining = false, .paused = paused_});
  }
}

void Master::travel_soon(bool wanted) {
  if (wanted)
    process_.after(departures_.patience,
                   [this] { departures_.leave_now([this](SessionId id) { return session(id); }); });
}

void Master::commit_if_idle() {
  auto transaction = commits_->begin(now().wall);
  if (!transaction) return;
  writing_ = std::move(*transaction);
  write();
}

void Master::write() {
  process_.after(clock_.between(100us, 20ms), [this] { written(); });
}

void Master::written() {
  const auto find = [this](SessionId id) { return session(id); };
  if (failing_) {
    if (commits_->trouble().empty()) story_.tell("master", "cannot write its store");
    const Duration pause =
        commits_->failed({Errc::storage_failed, "no space left"}, std::exchange(writing_.records, {}));
    process_.after(pause, [this] { writing_ = commits_->again(), write(); });
    departures_.commit_failed(commits_->unacknowledged(), find);
    return;
  }
  disk_.apply(std::exchange(writing_.records, {}));
  if (commits_->succeeded({})) turn_soon();
  travel_soon(departures_.committed(commits_->committed(), find));
}

void Master::hold(SessionId to, Message message, bool patient) {
  Session* const found = session(to);
  if (found == nullptr) return;
  found->outbox().hold(std::move(message), patient);
  departures_.touch(*found);
}

void Master::send(SessionId to, Message message) {
  Session* const found = session(to);
  if (found == nullptr) return;
  found->outbox().send_now(std::move(message));
  departures_.touch(*found);
}

void Master::arm_timer() {
  const auto wake = broker_->wake_at();
  if (!wake || bug_ == Bug::ticks_forgotten ||
      (timer_at_ && *timer_at_ <= *wake && *timer_at_ > clock_.now()))
    return;
  timer_at_ = *wake;
  process_.at(*wake, [this, at = *wake] {
    if (timer_at_ != at) return;  // an earlier one took its place
    timer_at_.reset();
    broker_->tick(now(), *this);
    end_of_turn();
  });
}

}  // namespace reeve::sim
