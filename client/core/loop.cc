#include "client/core/loop.h"

#include <boost/asio/post.hpp>
#include <utility>

#include "common/base/assert.h"
#include "reeve/errors.h"

namespace reeve::client {
namespace {

// How long the seat must have been left alone before the background thread takes it. Short enough that
// callbacks and calls nobody waits for are not held up, long enough that a program that blocks often is not
// disturbed.
constexpr std::chrono::milliseconds background_patience{1};

thread_local const Loop* driving = nullptr;

struct Driving {  // while it lives, this thread runs handlers of `loop`
  explicit Driving(const Loop* loop) : outer(std::exchange(driving, loop)) {}
  ~Driving() { driving = outer; }
  Driving(const Driving&) = delete;
  Driving& operator=(const Driving&) = delete;
  const Loop* outer;
};

}  // namespace

// While it lives, its thread has the seat. Made and ended with the mutex held; an exception may end it without.
class Loop::Seat {
 public:
  Seat(Loop& loop, Lock& lock) : loop_(loop), lock_(lock) {
    loop_.driven_ = true;
    ++loop_.turns_;
  }
  // Somebody who is parked gets it next.
  ~Seat() {
    if (!lock_.owns_lock()) lock_.lock();
    loop_.driven_ = false;
    if (!loop_.parked_.empty())
      loop_.parked_.front()->wake.notify_one();
    else if (loop_.background_rests_)
      loop_.background_wake_.notify_one();
  }
  Seat(const Seat&) = delete;
  Seat& operator=(const Seat&) = delete;

 private:
  Loop& loop_;
  Lock& lock_;
};

Loop::~Loop() { ASSERT(!background_.joinable(), "the loop was not stopped"); }

bool Loop::driving_here() const { return driving == this; }

void Loop::check_may_wait() const {
  if (driving_here()) throw_error({Errc::wrong_state, "a callback must not wait for its own client"});
}

void Loop::start() {
  background_ = std::thread([this] { run_in_background(); });
}

void Loop::stop() {
  ASSERT(driving != this, "a client cannot be closed from one of its callbacks");
  {
    const Lock lock(mutex_);
    stopped_ = true;
    kick();
    for (Waiter* waiter : parked_) waiter->wake.notify_one();
    background_wake_.notify_one();
  }
  if (background_.joinable()) background_.join();
  Lock lock(mutex_);  // a caller may still be driving: it leaves at its next turn
  while (driven_) {
    kicked_ = false;
    kick();
    park(lock, this, mono_now() + std::chrono::milliseconds{10});
  }
}

bool Loop::wait(Lock& lock, const void* topic, TimePoint deadline, const std::function<bool()>& ready) {
  if (ready()) return true;
  check_may_wait();
  while (!ready() && !stopped_ && (deadline == never || mono_now() < deadline)) {
    if (!driven_) {
      drive(lock, deadline, ready);
      continue;
    }
    if (unpumped_) kick();  // what was not urgent may be what this thread waits for
    if (background_drives_ && !give_way_) {
      give_way_ = true;
      kick();
    }
    park(lock, topic, deadline);
  }
  // This thread may have been woken to take the seat, and does not need it any more.
  if (!driven_ && !parked_.empty()) parked_.front()->wake.notify_one();
  return ready();
}

void Loop::park(Lock& lock, const void* topic, TimePoint deadline) {
  Waiter self{topic, {}};
  const auto place = parked_.insert(parked_.end(), &self);
  if (deadline == never)
    self.wake.wait(lock);
  else
    self.wake.wait_until(lock, deadline);
  parked_.erase(place);
}

void Loop::notify(const void* topic) {
  const Lock lock(mutex_);
  for (Waiter* waiter : parked_)
    if (waiter->topic == topic) waiter->wake.notify_one();
}

void Loop::nudge(Lock& lock, bool urgent) {
  unpumped_ = true;
  if (!urgent || stopped_) return;
  if (driven_) return kick();
  const Seat seat(*this, lock);
  pump_once(lock);
  pump_what_was_asked(lock);
}

// Pre: the mutex is held.
void Loop::kick() {
  if (kicked_) return;
  kicked_ = true;
  if (driving != this) boost::asio::post(io_, [] {});
}

void Loop::pump_once(Lock& lock) {
  kicked_ = unpumped_ = false;
  lock.unlock();
  {
    const Driving here(this);
    work_.pump();
  }
  lock.lock();
}

// Pre: the seat is free. It is so again on return, and after an exception.
void Loop::drive(Lock& lock, TimePoint deadline, const std::function<bool()>& until) {
  const Seat seat(*this, lock);
  while (!until() && !stopped_) {
    pump_once(lock);
    if (!kicked_ && !until()) {  // the pump may have asked for another one, or brought what is waited for
      lock.unlock();
      {
        const Driving here(this);
        wait_for_network(deadline);
      }
      lock.lock();
    }
    if (deadline != never && mono_now() >= deadline) break;
  }
  pump_what_was_asked(lock);
}

// Returns when at least one handler ran, or at the deadline.
void Loop::wait_for_network(TimePoint deadline) {
  if (linger_.poll(io_) > 0) return;
  const TimePoint asleep = mono_now();
  if (deadline == never)
    io_.run_one();
  else
    io_.run_one_until(deadline);
  linger_.slept(mono_now() - asleep);
}

// What was asked for while this thread had the seat is done before it is free.
void Loop::pump_what_was_asked(Lock& lock) {
  while (kicked_ && !stopped_) pump_once(lock);
}

void Loop::run_in_background() {
  Lock lock(mutex_);
  std::uint64_t seen = turns_;
  while (!stopped_) {
    if (!driven_ && parked_.empty() && turns_ == seen) {
      background_drives_ = true;
      drive(lock, never, [this] { return give_way_; });
      background_drives_ = give_way_ = false;
      seen = turns_;
    }
    if (stopped_) break;
    const bool long_turn = driven_ && turns_ == seen;  // the same driver as at the last look
    seen = turns_;
    background_rests_ = long_turn;
    if (long_turn)
      background_wake_.wait(lock);
    else
      background_wake_.wait_for(lock, background_patience);
    background_rests_ = false;
  }
}

}  // namespace reeve::client
