// CommitThread applies batches of records to the store, off the loop thread.
//
// Owner: Turn. Threads: every function is called on the loop thread; the Done callback runs on the commit
// thread, so it only hands over (asio::post).
// Always: at most one batch is in flight. While it is, the owner collects the next one: that is group commit.
// An idle commit thread sleeps on its condition variable, so a batch costs one wake-up on each side.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>

#include "common/base/result.h"
#include "master/core/records.h"
#include "master/store/store.h"

namespace reeve::master {

class CommitThread {
 public:
  struct Committed {
    std::uint64_t ticket = 0;  // as given to commit
    Result<void> result;  // an error: nothing was kept, and whoever waits for this batch must not be answered
    Records records;      // after success empty, for its capacity; after an error the batch, to commit again
  };
  using Done = std::function<void(Committed)>;

  // `store` is open, and outlives this.
  CommitThread(Store& store, Done done);
  ~CommitThread();  // as stop()
  CommitThread(const CommitThread&) = delete;
  CommitThread& operator=(const CommitThread&) = delete;

  // From commit() until the owner passed the Committed of that batch to accept().
  bool busy() const { return busy_; }

  // Pre: not busy, not stopped.
  void commit(Records&& records, std::uint64_t ticket);

  // The owner calls this on the loop thread when Done's message arrived there.
  void accept() { busy_ = false; }

  // Finishes the batch in flight (Done is called for it), then ends the thread. Idempotent.
  void stop();

 private:
  void run();

  Store& store_;
  const Done done_;
  bool busy_ = false;  // loop thread only

  std::mutex mutex_;
  std::condition_variable wake_;
  Records batch_;             // guarded by mutex_; the batch to apply, when waiting_
  std::uint64_t ticket_ = 0;  // guarded by mutex_
  bool waiting_ = false;      // guarded by mutex_
  bool stopping_ = false;     // guarded by mutex_

  std::thread thread_;  // last: starts when everything else is there
};

}  // namespace reeve::master
