// WaitLine: calls that wait in one object, by arrival. Each leaves it once: served, timed out, or forgotten.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include "master/managers/object.h"

namespace reeve::master::managers {

// How long a call may wait.
struct Patience {
  bool waits = true;
  std::optional<double> seconds = {};  // none: for ever
};

// …when it waits at most so long.
inline Patience patience_for(std::optional<double> seconds) {
  return {.waits = !seconds || *seconds > 0, .seconds = seconds};
}

struct Bare {};

template <typename Extra = Bare>
class WaitLine {
 public:
  struct Waiter {
    Caller caller;
    Extra extra;
  };

  bool empty() const { return waiters_.empty(); }
  std::size_t size() const { return waiters_.size(); }
  void add(const Caller& caller, Extra extra = {}) {
    waiters_.emplace(caller.call, Waiter{caller, std::move(extra)});
  }
  // …and what the caller hears: nothing yet.
  Answer wait(const Call& call, std::optional<double> seconds, Extra extra = {}) {
    add(call.caller, std::move(extra));
    return {.value = Waits{deadline_after(call.now.mono, seconds)}};
  }
  Waiter& front() { return waiters_.begin()->second; }
  Waiter take_front() { return std::move(waiters_.extract(waiters_.begin()).mapped()); }
  std::optional<Waiter> take(std::uint64_t call) {
    auto node = waiters_.extract(call);
    if (node.empty()) return std::nullopt;
    return std::move(node.mapped());
  }
  Extra* find(std::uint64_t call) {
    const auto found = waiters_.find(call);
    return found == waiters_.end() ? nullptr : &found->second.extra;
  }
  bool forget(std::uint64_t call) { return waiters_.erase(call) > 0; }

 private:
  std::map<std::uint64_t, Waiter> waiters_;
};

}  // namespace reeve::master::managers
