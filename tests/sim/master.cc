#include "tests/sim/master.h"

#include "tests/sim/client.h"
#include "tests/sim/worker.h"

namespace reeve::sim {

Master::Master(Clockwork& clock, Story& story, History& history, Disk& disk, Bug bug)
    : clock_(clock), story_(story), history_(history), disk_(disk), bug_(bug), process_(clock) {
  limits_.lease = 10s;
  limits_.chunk_tasks_max = 4;
  limits_.crash_limit = 1000;  // workers die more often here than a poisonous task would make them
  limits_.results_kept_for = 24h * 365;
}

void Master::start() {
  story_.tell("master", "starts");
  process_.begin();
  broker_ = std::make_unique<master::Broker>(limits_, disk_.open(), now(), clock_.seed_for_a_part());
  open_ = 1, in_flight_ = committed_ = 0;
  set_up_queues();
  turn_soon();
}

void Master::set_up_queues() {
  const SessionId nobody{next_session_++};
  broker_->client_joined(nobody, "the operator", now());
  (void)broker_->queue_create({nobody, 0},
                              {.name = "values",
                               .kind = bug_ == Bug::order_reversed ? QueueKind::lifo : QueueKind::fifo,
                               .exist_ok = true},
                              *this);
  (void)broker_->queue_create(
      {nobody, 0},
      {.name = "small", .maxsize = bug_ == Bug::bound_ignored ? 0 : small_bound, .exist_ok = true}, *this);
}

// Whatever was not on the disk is lost. What the disk was just writing may be there or not.
void Master::kill() {
  story_.tell("master", "is killed");
  if (committing_ && clock_.chance(50)) disk_.apply(std::move(*committing_));
  disk_.power_cut();
  committing_.reset();
  broker_.reset();
  records_.clear();
  held_.clear();
  staged_.clear();
  joins_.clear();
  trouble_ = turn_pending_ = false;
  timer_at_.reset();
  process_.die();
  for (auto& [id, session] : std::exchange(sessions_, {})) session.connection->close(End::master);
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
  story_.tell("master", "{} records to write, {} messages held{}{}", records_.size(), held_.size(),
              committing_ ? ", committing" : "", trouble_ ? ", in trouble" : "");
}

// ---------------------------------------------------------------- sessions

Master::Session* Master::session(SessionId id) {
  const auto found = sessions_.find(id);
  return found == sessions_.end() ? nullptr : &found->second;
}

SessionId Master::open_session(const ConnectionPtr& connection) {
  const SessionId id{next_session_++};
  sessions_[id] = {connection};
  connection->on_closed(End::master, [this, id] { end_session(id); });
  return id;
}

void Master::end_session(SessionId id) {
  if (sessions_.erase(id) == 0) return;
  if (bug_ != Bug::waiter_not_removed) broker_->session_left(id, now(), *this);
  turn_soon();
}

void Master::worker_says_hello(const ConnectionPtr& connection, Worker& worker, master::WorkerIntro intro) {
  const SessionId id = open_session(connection);
  sessions_[id].worker = &worker;
  for (const Fence& fence : intro.held)
    story_.tell("master", "hears that {} holds attempt {} of {}", worker.name(), fence.attempt, fence.task);
  const auto admitted = broker_->worker_joined(id, std::move(intro), now(), *this);
  if (!admitted) return connection->close(End::master);
  hold(id, [&worker, id, dropped = admitted->dropped, lease = limits_.lease,
            heartbeat = limits_.heartbeat()] { worker.on_welcome(id, lease, heartbeat, dropped); });
  turn_soon();
}

void Master::worker_says(SessionId id, const std::function<void(master::Broker&)>& what) {
  if (session(id) == nullptr) return;
  broker_->worker_alive(id, now());
  what(*broker_);
  turn_soon();
}

void Master::worker_returns(SessionId id, const std::vector<Fence>& attempts) {
  for (const Fence& fence : attempts)
    story_.tell("master", "gets back attempt {} of {}", fence.attempt, fence.task);
  worker_says(id, [&](master::Broker& broker) { broker.returned(id, attempts, now(), *this); });
}

void Master::worker_reports(SessionId id, std::uint64_t batch, std::vector<Finished> finished) {
  if (session(id) == nullptr) return;
  broker_->worker_alive(id, now());
  std::vector<Fence> recorded;
  std::size_t refused = 0;
  for (Finished& one : finished) {
    const TaskState state = one.outcome.state;
    if (broker_->complete(id, one.fence, std::move(one.outcome), now(), *this)) {
      story_.tell("master", "records attempt {} of {}", one.fence.attempt, one.fence.task);
      history_.recorded(one.fence, state);
      recorded.push_back(one.fence);
    } else {
      ++refused;
    }
  }
  hold(
      id, [worker = session(id)->worker, batch, refused] { worker->on_completed(batch, refused); },
      [this, recorded] {
        for (const Fence& fence : recorded) history_.result_acknowledged(fence, disk_);
      },
      bug_ == Bug::completed_before_commit);
  turn_soon();
}

void Master::worker_beats(SessionId id, TimePoint sent) {
  Session* const found = session(id);
  if (found == nullptr) return;
  if (bug_ != Bug::lease_not_renewed) broker_->worker_alive(id, now());
  send(id, [worker = found->worker, sent] { worker->on_heartbeat(sent); });
}

void Master::worker_has_capacity(SessionId id, std::uint32_t held_max) {
  worker_says(id, [&](master::Broker& broker) {
    broker.worker_capacity(id, held_max + (bug_ == Bug::credit_leak ? 1 : 0));
  });
}

void Master::client_says_hello(const ConnectionPtr& connection, Client& client) {
  const SessionId id = open_session(connection);
  sessions_[id].client = &client;
  broker_->client_joined(id, client.key(), now());
  send(id, [&client, id] { client.on_welcome(id); });
  turn_soon();
}

void Master::client_says(SessionId id, std::uint64_t request, const Master::Command& what) {
  if (session(id) == nullptr) return;
  const std::uint64_t before = size_of("small");
  // As the real sessions do: what would need the store is refused while that cannot be written.
  Result<void> done =
      trouble_ ? fail(Errc::storage_failed, "the disk") : what(*broker_, {id, request}, now(), *this);
  if (!done) {
    Client* const client = session(id)->client;
    if (const auto number = client->number_of(request)) {
      story_.tell("master", "refuses {} of {}: {}", *number, client->key(), done.error().detail);
      history_.refused(client->key(), *number);
    }
    send(id, [client, request, error = done.error()] { client->on_error(request, error); });
  }
  history_.admitted("small", before, size_of("small"), small_bound);
  turn_soon();
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

void Master::client_joins(SessionId id, std::uint64_t request, const std::string& queue) {
  joins_[{id, request}] = queue;
  client_says(id, request, [&](master::Broker& broker, master::Asker asker, Now at, master::Effects& out) {
    if (bug_ == Bug::join_too_early) out.done(id, request, 0);
    return broker.join(asker, queue, 0s, at, out);
  });
}

std::uint64_t Master::size_of(const std::string& queue) const {
  const auto views = broker_->queues(queue);
  return views && !views->empty() ? views->front().ready + views->front().waiting : 0;
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
  if (!trouble_) broker_->dispatch(now(), *this);
  const std::uint64_t ticket = records_.empty() ? in_flight_ : open_;
  for (Held& held : std::exchange(staged_, {})) {
    held.ticket = ticket;
    held_.push_back(std::move(held));
  }
  commit_if_idle();
  release();
  arm_timer();
}

void Master::commit_if_idle() {
  if (records_.empty() || committing_) return;
  committing_ = std::exchange(records_, {});
  in_flight_ = open_++;
  process_.after(clock_.between(100us, 20ms),
                 [this, ticket = in_flight_] { commit_ended(*committing_, ticket); });
}

void Master::commit_ended(const master::Records& batch, std::uint64_t ticket) {
  if (failing_) {
    if (!std::exchange(trouble_, true)) story_.tell("master", "cannot write its store");
    for (const Held& held : held_)
      if (Session* waiting = session(held.to); waiting != nullptr && waiting->client != nullptr)
        process_.after(0us, [this, to = held.to] {
          if (Session* found = session(to)) found->connection->close(End::master), end_session(to);
        });
    process_.after(500ms, [this, ticket] { commit_ended(*committing_, ticket); });
    return;
  }
  trouble_ = false;
  disk_.apply(batch);
  committing_.reset();
  committed_ = ticket;
  release();
  commit_if_idle();
  turn_soon();
}

void Master::release() {
  while (!held_.empty() && held_.front().ticket <= committed_) {
    Held held = std::move(held_.front());
    held_.pop_front();
    if (session(held.to) == nullptr) continue;
    if (held.before) held.before();
    send(held.to, std::move(held.message));
  }
}

void Master::hold(SessionId to, std::function<void()> message, std::function<void()> before, bool early) {
  if (!early) return staged_.push_back({0, to, std::move(before), std::move(message)});
  if (before) before();
  send(to, std::move(message));
}

void Master::send(SessionId to, std::function<void()> message) {
  if (Session* found = session(to)) found->connection->send(End::master, std::move(message));
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

// ---------------------------------------------------------------- effects

void Master::submitted(SessionId to, std::uint64_t request, const Result<master::Accepted>& answer) {
  Session* const found = session(to);
  if (found == nullptr || found->client == nullptr) return;
  Client* const client = found->client;
  hold(
      to, [client, request, answer] { client->on_submitted(request, answer); },
      [this, client, request, answer] {
        if (answer)
          if (const auto number = client->number_of(request)) {
            history_.acknowledged(client->key(), *number, *answer, disk_);
            story_.tell("master", "acknowledges {} of {}", *number, client->key());
          }
      },
      bug_ == Bug::reply_before_commit);
}

void Master::got(SessionId to, std::uint64_t request,
                 const Result<std::span<const master::ItemView>>& answer) {
  Session* const found = session(to);
  if (found == nullptr) return;
  Client* const client = found->client;
  if (!answer)
    return hold(to, [client, request, error = answer.error()] { client->on_error(request, error); });
  std::vector<Client::Value> values;
  for (const master::ItemView& item : *answer) {
    values.push_back({item.id, std::string(item.value)});
    if (item.from.index == 0) history_.handed_out(values.back().text);
    story_.tell("master", "hands {} to {}", values.back().text, client->key());
  }
  hold(to, [client, request, values] { client->on_got(request, values); });
}

void Master::done(SessionId to, std::uint64_t request, const Result<std::uint64_t>& answer) {
  Session* const found = session(to);
  if (found == nullptr || found->client == nullptr) return;
  if (const auto join = joins_.find({to, request}); join != joins_.end() && answer) {
    const auto views = broker_->queues(join->second);
    if (views && !views->empty()) history_.joined(join->second, views->front().unfinished);
    joins_.erase(join);
  }
  hold(to, [client = found->client, request] { client->on_done(request); });
}

void Master::outcome(SessionId to, TaskId task, const Outcome& outcome) {
  Session* const found = session(to);
  if (found == nullptr) return;
  hold(
      to, [client = found->client, task] { client->on_outcome(task); },
      [this, task, outcome] { history_.outcome_seen(task, outcome, disk_); },
      bug_ == Bug::reply_before_commit);
}

void Master::grant(SessionId to, const Grant& grant) {
  Session* const found = session(to);
  if (found == nullptr) return;
  history_.granted(grant.fence);
  story_.tell("master", "grants attempt {} of {} to {}", grant.fence.attempt, grant.fence.task,
              found->worker->name());
  auto message = [worker = found->worker, fence = grant.fence, spec = grant.spec,
                  payload = std::string(grant.payload)] { worker->on_grant(fence, spec, payload); };
  if (grant.held)
    hold(to, std::move(message));
  else
    send(to, std::move(message));
}

void Master::stop(SessionId to, const Fence& fence) {
  if (Session* const found = session(to))
    send(to, [worker = found->worker, fence] { worker->on_stop(fence); });
}

void Master::disconnect(SessionId id, const Error&) {
  process_.after(0us, [this, id] {
    if (Session* const found = session(id)) found->connection->close(End::master), end_session(id);
  });
}

}  // namespace reeve::sim
