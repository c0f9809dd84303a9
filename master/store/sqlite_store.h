// SqliteStore: the durable store, DATA_DIR/reeve.db.
//
// A transaction is flushed to disk before apply returns (WAL, synchronous = FULL). Tasks and outcomes are
// written in rows of many (docs/decisions/0002-chunks.md), so SQL's cost per task is small. Owner: App.
// Threads: as Store says. The commit thread has a connection, queries have another.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "master/store/batch.h"
#include "master/store/checkpointer.h"
#include "master/store/codec.h"
#include "master/store/data_dir_lock.h"
#include "master/store/file_watch.h"
#include "master/store/sqlite.h"
#include "master/store/store.h"

namespace reeve::master {

class SqliteStore final : public Store {
 public:
  struct Options {
    std::string data_dir;
    const char* vfs = nullptr;             // SQLite's file layer; null: the usual one
    int cache_kib = 32 * 1024;             // of the commit thread's connection
    std::size_t row_bytes_max = 1U << 20;  // outcomes of one chunk beyond this go into further rows
    int checkpoint_pages = Checkpointer::pages_wanted_default;  // in the log, before they are copied
  };

  explicit SqliteStore(Options options) : options_{std::move(options)} {}

  Result<Recovered> open() override;
  Result<void> apply(Records& batch) override;
  Result<std::vector<StoredOutcome>> outcomes(JobId job, std::uint32_t first, std::uint32_t last,
                                              std::size_t limit) override;
  Result<std::vector<ChunkRecord>> chunks(JobId job, std::uint32_t first, std::uint32_t last) override;
  Result<std::unique_ptr<StoreBackup>> backup(std::string file) override;
  bool durable() const override { return true; }

 private:
  // Statements of the commit thread.
  struct Writing {
    sql::Statement begin, commit, rollback, put_meta;
    sql::Statement put_queue, erase_queue, put_worker, erase_worker, put_submission, settle;
    sql::Statement put_job, erase_job, erase_job_chunks, erase_job_outcomes, erase_job_progress;
    sql::Statement put_chunk, erase_chunk, erase_chunk_outcomes, erase_chunk_progress;
    sql::Statement put_outcomes, put_progress;
    sql::Statement put_object, erase_object, put_cell, erase_cell, erase_cells;
  };
  // Statements of whoever asks.
  struct Asking {
    sql::Statement chunk_of, outcomes, chunks;
  };

  Result<sql::Database> connect();
  Result<void> open_epoch(Recovered& recovered);
  Result<void> prepare_statements();
  Result<void> write(const Batch& batch);
  Result<void> write_erasures(const Batch& batch);
  Result<void> write_tasks(const Batch& batch);
  Result<void> write_chunk(const ChunkRecord& record);
  Result<void> write_outcomes(const Batch::ChunkOutcomes& outcomes);
  Result<void> write_progress(const ProgressRecord& record);
  Result<void> write_the_rest(const Batch& batch);
  Result<void> write_objects(const Batch& batch);
  Result<std::uint32_t> chunk_of(JobId job, std::uint32_t index);

  const Options options_;
  std::optional<DataDirLock> lock_;
  FileWatch files_;
  std::optional<sql::Database> writer_;
  std::optional<sql::Database> asker_;
  Writing writing_;
  Asking asking_;
  std::unique_ptr<Checkpointer> checkpointer_;

  Batch batch_;
  Encoder encoder_;
  std::int64_t seq_ = 0;        // of the row of outcomes or progress written last
  std::uint64_t next_job_ = 1;  // as stored in meta
};

}  // namespace reeve::master
