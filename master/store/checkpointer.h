// Checkpointer moves committed pages from SQLite's log into the database file, beside the commit thread.
//
// A checkpoint copies megabytes and flushes another file; inside a commit that is a spike of tens of
// milliseconds. Here most of it happens on a thread and a connection of its own. Only what was committed
// meanwhile is left to the commit thread: a short rest, after which SQLite starts over at the head of the
// log.
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
  static constexpr int pages_wanted =
      2000;  // 8 MB: long enough that a page that is rewritten often is copied once

  // `writer`: the commit thread's connection; outlives this. `own`: another one to the same file.
  Checkpointer(sql::Database& writer, sql::Database own);
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
  int pages_ = 0;  // in the log; commit thread only
  std::atomic<Phase> phase_ = Phase::idle;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;  // guarded by mutex_
  std::thread thread_;     // last
};

}  // namespace reeve::master
