// Event: a flag that clients wait for.
#pragma once

#include "master/managers/wait_line.h"

namespace reeve::master::managers {

class Event final : public Object {
 public:
  std::string_view type_name() const override { return "Event"; }
  std::span<const std::string_view> exposed() const override;
  Outcome call(Call& call) override;
  void timed_out(const Caller& caller, Hall& hall, Now now) override;
  void left(SessionId session, std::uint64_t call, Hall& hall) override;
  bool has_state() const override { return true; }
  void note_all() override;
  Result<void> recall(std::int64_t number, std::string_view content) override;

 private:
  bool set_ = false;
  WaitLine<> line_;
};

}  // namespace reeve::master::managers
