#include "master/managers/objects/condition.h"

#include <algorithm>
#include <array>

namespace reeve::master::managers {
namespace {

constexpr std::array<std::string_view, 5> methods{"acquire", "release", "wait", "notify", "notify_all"};

}  // namespace

Condition::Condition(std::shared_ptr<Lock> lock)
    : shared_(std::move(lock)),
      lock_(shared_ ? shared_->core() : std::make_shared<LockCore>(LockCore::Kind::reentrant)) {}

std::expected<std::shared_ptr<Object>, Raise> Condition::make(const Arguments& arguments, Hall& hall) {
  constexpr std::array<std::string_view, 1> names{"lock"};
  const auto bound = arguments.bind("Condition()", names);
  if (!bound) return std::unexpected(bound.error());
  const pickle::Fragment* const given = (*bound)[0];
  if (given == nullptr || is_none(*given)) return std::make_shared<Condition>(nullptr);
  for (const std::string& ident : given->token_idents)
    if (auto lock = std::dynamic_pointer_cast<Lock>(hall.find(ident)))
      return std::make_shared<Condition>(std::move(lock));
  return raise("TypeError", "the lock of a Condition must be a proxy of a Lock or RLock in this server");
}

std::span<const std::string_view> Condition::exposed() const { return methods; }

Outcome Condition::call(Call& call) {
  if (call.method == "acquire") return lock_->acquire(call, *this);
  if (call.method == "release") return lock_->release(call);
  if (call.method == "wait") return wait(call);
  return notify(call);
}

Outcome Condition::wait(Call& call) {
  const auto seconds = seconds_of_wait(call.arguments);
  if (!seconds) return std::unexpected(seconds.error());
  if (!lock_->held_by(call.caller.session)) return raise("RuntimeError", "cannot wait on un-acquired lock");
  const std::uint32_t levels = lock_->give_up(call.hall);
  if (*seconds && **seconds <= 0) {  // others may have the lock by now
    const Answer answer = answer_of(0, call.caller);
    if (lock_->claim(call.caller, {.levels = levels, .answer = answer, .object = this}, call.hall))
      return answer;
    return Answer{Waits{}};
  }
  return waiting_.wait(call, *seconds, {levels});
}

Outcome Condition::notify(Call& call) {
  std::int64_t count = 1;
  if (call.method == "notify") {
    constexpr std::array<std::string_view, 1> names{"n"};
    const auto bound = call.arguments.bind("notify()", names);
    if (!bound) return std::unexpected(bound.error());
    if (const auto* given = (*bound)[0]) {
      const auto number = integer_of(*given);
      if (!number) return std::unexpected(number.error());
      count = *number;
    }
  } else {
    if (auto error = call.arguments.none("notify_all()")) return std::unexpected(std::move(*error));
    count = std::numeric_limits<std::int64_t>::max();
  }
  if (!lock_->held_by(call.caller.session)) return raise("RuntimeError", "cannot notify on un-acquired lock");
  for (; count > 0 && !waiting_.empty(); --count) {
    const auto waiter = waiting_.take_front();
    retake(waiter.caller, waiter.extra.levels, call.caller.call, call.hall);
  }
  return Answer{};
}

void Condition::retake(const Caller& caller, std::uint32_t levels, std::uint64_t notified_by, Hall& hall) {
  const Answer answer = answer_of(notified_by, caller);
  if (lock_->claim(caller, {.levels = levels, .answer = answer, .object = this}, hall))
    hall.wake(*this, caller, answer);
}

// It brings the lock with it, and what it was notified of. Python 2.7 says nothing about why a wait ended.
Answer Condition::answer_of(std::uint64_t notified_by, const Caller& caller) const {
  const bool notified = notified_by != 0;
  Answer answer{.value = notified, .precious = notified || lock_->of_nobody(), .note = notified_by};
  if (caller.python2) answer.value = None{};
  return answer;
}

// Numbers of calls rise: who came after the notify() was not meant.
void Condition::pass_on(std::uint64_t notified_by, Hall& hall) {
  if (waiting_.empty() || waiting_.front().caller.call > notified_by) return;
  const auto next = waiting_.take_front();
  retake(next.caller, next.extra.levels, notified_by, hall);
}

void Condition::timed_out(const Caller& caller, Hall& hall, Now) {
  if (const auto waiter = waiting_.take(caller.call))
    retake(caller, waiter->extra.levels, 0, hall);
  else if (lock_->forget_acquire(caller.call))
    hall.wake(*this, caller, Answer{false});
}

void Condition::left(SessionId, std::uint64_t call, Hall& hall) {
  waiting_.forget(call);
  if (const auto claim = lock_->forget(call)) pass_on(claim->answer.note, hall);
}

void Condition::undelivered(const Undelivered& lost, Hall& hall) {
  lock_->take_back(lost.session, hall);
  pass_on(lost.note, hall);
}

}  // namespace reeve::master::managers
