// Loop: the io_context of a Client, and the seat of whoever drives it.
//
// One thread at a time drives: it runs handlers, sends what is to be sent, and waits for the network. A
// thread that has to wait for an answer takes the seat itself when it can, so that the answer needs no hop
// between threads; a background thread takes it when no one has wanted it for a while. A thread that finds
// the seat taken parks until its answer is there or the seat is free; the background driver gives way at
// once.
//
// Owner: Core.  Thread: any.  Always: handlers and Work::pump run on the driver, without the mutex, one at a
// time; what only they touch needs no lock.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <condition_variable>
#include <functional>
#include <list>
#include <mutex>
#include <thread>

#include "common/base/time.h"
#include "common/net/linger.h"

namespace reeve::client {

inline constexpr TimePoint never = TimePoint::max();

inline TimePoint deadline_after(Duration timeout) {
  const TimePoint now = mono_now();
  return timeout >= never - now ? never : now + timeout;
}

class Loop {
 public:
  using Lock = std::unique_lock<std::mutex>;
  class Work {
   public:
    virtual void pump() = 0;  // send what is to be sent; called before every wait for the network

   protected:
    ~Work() = default;
  };

  explicit Loop(Work& work) : work_(work) {}
  ~Loop();

  boost::asio::io_context& io() { return io_; }
  std::mutex& mutex() { return mutex_; }

  void start();
  // No one drives after this. Threads that wait are woken; what they wait for must be ready, or they find
  // that it never will be. Pre: not called by the driver.
  void stop();

  // Waits until ready() or the deadline, driving when possible; returns ready(). `ready` is called with the
  // mutex held. `topic` is what notify() will be called with. Throws wrong_state when the driver itself calls
  // it.
  bool wait(Lock& lock, const void* topic, TimePoint deadline, const std::function<bool()>& ready);
  void notify(const void* topic);  // Pre: the mutex is not held.

  // There is something to pump. Urgent: now, on this thread if no one drives; else when the driver wakes
  // anyway, the background thread takes over, or a thread begins to wait. Pre: the mutex is held.
  void nudge(Lock& lock, bool urgent);
  bool driven() const { return driven_; }    // Pre: the mutex is held.
  bool stopped() const { return stopped_; }  // Pre: the mutex is held.
  bool driving_here() const;                 // whether this thread is the driver: a callback, that is
  void check_may_wait() const;               // throws wrong_state when it is

 private:
  class Seat;
  struct Waiter {
    const void* topic;
    std::condition_variable wake;
  };

  void drive(Lock& lock, TimePoint deadline, const std::function<bool()>& until);
  void pump_once(Lock& lock);
  void wait_for_network(TimePoint deadline);
  void pump_what_was_asked(Lock& lock);
  void park(Lock& lock, const void* topic, TimePoint deadline);
  void kick();
  void run_in_background();

  Work& work_;
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> keep_running_{io_.get_executor()};
  Linger linger_;  // the driver's
  std::mutex mutex_;

  // Guarded by mutex_.
  bool driven_ = false;             // somebody has the seat
  bool background_drives_ = false;  // and it is the background thread
  bool give_way_ = false;           // which is asked to leave it
  bool unpumped_ = false;           // there is something to pump
  bool kicked_ = false;             // the driver will pump again before it waits or leaves
  bool stopped_ = false;
  std::uint64_t turns_ = 0;        // how often the seat was taken
  bool background_rests_ = false;  // until the seat is free
  std::list<Waiter*> parked_;
  std::condition_variable background_wake_;
  std::thread background_;
};

}  // namespace reeve::client
