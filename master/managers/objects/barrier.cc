#include "master/managers/objects/barrier.h"

#include <array>

namespace reeve::master::managers {
namespace {

constexpr std::array<std::string_view, 4> methods{"__getattribute__", "wait", "abort", "reset"};

std::unexpected<Raise> broken() { return raise_from("threading", "BrokenBarrierError"); }

}  // namespace

std::expected<std::shared_ptr<Object>, Raise> Barrier::make(const Arguments& arguments) {
  constexpr std::array<std::string_view, 3> names{"parties", "action", "timeout"};
  const auto bound = arguments.bind("Barrier()", names, 1);
  if (!bound) return std::unexpected(bound.error());
  const auto parties = integer_of(*(*bound)[0]);
  if (!parties) return std::unexpected(parties.error());
  if (*parties < 1) return raise("ValueError", "parties must be > 0");
  const pickle::Fragment* const action = (*bound)[1];
  if (action != nullptr && !is_none(*action))
    return raise("TypeError",
                 "the action of a Barrier needs a Python interpreter in the server, which this one has not");
  const auto timeout = seconds_of((*bound)[2]);
  if (!timeout) return std::unexpected(timeout.error());
  return std::make_shared<Barrier>(*parties, *timeout);
}

std::span<const std::string_view> Barrier::exposed() const { return methods; }

Outcome Barrier::call(Call& call) {
  if (call.method == "wait") return wait(call);
  if (call.method == "__getattribute__") return attribute(call);
  if (auto error = call.arguments.none(call.method)) return std::unexpected(std::move(*error));
  broken_ = call.method == "abort";
  break_up(call.hall);
  return Answer{};
}

Outcome Barrier::wait(Call& call) {
  auto seconds = seconds_of_wait(call.arguments);
  if (!seconds) return std::unexpected(seconds.error());
  if (!seconds->has_value()) seconds = timeout_;
  if (broken_) return broken();
  const auto number = static_cast<std::int64_t>(line_.size());
  if (number + 1 == parties_) {
    while (!line_.empty()) {
      const auto waiter = line_.take_front();
      call.hall.wake(*this, waiter.caller, Answer{waiter.extra.number});
    }
    return Answer{number};
  }
  if (*seconds && **seconds <= 0) {
    broken_ = true;
    break_up(call.hall);
    return broken();
  }
  return line_.wait(call, *seconds, {number});
}

Outcome Barrier::attribute(Call& call) const {
  constexpr std::array<std::string_view, 1> names{"name"};
  const auto bound = call.arguments.bind("__getattribute__()", names, 1);
  if (!bound) return std::unexpected(bound.error());
  const auto name = text_of(*(*bound)[0]);
  if (name == "parties") return Answer{parties_};
  if (name == "n_waiting") return Answer{static_cast<std::int64_t>(line_.size())};
  if (name == "broken") return Answer{broken_};
  return raise("AttributeError", fmt::format("'Barrier' object has no attribute '{}'", name.value_or("?")));
}

void Barrier::break_up(Hall& hall) {
  while (!line_.empty()) hall.wake(*this, line_.take_front().caller, broken());
}

void Barrier::timed_out(const Caller& caller, Hall& hall, Now) {
  if (!line_.forget(caller.call)) return;
  broken_ = true;
  hall.wake(*this, caller, broken());
  break_up(hall);
}

// The others would wait for ever for one who is gone.
void Barrier::left(SessionId, std::uint64_t call, Hall& hall) {
  if (!line_.forget(call)) return;
  broken_ = true;
  break_up(hall);
}

}  // namespace reeve::master::managers
