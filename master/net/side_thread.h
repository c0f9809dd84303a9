// SideThread does what must never slow dispatch: reading history from the store, and copying it.
//
// Owner: NativeServer.  Threads: run() on the loop thread; the work on the side thread; whoever needs the
// loop again posts to it from the work.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace reeve::master {

class SideThread {
 public:
  // So many pieces of work may wait; more are refused.
  static constexpr std::size_t waiting_max = 10'000;

  SideThread() : thread_([this] { work(); }) {}
  ~SideThread() { stop(); }
  SideThread(const SideThread&) = delete;
  SideThread& operator=(const SideThread&) = delete;

  // False when too much is waiting already.
  bool run(std::function<void()> piece);
  void stop();  // what waits is dropped; idempotent

 private:
  void work();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> pieces_;  // guarded by mutex_
  bool stopping_ = false;                     // guarded by mutex_
  std::thread thread_;                        // last: starts when everything else is there
};

}  // namespace reeve::master
