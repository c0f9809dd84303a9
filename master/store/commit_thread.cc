#include "master/store/commit_thread.h"

#include <utility>

#include "common/base/assert.h"
#include "master/store/threads.h"

namespace reeve::master {
CommitThread::CommitThread(Store& store, Done done)
    : store_{store}, done_{std::move(done)}, thread_{start_thread("commit", [this] { run(); })} {}

CommitThread::~CommitThread() { stop(); }

void CommitThread::commit(Records&& records, std::uint64_t ticket) {
  ASSERT(!busy_, "batch {} is in flight", ticket_);
  busy_ = true;
  {
    const std::lock_guard lock{mutex_};
    ASSERT(!stopping_, "the commit thread has ended");
    batch_ = std::move(records);
    ticket_ = ticket;
    waiting_ = true;
  }
  wake_.notify_one();
}

void CommitThread::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void CommitThread::run() {
  std::unique_lock lock{mutex_};
  for (;;) {
    wake_.wait(lock, [this] { return waiting_ || stopping_; });
    if (!waiting_) return;
    waiting_ = false;
    Committed committed{.ticket = ticket_, .result = {}, .records = std::move(batch_)};
    lock.unlock();
    committed.result = store_.apply(committed.records);
    done_(std::move(committed));
    lock.lock();
  }
}

}  // namespace reeve::master
