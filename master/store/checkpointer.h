// Checkpointer moves committed pages from SQLite's log into the database file, beside the commit thread.
//
// A checkpoint copies megabytes and flushes another file; inside a commit that is a spike of tens of
// milliseconds. Here most of it happens on a thread and a connection of its own. Only what was committed
// meanwhile is left to the commit thread: a short rest, after which SQLite starts over at the head of the
// log.
//
// Always: the thread begins to copy only when the log holds something that was not copied. The commit thread
// starts the log over when everything was, and SQLite before 3.51.3 (Debian 12 has 3.40) can then lose what the
// new log holds if another connection begins a checkpoint at that moment.
//
// Owner: SqliteStore. Threads: committed() on the commit thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "master/store/sqlite.h"

namespace reeve::master {

class Checkpointer {
 public:
  // 8 MB: long enough that a page that is rewritten often is copied once.
  static constexpr int pages_wanted_default = 2000;

  // `writer`: the commit thread's connection; outlives this. `own`: another one to the same file.
  Checkpointer(sql::Database& writer, sql::Database own, int pages_wanted);
  ~Checkpointer();
  Checkpointer(const Checkpointer&) = delete;
  Checkpointer& operator=(const Checkpointer&) = delete;

  // After each commit.
  void committed();

 private:
  enum class Phase { idle, copying, copied };

  static int on_commit(void* self, sqlite3*, const char*, int pages);
  void run();

  sql::Database& writer_;
  sql::Database own_;
  const int pages_wanted_;
  int pages_ = 0;  // in the log, when some of them may not have been copied; commit thread only
  std::atomic<Phase> phase_ = Phase::idle;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;  // guarded by mutex_
  std::thread thread_;     // last
};

}  // namespace reeve::master
