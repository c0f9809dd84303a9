#include "master/managers/objects/event.h"

#include <array>

namespace reeve::master::managers {
namespace {

constexpr std::array<std::string_view, 4> methods{"is_set", "set", "clear", "wait"};

// In Python 2.7 and later wait() tells whether the flag was set.
Answer answer_of(bool set) { return {.value = set}; }

}  // namespace

std::span<const std::string_view> Event::exposed() const { return methods; }

Outcome Event::call(Call& call) {
  if (call.method == "wait") {
    const auto seconds = seconds_of_wait(call.arguments);
    if (!seconds) return std::unexpected(seconds.error());
    if (set_) return answer_of(true);
    if (*seconds && **seconds <= 0) return answer_of(false);
    return line_.wait(call, *seconds);
  }
  if (auto error = call.arguments.none(call.method)) return std::unexpected(std::move(*error));
  if (call.method == "is_set") return answer_of(set_);
  set_ = call.method == "set";
  note_all();
  // Who waited hears of it even when the flag is cleared again at once.
  while (set_ && !line_.empty()) call.hall.wake(*this, line_.take_front().caller, answer_of(true));
  return Answer{};
}

void Event::timed_out(const Caller& caller, Hall& hall, Now) {
  if (line_.forget(caller.call)) hall.wake(*this, caller, answer_of(set_));
}

// The flag is one cell.
void Event::note_all() { cells.put(0, set_ ? "set" : ""); }

Result<void> Event::recall(std::int64_t, std::string_view content) {
  set_ = content == "set";
  return {};
}

void Event::left(SessionId, std::uint64_t call, Hall&) { line_.forget(call); }

}  // namespace reeve::master::managers
