#include "master/managers/objects/lock.h"

#include <array>
#include <charconv>

namespace reeve::master::managers {
namespace {

constexpr std::array<std::string_view, 2> acquire_names{"blocking", "timeout"};
constexpr std::array<std::string_view, 2> lock_methods{"acquire", "release"};

// How long an acquire may take. A Lock reads -1 as "for ever", a Semaphore does not.
std::expected<Patience, Raise> acquire_call(const Arguments& arguments, std::string_view what, bool is_lock) {
  const auto bound = arguments.bind(what, acquire_names);
  if (!bound) return std::unexpected(bound.error());
  const auto seconds = seconds_of((*bound)[1]);
  if (!seconds) return std::unexpected(seconds.error());
  const bool blocking = truth_of((*bound)[0], true);
  const bool for_ever = is_lock && *seconds == -1.0;
  if (!blocking) {
    if (!seconds->has_value() || for_ever) return Patience{.waits = false};
    return raise("ValueError", is_lock ? "can't specify a timeout for a non-blocking call"
                                       : "can't specify timeout for non-blocking acquire");
  }
  if (for_ever) return Patience{};
  if (is_lock && seconds->has_value() && **seconds < 0)
    return raise("ValueError", "timeout value must be a non-negative number");
  return patience_for(*seconds);
}

}  // namespace

// ---- LockCore

Outcome LockCore::acquire(Call& call, Object& object) {
  const auto patience = acquire_call(call.arguments, "acquire()", true);
  if (!patience) return std::unexpected(patience.error());
  const SessionId session = call.caller.session;
  const bool again = kind_ == Kind::reentrant && held_by(session);
  if (!locked() || again) {
    take(session, levels_ + 1, call.hall);
    return Answer{.value = true, .precious = of_nobody()};
  }
  if (!patience->waits) return Answer{false};
  return line_.wait(call, patience->seconds,
                    {.levels = 1,
                     .answer = {.value = true, .precious = of_nobody()},
                     .object = &object,
                     .may_give_up = true});
}

Outcome LockCore::release(Call& call) {
  if (auto error = call.arguments.none("release()")) return std::unexpected(std::move(*error));
  if (!held_by(call.caller.session)) {
    if (kind_ == Kind::reentrant) return raise("RuntimeError", "cannot release un-acquired lock");
    return raise_from("thread", "error", "release unlocked lock");
  }
  if (--levels_ == 0) serve(call.hall);
  return Answer{};
}

std::uint32_t LockCore::give_up(Hall& hall) {
  const std::uint32_t levels = std::exchange(levels_, 0);
  serve(hall);
  return levels;
}

bool LockCore::claim(const Caller& caller, Claim claim, Hall& hall) {
  if (locked()) {
    line_.add(caller, std::move(claim));
    return false;
  }
  take(caller.session, claim.levels, hall);
  return true;
}

std::optional<LockCore::Claim> LockCore::forget(std::uint64_t call) {
  auto waiter = line_.take(call);
  if (!waiter) return std::nullopt;
  return std::move(waiter->extra);
}

bool LockCore::forget_acquire(std::uint64_t call) {
  const Claim* claim = line_.find(call);
  return claim != nullptr && claim->may_give_up && line_.forget(call);
}

void LockCore::session_left(SessionId session, Hall& hall) { take_back(session, hall); }

void LockCore::take_back(SessionId session, Hall& hall) {
  if (!locked() || owner_ != session) return;
  levels_ = 0;
  serve(hall);
}

void LockCore::serve(Hall& hall) {
  if (locked() || line_.empty()) return;
  const auto next = line_.take_front();
  take(next.caller.session, next.extra.levels, hall);
  hall.wake(*next.extra.object, next.caller, next.extra.answer);
}

void LockCore::take(SessionId session, std::uint32_t levels, Hall& hall) {
  if (!of_nobody() && !held_by(session)) hall.follow(weak_from_this(), session);
  owner_ = session;
  levels_ = levels;
}

// ---- Lock

std::span<const std::string_view> Lock::exposed() const { return lock_methods; }

Outcome Lock::call(Call& call) {
  return call.method == "acquire" ? core_->acquire(call, *this) : core_->release(call);
}

void Lock::timed_out(const Caller& caller, Hall& hall, Now) {
  if (core_->forget_acquire(caller.call)) hall.wake(*this, caller, Answer{false});
}

void Lock::left(SessionId, std::uint64_t call, Hall&) { core_->forget(call); }

void Lock::undelivered(const Undelivered& lost, Hall& hall) { core_->take_back(lost.session, hall); }

// ---- Semaphore

std::expected<std::shared_ptr<Object>, Raise> Semaphore::make(Kind kind, const Arguments& arguments) {
  constexpr std::array<std::string_view, 1> names{"value"};
  const auto bound = arguments.bind("Semaphore()", names);
  if (!bound) return std::unexpected(bound.error());
  std::int64_t value = 1;
  if (const auto* given = (*bound)[0]) {
    const auto number = integer_of(*given);
    if (!number) return std::unexpected(number.error());
    value = *number;
  }
  if (value < 0) return raise("ValueError", "semaphore initial value must be >= 0");
  return std::make_shared<Semaphore>(kind, value);
}

std::span<const std::string_view> Semaphore::exposed() const { return lock_methods; }

Outcome Semaphore::call(Call& call) { return call.method == "acquire" ? acquire(call) : release(call); }

Outcome Semaphore::acquire(Call& call) {
  const auto patience = acquire_call(call.arguments, "acquire()", false);
  if (!patience) return std::unexpected(patience.error());
  if (value_ > 0) {
    --value_;
    note_all();
    return Answer{.value = true, .precious = true};
  }
  if (!patience->waits) return Answer{false};
  return line_.wait(call, patience->seconds);
}

Outcome Semaphore::release(Call& call) {
  constexpr std::array<std::string_view, 1> names{"n"};
  const auto bound = call.arguments.bind("release()", names);
  if (!bound) return std::unexpected(bound.error());
  std::int64_t count = 1;
  if (const auto* given = (*bound)[0]) {
    const auto number = integer_of(*given);
    if (!number) return std::unexpected(number.error());
    count = *number;
  }
  if (count < 1) return raise("ValueError", "n must be one or more");
  if (count > value_max_ - value_) return raise("ValueError", "Semaphore released too many times");
  for (value_ += count; value_ > 0 && !line_.empty();) {
    --value_;
    call.hall.wake(*this, line_.take_front().caller, Answer{.value = true, .precious = true});
  }
  note_all();
  return Answer{};
}

void Semaphore::give_one(Hall& hall) {
  if (line_.empty()) {
    if (value_ < value_max_) ++value_;  // else others have released it already
    return note_all();
  }
  hall.wake(*this, line_.take_front().caller, Answer{.value = true, .precious = true});
}

void Semaphore::timed_out(const Caller& caller, Hall& hall, Now) {
  if (line_.forget(caller.call)) hall.wake(*this, caller, Answer{false});
}

void Semaphore::left(SessionId, std::uint64_t call, Hall&) { line_.forget(call); }

void Semaphore::undelivered(const Undelivered&, Hall& hall) { give_one(hall); }

// The count is one cell.
void Semaphore::note_all() {
  if (has_state()) cells.put(0, fmt::format("{}", value_));
}

Result<void> Semaphore::recall(std::int64_t, std::string_view content) {
  const auto [end, error] = std::from_chars(content.data(), content.data() + content.size(), value_);
  if (error == std::errc{} && end == content.data() + content.size() && value_ >= 0) return {};
  return fail(Errc::storage_failed, "'{}' is no count", content);
}

}  // namespace reeve::master::managers
