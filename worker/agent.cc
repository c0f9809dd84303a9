#include "worker/agent.h"

#include <algorithm>
#include <unordered_set>

#include "common/base/assert.h"

namespace reeve::worker {
namespace {

constexpr std::size_t attempt_overhead_bytes = 256;
constexpr std::size_t kept_capacity_bytes =
    4096;                                 // strings up to here keep their memory for the next attempt
constexpr double mean_weight = 1.0 / 16;  // of one new run in the mean
constexpr Duration gather_min = std::chrono::microseconds{500};  // what comes faster gathers by itself

std::size_t bytes_of(const Outcome& outcome) {
  return attempt_overhead_bytes + outcome.value.size() + outcome.error.size() + outcome.out.size() +
         outcome.err.size();
}

void empty(std::string& text) {
  if (text.capacity() > kept_capacity_bytes)
    std::string{}.swap(text);
  else
    text.clear();
}

void warn(AgentEffects& fx, std::string text) {
  fx.notices.push_back({.warns = true, .text = std::move(text)});
}
void tell(AgentEffects& fx, std::string text) {
  fx.notices.push_back({.warns = false, .text = std::move(text)});
}

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

void AgentEffects::clear() {
  start.clear();
  stop.clear();
  withdraw = 0;
  capacity.reset();
  returned.clear();
  heartbeat.reset();
  reconnect = leave = false;
  notices.clear();
}

Agent::Agent(AgentLimits limits) : limits_(limits) {
  ASSERT(limits_.slots > 0);
  ASSERT(limits_.complete_max > 0);
}

// ---------------------------------------------------------------- the link

std::vector<Fence> Agent::held() const {
  std::vector<Fence> fences;
  for (const auto& attempt : all_)
    if (attempt->phase != Attempt::Phase::free && !attempt->abandoned) fences.push_back(attempt->work.fence);
  return fences;
}

std::vector<Fence> Agent::unacknowledged() const {
  std::vector<Fence> fences;
  for (const auto& attempt : all_)
    if (attempt->phase == Attempt::Phase::finished || attempt->phase == Attempt::Phase::sent)
      fences.push_back(attempt->work.fence);
  return fences;
}

void Agent::connected(TimePoint hello_sent, Duration lease, Duration heartbeat,
                      std::span<const Fence> dropped, TimePoint now, AgentEffects& fx) {
  connected_ = true;
  had_lease_ = true;
  lease_ = lease;
  heartbeat_ = heartbeat;
  lease_base_ = hello_sent;
  next_heartbeat_ = now + heartbeat;
  announced_ = announced_max_ = 0;
  drop(dropped, fx);

  for (Attempt* attempt : returning_) {
    fx.returned.push_back(attempt->work.fence);
    release(*attempt);
  }
  returning_.clear();
  // Whatever was finished goes out again, in the order in which it was lent.
  sent_.clear();
  sent_count_ = 0;
  next_batch_ = 1;  // the protocol counts them anew on each connection
  unsent_.clear();
  unsent_begin_ = 0;
  for (const auto& attempt : all_) {
    if (attempt->phase == Attempt::Phase::sent) attempt->phase = Attempt::Phase::finished;
    if (attempt->phase == Attempt::Phase::finished) unsent_.push_back(attempt.get());
  }
  std::ranges::sort(unsent_, {}, &Attempt::order);
  update_capacity(now, fx);
}

void Agent::disconnected() { connected_ = false; }

// Stops and forgets attempts whose leases are gone.
void Agent::drop(std::span<const Fence> fences, AgentEffects& fx) {
  if (fences.empty()) return;
  const std::unordered_set<Fence> gone(fences.begin(), fences.end());
  std::erase_if(returning_, [&](Attempt* attempt) {
    if (!gone.contains(attempt->work.fence)) return false;
    release(*attempt);
    return true;
  });
  for (const auto& attempt : all_) {
    if (attempt->phase == Attempt::Phase::free || attempt->abandoned) continue;
    if (!gone.contains(attempt->work.fence)) continue;
    if (attempt->phase == Attempt::Phase::lent) {
      attempt->abandoned = true;
      ++abandoned_;
      ask_to_stop(*attempt, StopReason::lease_lost, fx);
    } else {
      unacknowledged_bytes_ -= bytes_of(attempt->outcome);
      release(*attempt);  // connected() forgets where it stood
    }
  }
}

Result<void> Agent::granted(const Fence& fence, const std::shared_ptr<const TaskSpec>& spec,
                            std::string_view payload, TimePoint now, AgentEffects& fx) {
  if (unfinished() >= announced_max_)
    return fail(Errc::limit_reached, "the master granted more tasks than the {} this worker asked for",
                announced_max_);
  if (unfinished() == 0) progress_ = now;
  Attempt& attempt = take_free();
  attempt.work.fence = fence;
  attempt.work.spec = spec;
  attempt.work.payload.assign(payload);
  attempt.outcome = Outcome{};
  attempt.stop.store(StopReason::none, std::memory_order_relaxed);
  attempt.too_late = false;
  attempt.phase = Attempt::Phase::lent;
  attempt.order = next_order_++;
  ++lent_;
  if (grant_marks_.empty() || grant_marks_.back().at != now)
    grant_marks_.push_back({.end = next_order_, .at = now});
  else
    grant_marks_.back().end = next_order_;
  fx.start.push_back(&attempt);
  if (draining_ || leaving_) fx.withdraw = queued();  // it was on its way when we said so
  return {};
}

void Agent::stop_requested(std::span<const Fence> fences, AgentEffects& fx) {
  const std::unordered_set<Fence> wanted(fences.begin(), fences.end());
  std::erase_if(returning_, [&](Attempt* attempt) {
    if (!wanted.contains(attempt->work.fence)) return false;
    hold_cancelled(*attempt);
    return true;
  });
  for (const auto& attempt : all_) {
    if (attempt->phase != Attempt::Phase::lent || attempt->abandoned) continue;
    if (!wanted.contains(attempt->work.fence)) continue;
    ask_to_stop(*attempt, StopReason::cancelled, fx);
  }
}

void Agent::completed(std::uint64_t batch, std::size_t refused, TimePoint now, AgentEffects& fx) {
  while (!sent_.empty() && sent_.front().number <= batch) {
    for (Attempt* attempt : sent_.front().attempts) {
      unacknowledged_bytes_ -= bytes_of(attempt->outcome);
      release(*attempt);
    }
    sent_count_ -= sent_.front().attempts.size();
    sent_.pop_front();
  }
  if (refused > 0)
    warn(fx,
         fmt::format(
             "the master had no use for {} results: they were recorded before this worker reconnected, or "
             "their tasks were given to somebody else",
             refused));
  update_capacity(now, fx);  // kept outcomes may have been what held it down
  check_leave(now, fx);
}

void Agent::heartbeat_echoed(TimePoint sent) { lease_base_ = std::max(lease_base_, sent); }

void Agent::drain(bool on, TimePoint now, AgentEffects& fx) {
  draining_ = on;
  if (on) fx.withdraw = queued();
  update_capacity(now, fx);
}

std::optional<Agent::CompleteBatch> Agent::next_complete() {
  if (!connected_ || unsent_begin_ == unsent_.size()) return std::nullopt;
  std::size_t end = unsent_begin_;
  std::size_t bytes = 0;
  while (end < unsent_.size() && end - unsent_begin_ < limits_.complete_max) {
    bytes += bytes_of(unsent_[end]->outcome);
    if (bytes > limits_.complete_max_bytes && end > unsent_begin_) break;
    unsent_[end++]->phase = Attempt::Phase::sent;
  }
  const auto from = unsent_.begin() + static_cast<std::ptrdiff_t>(unsent_begin_);
  const auto to = unsent_.begin() + static_cast<std::ptrdiff_t>(end);
  sent_.push_back({.number = next_batch_++, .attempts = {from, to}});
  sent_count_ += end - unsent_begin_;
  unsent_begin_ = end;
  if (unsent_begin_ == unsent_.size()) {
    unsent_.clear();
    unsent_begin_ = 0;
  }
  return CompleteBatch{.number = sent_.back().number, .attempts = sent_.back().attempts};
}

// ---------------------------------------------------------------- the pool

void Agent::finished(std::span<Attempt* const> attempts, TimePoint now, AgentEffects& fx) {
  if (attempts.empty()) return;
  progress_ = now;
  for (Attempt* attempt : attempts) {
    ASSERT(attempt->phase == Attempt::Phase::lent);
    --lent_;
    if (attempt->abandoned) {
      --abandoned_;
      release(*attempt);
      continue;
    }
    if (attempt->too_late) {
      hand_back(*attempt, fx);
      continue;
    }
    note_run(attempt->outcome.run);
    hold_outcome(*attempt);
  }
  update_capacity(now, fx);
  check_leave(now, fx);
}

void Agent::withdrawn(std::span<Attempt* const> attempts, AgentEffects& fx) {
  for (Attempt* attempt : attempts) {
    ASSERT(attempt->phase == Attempt::Phase::lent);
    --lent_;
    if (attempt->abandoned) {
      --abandoned_;
      release(*attempt);
    } else {
      hand_back(*attempt, fx);
    }
  }
}

// It did not begin.
void Agent::hand_back(Attempt& attempt, AgentEffects& fx) {
  if (attempt.stop.load(std::memory_order_relaxed) == StopReason::cancelled) {
    hold_cancelled(attempt);
  } else if (connected_) {
    fx.returned.push_back(attempt.work.fence);
    release(attempt);
  } else {
    attempt.phase = Attempt::Phase::returning;
    returning_.push_back(&attempt);
  }
}

void Agent::taken(std::uint64_t count) {
  ASSERT(count >= taken_ && count <= next_order_, "{} of {} attempts taken, {} before", count, next_order_,
         taken_);
  taken_ = count;
  while (!grant_marks_.empty() && grant_marks_.front().end <= taken_) grant_marks_.pop_front();
}

// ---------------------------------------------------------------- the operator

void Agent::shut_down(TimePoint now, Duration grace, AgentEffects& fx) {
  if (leaving_) {
    leave_deadline_ = std::min(leave_deadline_, now);
  } else {
    leaving_ = true;
    leave_deadline_ = now + grace;
    tell(fx, fmt::format("shutting down: {} tasks are here, {} of them not started", unfinished(),
                         std::min<std::uint64_t>(queued(), unfinished())));
    fx.withdraw = queued();
    update_capacity(now, fx);
  }
  check_leave(now, fx);
}

// ---------------------------------------------------------------- time

void Agent::tick(TimePoint now, AgentEffects& fx) {
  check_lease(now, fx);
  if (connected_ && now >= next_heartbeat_) {
    fx.heartbeat = now;
    next_heartbeat_ = now + heartbeat_;
  }
  update_capacity(now, fx);
  hand_back_stale(now, fx);
  check_leave(now, fx);
}

TimePoint Agent::next_tick(TimePoint now) const {
  TimePoint next = TimePoint::max();
  if (connected_) next = std::min(next, next_heartbeat_);
  if (had_lease_) next = std::min(next, lease_base_ + lease_);
  if (queued() > 0) next = std::min(next, now + limits_.prefetch_work);
  if (leaving_) next = std::min(next, leave_deadline_);
  return next;
}

void Agent::check_lease(TimePoint now, AgentEffects& fx) {
  if (!had_lease_ || now < lease_base_ + lease_) return;
  had_lease_ = false;
  if (connected_) fx.reconnect = true;
  if (unfinished() == 0) {
    warn(fx, fmt::format("no sign of life from the master for {:.1f} s", seconds(lease_)));
    return;
  }
  warn(fx, fmt::format(
               "no sign of life from the master for {:.1f} s: the leases of {} unfinished tasks are lost, "
               "stopping them",
               seconds(lease_), unfinished()));
  stop_all(StopReason::lease_lost, fx);
}

void Agent::hand_back_stale(TimePoint now, AgentEffects& fx) {
  if (!connected_) return;  // there is nobody to take them, and they may still be the next to run here
  std::uint64_t end = taken_;
  for (const GrantMark& mark : grant_marks_) {
    if (mark.at + limits_.unstarted_max > now) break;
    end = mark.end;
  }
  fx.withdraw = std::max<std::size_t>(fx.withdraw, end - taken_);
}

void Agent::check_leave(TimePoint now, AgentEffects& fx) {
  if (!leaving_) return;
  if (!stopped_tasks_ && (unfinished() == 0 || now >= leave_deadline_)) {
    if (unfinished() > 0) {
      warn(fx, fmt::format("stopping {} tasks that have not finished in time", unfinished()));
      stop_all(StopReason::shut_down, fx);
    }
    stopped_tasks_ = true;
    leave_deadline_ = now + limits_.farewell;
  }
  if (!stopped_tasks_) return;
  const bool idle = lent_ == 0;
  const bool told = unreported() == 0 && returning_.empty();
  if (idle && told) {
    fx.leave = true;
  } else if (now >= leave_deadline_) {
    if (!told)
      warn(fx, fmt::format("leaving although the master has not acknowledged {} results", unreported()));
    fx.leave = true;
  }
}

// ---------------------------------------------------------------- capacity

void Agent::note_run(Duration run) {
  const auto us = static_cast<double>(run.count());
  mean_run_us_ = mean_run_us_ < 0 ? us : mean_run_us_ + (us - mean_run_us_) * mean_weight;
}

// Every free slot, and as much besides as keeps the slots busy for prefetch_work, or prefetch_short_work: hundreds
// of short tasks, none of those that take longer, so that no task waits here while it could run elsewhere.
std::uint32_t Agent::wanted_capacity(TimePoint now) const {
  if (draining_ || leaving_ || unacknowledged_bytes_ > limits_.unacknowledged_max_bytes) return 0;
  const auto lost = static_cast<std::uint32_t>(std::min<std::size_t>(abandoned_, limits_.slots));
  if (lost == limits_.slots) return 0;
  const std::uint32_t slots = limits_.slots - lost;
  if (mean_run_us_ < 0) return slots;
  double run_us = mean_run_us_;
  if (queued() > 0) run_us = std::max(run_us, static_cast<double>((now - progress_).count()));
  const bool is_short = run_us <= static_cast<double>(limits_.short_run.count());
  const Duration work = is_short ? limits_.prefetch_short_work : limits_.prefetch_work;
  const auto each = static_cast<std::uint64_t>(static_cast<double>(work.count()) / std::max(run_us, 1.0));
  return slots + static_cast<std::uint32_t>(std::min<std::uint64_t>(each * slots, limits_.prefetch_max));
}

void Agent::update_capacity(TimePoint now, AgentEffects& fx) {
  if (!connected_) return;
  const std::uint32_t wanted = wanted_capacity(now);
  if (wanted == announced_) return;
  // Small changes are not worth a message, unless they decide whether anything is asked for or waits at all.
  const bool decisive = announced_ == 0 || wanted <= limits_.slots;
  if (!decisive && wanted > announced_ - announced_ / 4 && wanted < announced_ + announced_ / 4) return;
  announced_ = wanted;
  announced_max_ = std::max(announced_max_, wanted);
  fx.capacity = wanted;
}

Duration Agent::gather_pause() const {
  const double between_us = mean_run_us_ / limits_.slots;  // two outcomes
  const double slots_have_us = static_cast<double>(queued()) * between_us;
  const double pause_us = std::min({static_cast<double>(limits_.gather_max.count()),
                                    limits_.gather_outcomes * between_us, slots_have_us / 2});
  if (pause_us < static_cast<double>(gather_min.count()) || pause_us < 2 * between_us)
    return Duration::zero();
  return Duration{static_cast<Duration::rep>(pause_us)};
}

// ---------------------------------------------------------------- attempts

Attempt& Agent::take_free() {
  if (free_.empty()) {
    all_.push_back(std::make_unique<Attempt>());
    return *all_.back();
  }
  Attempt& attempt = *free_.back();
  free_.pop_back();
  return attempt;
}

void Agent::release(Attempt& attempt) {
  attempt.phase = Attempt::Phase::free;
  attempt.abandoned = false;
  attempt.work.spec.reset();
  empty(attempt.work.payload);
  free_.push_back(&attempt);
}

void Agent::hold_outcome(Attempt& attempt) {
  attempt.outcome.attempt = attempt.work.fence.attempt;
  attempt.phase = Attempt::Phase::finished;
  attempt.work.spec.reset();
  empty(attempt.work.payload);
  unacknowledged_bytes_ += bytes_of(attempt.outcome);
  unsent_.push_back(&attempt);
}

void Agent::hold_cancelled(Attempt& attempt) {
  attempt.outcome.state = TaskState::cancelled;
  attempt.outcome.error = "cancelled before it started";
  hold_outcome(attempt);
}

void Agent::ask_to_stop(Attempt& attempt, StopReason reason, AgentEffects& fx) {
  attempt.stop.store(reason);
  fx.stop.push_back(&attempt);
}

// Their outcomes are reported nevertheless: the master may still count on these leases, and it alone knows
// whether a task that was begun may be begun again.
void Agent::stop_all(StopReason reason, AgentEffects& fx) {
  fx.withdraw = queued();
  for (const auto& attempt : all_) {
    if (attempt->phase != Attempt::Phase::lent) continue;
    if (attempt->stop.load(std::memory_order_relaxed) == StopReason::none) ask_to_stop(*attempt, reason, fx);
  }
}

void Agent::check_invariants() const {
  std::size_t lent = 0, abandoned = 0, unsent = 0, sent = 0, returning = 0, none = 0, bytes = 0;
  for (const auto& attempt : all_) {
    if (attempt->abandoned) ++abandoned;
    ASSERT(!attempt->abandoned || attempt->phase == Attempt::Phase::lent);
    switch (attempt->phase) {
      case Attempt::Phase::free:
        ++none;
        continue;
      case Attempt::Phase::lent:
        ++lent;
        continue;
      case Attempt::Phase::returning:
        ++returning;
        continue;
      case Attempt::Phase::finished:
        ++unsent;
        break;
      case Attempt::Phase::sent:
        ++sent;
        break;
    }
    bytes += bytes_of(attempt->outcome);
  }
  ASSERT(lent == lent_ && abandoned == abandoned_);
  ASSERT(none == free_.size() && returning == returning_.size());
  ASSERT(unsent == unsent_.size() - unsent_begin_);
  std::size_t in_batches = 0;
  for (const Sent& batch : sent_) in_batches += batch.attempts.size();
  ASSERT(sent == in_batches && sent == sent_count_);
  ASSERT(bytes == unacknowledged_bytes_, "{} bytes counted, {} found", unacknowledged_bytes_, bytes);
  ASSERT(queued() <= lent_);
}

}  // namespace reeve::worker
