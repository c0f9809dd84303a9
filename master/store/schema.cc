#include "master/store/schema.h"

#include <array>
#include <string_view>

namespace reeve::master {
namespace {

constexpr std::int64_t application_id = 0x72656576;  // "reev"

// Step i brings version i to version i + 1. Never change one that was released: add the next.
//
// Rows are found by (job, chunk), and mostly arrive in that order, so the tables are clustered by it. Numbers
// that are 64 bits without sign are stored as SQLite's signed ones, bit for bit. Blobs are messages of
// stored.proto.
constexpr std::array migrations = {
    R"sql(
CREATE TABLE meta (            -- epoch; instance: see store.h; next_job: the lowest id that a new job may have, as far as erased jobs tell
  name TEXT NOT NULL PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE queues (
  name TEXT NOT NULL PRIMARY KEY,
  kind INTEGER NOT NULL,       -- wire.QueueKind
  maxsize INTEGER NOT NULL,
  paused INTEGER NOT NULL,
  unfinished_taken INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE jobs (
  id INTEGER PRIMARY KEY,
  next_index INTEGER NOT NULL,
  started_us INTEGER NOT NULL,
  finished_us INTEGER NOT NULL,
  job BLOB NOT NULL            -- Job
) STRICT;

CREATE TABLE chunks (          -- written once; the tasks first … first + count - 1
  job INTEGER NOT NULL,
  first INTEGER NOT NULL,
  count INTEGER NOT NULL,
  submitted_us INTEGER NOT NULL,
  spec BLOB NOT NULL,          -- wire.TaskSpec
  origins BLOB,                -- Origins
  payloads BLOB NOT NULL,      -- Payloads
  PRIMARY KEY (job, first)
) STRICT, WITHOUT ROWID;

CREATE TABLE outcomes (        -- written once: a row for each transaction that ended tasks of the chunk
  job INTEGER NOT NULL,
  chunk INTEGER NOT NULL,
  seq INTEGER NOT NULL,        -- rises; a later row wins, also over progress
  low INTEGER NOT NULL,        -- the lowest and the highest index in it
  high INTEGER NOT NULL,
  finals BLOB NOT NULL,        -- Finals
  items BLOB NOT NULL,         -- Outcomes
  PRIMARY KEY (job, chunk, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE progress (        -- of tasks that were tried in vain, or have something else to remember
  job INTEGER NOT NULL,
  chunk INTEGER NOT NULL,
  task INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  failures INTEGER NOT NULL,
  crashes INTEGER NOT NULL,
  not_before_us INTEGER NOT NULL,
  flags INTEGER NOT NULL,      -- 1: cancel requested; 2: once started
  PRIMARY KEY (job, chunk, task)
) STRICT, WITHOUT ROWID;

CREATE TABLE submissions (
  client BLOB NOT NULL,
  submission INTEGER NOT NULL,
  job INTEGER NOT NULL,
  first INTEGER NOT NULL,
  count INTEGER NOT NULL,
  at_us INTEGER NOT NULL,
  PRIMARY KEY (client, submission)
) STRICT, WITHOUT ROWID;

CREATE TABLE workers (
  key BLOB NOT NULL PRIMARY KEY,
  name TEXT NOT NULL
) STRICT, WITHOUT ROWID;
)sql",
    R"sql(
ALTER TABLE queues ADD COLUMN function TEXT NOT NULL DEFAULT '';      -- of the tasks that values become
ALTER TABLE queues ADD COLUMN results TEXT NOT NULL DEFAULT '';       -- the queue of their results
ALTER TABLE queues ADD COLUMN ack_task_done INTEGER NOT NULL DEFAULT 0;
)sql",
    R"sql(
CREATE TABLE objects (         -- of Python programs, by name
  name TEXT NOT NULL PRIMARY KEY,
  type TEXT NOT NULL,
  typecode TEXT NOT NULL       -- of an Array or a Value
) STRICT, WITHOUT ROWID;

CREATE TABLE cells (           -- what they hold, in the order of the numbers
  object TEXT NOT NULL,
  number INTEGER NOT NULL,
  content BLOB NOT NULL,
  PRIMARY KEY (object, number)
) STRICT, WITHOUT ROWID;
)sql",
};

constexpr auto version_max = static_cast<std::int64_t>(migrations.size());

Error foreign(const char* path, std::string_view why) {
  return {Errc::storage_failed, fmt::format("{}: {}", path, why)};
}

}  // namespace

const std::int64_t format_newest = version_max;

// 0 when it is new.
Result<std::int64_t> format_of(sql::Database& database) {
  const char* const path = sqlite3_db_filename(database.raw(), "main");
  const auto version = database.integer("PRAGMA user_version");
  if (!version) return version;
  const auto owner = database.integer("PRAGMA application_id");
  if (!owner) return owner;
  const auto tables = database.integer("SELECT count(*) FROM sqlite_schema");
  if (!tables) return tables;
  const bool is_new = *owner == 0 && *version == 0 && *tables == 0;
  if (!is_new && *owner != application_id)
    return fail(foreign(path, "this is a database of another program; choose another data directory"));
  if (*version > version_max)
    return fail(
        foreign(path, fmt::format("written by a newer reeve-master (format {}, this one knows up to {}); "
                                  "install that version again, or choose another data directory",
                                  *version, version_max)));
  return version;
}

Result<void> configure(sql::Database& database, int cache_kib) {
  // No mmap: an I/O error there is a SIGBUS instead of an error that can be reported.
  // Checkpoints are the business of Checkpointer, not of whichever commit happens to be the 1000th.
  sqlite3_busy_timeout(database.raw(), 5000);  // a backup tool may hold the lock for a moment
  int keep_log = 1;  // rewriting blocks that exist is cheaper to flush than growing a new file
  sqlite3_file_control(database.raw(), "main", SQLITE_FCNTL_PERSIST_WAL, &keep_log);
  return database.run(fmt::format("PRAGMA page_size = 4096;"
                                  "PRAGMA journal_mode = WAL;"
                                  "PRAGMA synchronous = FULL;"
                                  "PRAGMA wal_autocheckpoint = 0;"
                                  "PRAGMA temp_store = MEMORY;"
                                  "PRAGMA cache_size = -{}",
                                  cache_kib)
                          .c_str());
}

Result<void> prepare(sql::Database& database, int cache_kib) {
  const auto before = format_of(database);
  if (!before) return fail(before.error());
  if (auto configured = configure(database, cache_kib); !configured) return configured;
  if (*before == version_max) return {};
  if (auto begun = database.run("BEGIN IMMEDIATE"); !begun) return begun;
  const auto migrate = [&]() -> Result<void> {
    for (auto step = static_cast<std::size_t>(*before); step < migrations.size(); ++step)
      if (auto done = database.run(migrations[step]); !done) return done;
    return database.run(fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}; COMMIT",
                                    application_id, version_max)
                            .c_str());
  };
  Result<void> migrated = migrate();
  if (!migrated) (void)database.run("ROLLBACK");
  return migrated;
}

}  // namespace reeve::master
