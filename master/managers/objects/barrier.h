// Barrier: a number of clients wait for each other.
#pragma once

#include <cstdint>
#include <optional>

#include "master/managers/wait_line.h"

namespace reeve::master::managers {

class Barrier final : public Object {
 public:
  Barrier(std::int64_t parties, std::optional<double> timeout) : parties_(parties), timeout_(timeout) {}
  // Raises TypeError for an action: it would need a Python interpreter here.
  static std::expected<std::shared_ptr<Object>, Raise> make(const Arguments& arguments);

  std::string_view type_name() const override { return "Barrier"; }
  std::span<const std::string_view> exposed() const override;
  Outcome call(Call& call) override;
  void timed_out(const Caller& caller, Hall& hall, Now now) override;
  void left(SessionId session, std::uint64_t call, Hall& hall) override;

 private:
  Outcome wait(Call& call);
  Outcome attribute(Call& call) const;
  void break_up(Hall& hall);  // whoever waits hears BrokenBarrierError

  std::int64_t parties_;
  std::optional<double> timeout_;  // in seconds, of waits that name none
  bool broken_ = false;
  struct Arrival {
    std::int64_t number = 0;
  };
  WaitLine<Arrival> line_;
};

}  // namespace reeve::master::managers
