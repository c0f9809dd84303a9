// Lock, RLock, Semaphore, BoundedSemaphore.
//
// An RLock belongs to the connection that took it, and comes free when that connection ends: nobody else could
// release it. Lock and Semaphore belong to nobody: one thread may take them and end, and another release them.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>

#include "master/managers/wait_line.h"

namespace reeve::master::managers {

// A lock without its proxy: the Lock and RLock of clients have one, and so has a Condition of its own. A Condition of
// the lock of a client shares it, so it is the core that follows its owner: either proxy may be gone.
class LockCore final : public Follower, public std::enable_shared_from_this<LockCore> {
 public:
  enum class Kind : std::uint8_t { plain, reentrant };
  explicit LockCore(Kind kind) : kind_(kind) {}

  Kind kind() const { return kind_; }
  // Any connection may release it, and the end of one does not.
  bool of_nobody() const { return kind_ == Kind::plain; }
  bool locked() const { return levels_ > 0; }
  bool held_by(SessionId session) const { return locked() && (of_nobody() || owner_ == session); }
  std::uint32_t levels() const { return levels_; }

  // What the caller hears when it has the lock, after having taken `levels` of it.
  struct Claim {
    std::uint32_t levels = 1;
    Answer answer{.value = true};
    Object* object = nullptr;  // where it waits
    bool may_give_up = false;  // it has a deadline: an acquire, not a return from a wait
  };
  // Raises ValueError for arguments that make no sense together. `object`: whose method it is.
  Outcome acquire(Call& call, Object& object);
  Outcome release(Call& call);
  // Gives up every level, for who waits at a Condition. Pre: held by the session.
  std::uint32_t give_up(Hall& hall);
  // True: the caller has it now; else it stands in line and will hear claim.answer.
  bool claim(const Caller& caller, Claim claim, Hall& hall);
  // The claim of a call that waits here no more; none if it did not.
  std::optional<Claim> forget(std::uint64_t call);
  // False: the call is no acquire that waits here.
  bool forget_acquire(std::uint64_t call);
  void session_left(SessionId session, Hall& hall) override;
  // Frees it, whatever its levels, if it was this session that took it last: it may be somebody else's by now.
  void take_back(SessionId session, Hall& hall);

 private:
  void take(SessionId session, std::uint32_t levels, Hall& hall);
  void serve(Hall& hall);

  Kind kind_;
  SessionId owner_;  // who took it; of a plain one anybody may release it
  std::uint32_t levels_ = 0;
  WaitLine<Claim> line_;
};

class Lock final : public Object {
 public:
  explicit Lock(LockCore::Kind kind) : core_(std::make_shared<LockCore>(kind)) {}

  const std::shared_ptr<LockCore>& core() const { return core_; }
  std::string_view type_name() const override {
    return core_->kind() == LockCore::Kind::plain ? "Lock" : "RLock";
  }
  std::span<const std::string_view> exposed() const override;
  Outcome call(Call& call) override;
  void timed_out(const Caller& caller, Hall& hall, Now now) override;
  void left(SessionId session, std::uint64_t call, Hall& hall) override;
  void undelivered(const Undelivered& lost, Hall& hall) override;

 private:
  std::shared_ptr<LockCore> core_;
};

class Semaphore final : public Object {
 public:
  enum class Kind : std::uint8_t { plain, bounded };
  Semaphore(Kind kind, std::int64_t value)
      : kind_(kind),
        value_(value),
        value_max_(kind == Kind::bounded ? value : std::numeric_limits<std::int64_t>::max()) {}
  static std::expected<std::shared_ptr<Object>, Raise> make(Kind kind, const Arguments& arguments);

  std::string_view type_name() const override {
    return kind_ == Kind::plain ? "Semaphore" : "BoundedSemaphore";
  }
  std::span<const std::string_view> exposed() const override;
  Outcome call(Call& call) override;
  void timed_out(const Caller& caller, Hall& hall, Now now) override;
  void left(SessionId session, std::uint64_t call, Hall& hall) override;
  void undelivered(const Undelivered& lost, Hall& hall) override;
  // A Semaphore counts what programs signal to each other, so its count is kept. A bounded one says how many may be at
  // work at once: whoever was is gone with the connections.
  bool has_state() const override { return kind_ == Kind::plain; }
  void note_all() override;
  Result<void> recall(std::int64_t number, std::string_view content) override;

 private:
  Outcome acquire(Call& call);
  Outcome release(Call& call);
  void give_one(Hall& hall);

  Kind kind_;
  std::int64_t value_;
  std::int64_t value_max_;
  WaitLine<> line_;
};

}  // namespace reeve::master::managers
