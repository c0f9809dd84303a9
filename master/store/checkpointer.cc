#include "master/store/checkpointer.h"

#include "master/store/threads.h"

namespace reeve::master {

// A checkpoint that fails leaves the log as it is, and the next one tries again. What made it fail (a full
// disk, an I/O error) reaches the commits themselves, which report it.
static void copy_what_is_possible(sql::Database& database) {
  sqlite3_wal_checkpoint_v2(database.raw(), "main", SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
}

Checkpointer::Checkpointer(sql::Database& writer, sql::Database own, int pages_wanted)
    : writer_{writer},
      own_{std::move(own)},
      pages_wanted_{pages_wanted},
      thread_{start_thread("checkpoint", [this] { run(); })} {
  sqlite3_wal_hook(writer_.raw(), &Checkpointer::on_commit, this);
}

Checkpointer::~Checkpointer() {
  sqlite3_wal_hook(writer_.raw(), nullptr, nullptr);
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

int Checkpointer::on_commit(void* self, sqlite3*, const char*, int pages) {
  static_cast<Checkpointer*>(self)->pages_ = pages;
  return SQLITE_OK;
}

void Checkpointer::committed() {
  if (pages_ < pages_wanted_) return;
  switch (phase_.load(std::memory_order_acquire)) {
    case Phase::copying:
      return;
    case Phase::copied:
      copy_what_is_possible(writer_);
      pages_ = 0;  // until a commit writes more: see the header
      phase_.store(Phase::idle, std::memory_order_relaxed);
      return;
    case Phase::idle:
      break;
  }
  {
    const std::lock_guard lock{mutex_};
    phase_.store(Phase::copying, std::memory_order_relaxed);
  }
  wake_.notify_one();
}

void Checkpointer::run() {
  std::unique_lock lock{mutex_};
  for (;;) {
    wake_.wait(lock,
               [this] { return stopping_ || phase_.load(std::memory_order_relaxed) == Phase::copying; });
    if (stopping_) return;
    lock.unlock();
    copy_what_is_possible(own_);
    phase_.store(Phase::copied, std::memory_order_release);
    lock.lock();
  }
}

}  // namespace reeve::master
