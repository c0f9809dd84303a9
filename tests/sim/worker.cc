#include "tests/sim/worker.h"

#include <algorithm>

namespace reeve::sim {

Worker::Worker(std::string name, std::vector<std::string> functions, Clockwork& clock, Story& story,
               History& history, Master& master, Bug bug)
    : name_(std::move(name)),
      functions_(std::move(functions)),
      clock_(clock),
      story_(story),
      history_(history),
      master_(master),
      bug_(bug),
      process_(clock) {}

void Worker::start() {
  ++lives_;
  history_.reasons().worker_begins(name_);
  process_.begin();
  agent_ = std::make_unique<worker::Agent>(worker::AgentLimits{.slots = slots, .prefetch_max = 20});
  fx_ = {};
  lease_end_ = TimePoint::max();
  taken_ = 0;
  connect();
}

void Worker::kill() {
  story_.tell(name_, "is killed with {} runs", running_.size());
  for (const worker::Attempt* attempt : running_) history_.ended(attempt->work.fence, *this, false);
  if (connection_) connection_->close(End::peer);
  connection_.reset();
  session_ = {};
  running_.clear();
  queue_.clear();
  agent_.reset();
  process_.die();
}

// ---------------------------------------------------------------- the link

void Worker::connect() {
  connection_ = std::make_shared<Connection>(clock_, master_.process(), process_, weather_);
  connection_->on_closed(End::peer, [this] { lost(); });
  hello_sent_ = clock_.now();
  master::WorkerIntro intro{.key = fmt::format("{}, life {}", name_, lives_), .name = name_, .slots = slots};
  intro.functions = functions_;
  intro.draining = agent_->draining();
  intro.connection = ++connections_;
  if (bug_ != Bug::held_not_presented) {
    intro.held = agent_->held();
    intro.finished = agent_->unacknowledged();
  }
  connection_->send(End::peer, [this, connection = std::weak_ptr(connection_), intro = std::move(intro)] {
    master_.worker_says_hello(connection.lock(), *this, intro);
  });
  // A welcome that does not come is not waited for.
  process_.after(5s, [this, connection = connection_] {
    if (connection == connection_ && !session_) connection->close(End::peer), lost();
  });
}

void Worker::cut() {
  if (connection_) connection_->cut();
}

void Worker::lost() {
  connection_.reset();
  if (session_) agent_->disconnected();
  session_ = {};
  process_.after(clock_.between(50ms, 1s), [this] { connect(); });
}

void Worker::on_welcome(SessionId session, Duration lease, Duration heartbeat,
                        const std::vector<Fence>& dropped) {
  story_.tell(name_, "is welcomed, holding {}", agent_->held().size());
  session_ = session;
  agent_->connected(hello_sent_, lease, heartbeat, dropped, clock_.now(), fx_);
  carry_out();
}

void Worker::on_grant(const Fence& fence, const std::shared_ptr<const TaskSpec>& spec,
                      const std::string& payload) {
  if (auto granted = agent_->granted(fence, spec, payload, clock_.now(), fx_); !granted)
    history_.granted_beyond_credit(name_, granted.error().detail);
  carry_out();
}

void Worker::on_stop(const Fence& fence) {
  agent_->stop_requested({&fence, 1}, fx_);
  carry_out();
}

void Worker::on_drain(bool on) {
  story_.tell(name_, "is asked to {}", on ? "drain" : "go on");
  agent_->drain(on, clock_.now(), fx_);
  carry_out();
}

void Worker::on_completed(std::uint64_t batch, std::size_t refused) {
  agent_->completed(batch, refused, clock_.now(), fx_);
  carry_out();
}

void Worker::on_heartbeat(TimePoint sent) {
  agent_->heartbeat_echoed(sent);
  carry_out();
}

void Worker::say(const std::function<void(Master&, SessionId)>& what) {
  if (!session_) return;
  connection_->send(End::peer, [this, session = session_, what] { what(master_, session); });
}

// ---------------------------------------------------------------- effects, as the real worker carries them out

void Worker::carry_out() {
  if (const auto end = agent_->lease_end()) lease_end_ = *end;
  queue_.insert(queue_.end(), fx_.start.begin(), fx_.start.end());
  for (worker::Attempt* attempt : fx_.stop) stop_run(*attempt);
  const std::size_t back = fx_.withdraw;
  if (fx_.heartbeat)
    say([sent = *fx_.heartbeat](Master& master, SessionId id) { master.worker_beats(id, sent); });
  if (fx_.capacity)
    say([capacity = *fx_.capacity](Master& master, SessionId id) {
      master.worker_has_capacity(id, capacity);
    });
  if (!fx_.returned.empty())
    say([returned = fx_.returned](Master& master, SessionId id) { master.worker_returns(id, returned); });
  const bool reconnect = fx_.reconnect;
  fx_ = {};
  if (back > 0) withdraw(back);
  start_runs();
  report();
  if (reconnect && connection_) connection_->close(End::peer), lost();
  arm_timer();
}

void Worker::withdraw(std::size_t count) {
  std::vector<worker::Attempt*> back;
  for (; count > 0 && !queue_.empty(); --count) {
    back.push_back(queue_.front());
    queue_.pop_front();
    ++taken_;
  }
  if (back.empty()) return;
  agent_->taken(taken_);
  agent_->withdrawn(back, fx_);
  carry_out();
}

void Worker::report() {
  if (!session_) return;
  while (const auto batch = agent_->next_complete()) {
    std::vector<Master::Finished> finished;
    for (const worker::Attempt* attempt : batch->attempts)
      finished.push_back({attempt->work.fence, attempt->outcome});
    say([number = batch->number, finished = std::move(finished)](Master& master, SessionId id) {
      master.worker_reports(id, number, finished);
    });
  }
}

void Worker::arm_timer() {
  const TimePoint next = agent_->next_tick(clock_.now());
  if (next == TimePoint::max()) return;
  process_.at(std::max(next, clock_.now() + 1us), [this, timer = ++timer_] {
    if (timer != timer_) return;
    agent_->taken(taken_);
    agent_->tick(clock_.now(), fx_);
    if (bug_ == Bug::lease_loss_ignored) fx_.stop.clear();
    carry_out();
  });
}

// ---------------------------------------------------------------- the pool

void Worker::start_runs() {
  while (running_.size() < slots && !queue_.empty()) {
    worker::Attempt* attempt = queue_.front();
    queue_.pop_front();
    ++taken_;
    running_.push_back(attempt);
    run(*attempt);
  }
  agent_->taken(taken_);
}

// Not ended meanwhile, nor the place of another one.
bool Worker::is_running(const worker::Attempt& attempt, const Fence& fence) const {
  return attempt.work.fence == fence && std::ranges::find(running_, &attempt) != running_.end();
}

void Worker::run(worker::Attempt& attempt) {
  const Fence fence = attempt.work.fence;
  if (attempt.stop != worker::StopReason::none)  // a slot looks before it begins
    return process_.after(0us, [this, &attempt, fence] {
      if (is_running(attempt, fence)) end_run(attempt);
    });
  if (clock_.now() >= lease_end_) {
    attempt.too_late = true;
    return process_.after(0us, [this, &attempt, fence] {
      if (is_running(attempt, fence)) give_back(attempt);
    });
  }
  const TaskSpec& spec = *attempt.work.spec;
  history_.started(fence, *this, spec.at_most_once);
  story_.tell(name_, "runs attempt {} of {}", fence.attempt, fence.task);
  Duration time = clock_.between(1ms, 50ms);
  if (spec.function == "long") time = clock_.between(1s, 30s);
  if (spec.function == "endless") time = 24h;
  const bool timed_out = spec.time_limit > 0s && time > spec.time_limit;
  if (timed_out) time = spec.time_limit;
  attempt.outcome.run = time;
  process_.after(time, [this, &attempt, fence, timed_out] {
    if (is_running(attempt, fence)) end_run(attempt, timed_out);
  });
}

void Worker::stop_run(worker::Attempt& attempt) {
  const Fence fence = attempt.work.fence;
  history_.told_to_stop(fence, *this);
  process_.after(clock_.between(1ms, 500ms), [this, &attempt, fence] {
    if (is_running(attempt, fence)) end_run(attempt);
  });
}

void Worker::end_run(worker::Attempt& attempt, bool timed_out) {
  const Fence fence = attempt.work.fence;
  history_.ended(fence, *this, true);
  Outcome& outcome = attempt.outcome;
  if (attempt.stop != worker::StopReason::none) {
    outcome.state = TaskState::cancelled;
    outcome.error = "stopped";
  } else if (timed_out) {
    outcome.state = TaskState::failed;
    outcome.timed_out = true;
    outcome.error = "over its time limit";
  } else if (attempt.work.spec->function == "moody" && clock_.chance(50)) {
    outcome.state = TaskState::failed;
    outcome.error = "no luck";
  } else {
    outcome.state = TaskState::succeeded;
    outcome.value = fmt::format("{}, attempt {}", attempt.work.payload, fence.attempt);
  }
  give_back(attempt);
}

void Worker::give_back(worker::Attempt& attempt) {
  std::erase(running_, &attempt);
  worker::Attempt* finished = &attempt;
  agent_->taken(taken_);
  agent_->finished({&finished, 1}, clock_.now(), fx_);
  carry_out();
}

}  // namespace reeve::sim
