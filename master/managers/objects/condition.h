// Condition: clients that hold its lock wait until others notify them. The lock is its own and reentrant, or one
// that the client made: then both share it.
#pragma once

#include <memory>

#include "master/managers/objects/lock.h"

namespace reeve::master::managers {

class Condition final : public Object {
 public:
  // `lock`: the object whose lock it shares; null: one of its own.
  explicit Condition(std::shared_ptr<Lock> lock);
  // Raises TypeError when the argument is no proxy of a Lock or RLock.
  static std::expected<std::shared_ptr<Object>, Raise> make(const Arguments& arguments, Hall& hall);

  std::string_view type_name() const override { return "Condition"; }
  std::span<const std::string_view> exposed() const override;
  Outcome call(Call& call) override;
  void timed_out(const Caller& caller, Hall& hall, Now now) override;
  void left(SessionId session, std::uint64_t call, Hall& hall) override;
  void undelivered(const Undelivered& lost, Hall& hall) override;

 private:
  Outcome wait(Call& call);
  Outcome notify(Call& call);
  // Answers once the caller has its lock again. `notified_by`: the call of notify(); 0: none.
  void retake(const Caller& caller, std::uint32_t levels, std::uint64_t notified_by, Hall& hall);
  Answer answer_of(std::uint64_t notified_by, const Caller& caller) const;
  // One that this notify() had woken is gone: the next that waited then has it.
  void pass_on(std::uint64_t notified_by, Hall& hall);

  std::shared_ptr<Lock> shared_;  // keeps the other object, when there is one
  std::shared_ptr<LockCore> lock_;
  struct Held {
    std::uint32_t levels = 1;  // of the lock, given up while it waits
  };
  WaitLine<Held> waiting_;
};

}  // namespace reeve::master::managers
