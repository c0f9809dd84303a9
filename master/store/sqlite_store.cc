#include "master/store/sqlite_store.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

#include "common/base/assert.h"
#include "master/store/backup.h"
#include "master/store/page_reader.h"
#include "master/store/recovery.h"
#include "master/store/schema.h"

namespace reeve::master {
namespace {

constexpr int asking_cache_kib = 8 * 1024;

// SQLite gives its log and index files the mode of the database file.
Result<void> make_private_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return fail(Errc::storage_failed, "cannot open {}: {}", path, std::strerror(errno));
  ::close(fd);
  return {};
}

// SQLite takes damage in its log for the log's end, says nothing, and writes over what stands behind it.
Result<void> check_log(const std::string& data_dir) {
  const auto reader = PageReader::open(data_dir + "/reeve.db");
  if (!reader || !reader->log_goes_on_behind_damage()) return {};
  return fail(
      Errc::storage_failed,
      "{}/reeve.db-wal is damaged, and transactions that were acknowledged stand behind the damage: starting "
      "would "
      "lose them. Keep a copy of {} as it is, then save what can be read with: reeve-master --data-dir {} "
      "--salvage NEW_FILE",
      data_dir, data_dir, data_dir);
}

// Everything in the log goes into the database, and the log begins anew, under other salts: what a power cut left behind
// its end cannot be taken for a part of it later. A failure shows again at the first commit.
void empty_log(sql::Database& database) {
  sqlite3_wal_checkpoint_v2(database.raw(), "main", SQLITE_CHECKPOINT_RESTART, nullptr, nullptr);
}

// Prepares several statements and keeps the first error.
class Preparer {
 public:
  explicit Preparer(sql::Database& database) : database_{database} {}
  void operator()(sql::Statement& to, std::string_view sql) {
    if (!result_) return;
    Result<sql::Statement> statement = database_.prepare(sql);
    if (statement)
      to = std::move(*statement);
    else
      result_ = fail(statement.error());
  }
  Result<void> result() { return std::move(result_); }

 private:
  sql::Database& database_;
  Result<void> result_;
};

template <typename... Values>
Result<void> execute(sql::Statement& statement, const Values&... values) {
  statement.bind(values...);
  return statement.run();
}

std::size_t content_bytes(const Outcome& o) {
  return o.value.size() + o.error.size() + o.out.size() + o.err.size();
}

}  // namespace

// ---------------------------------------------------------------- opening

Result<sql::Database> SqliteStore::connect() {
  return sql::Database::open(options_.data_dir + "/reeve.db", options_.vfs);
}

Result<Recovered> SqliteStore::open() {
  ASSERT(!lock_, "the store is open");
  auto lock = DataDirLock::take(options_.data_dir);
  if (!lock) return fail(lock.error());
  if (auto made = make_private_file(options_.data_dir + "/reeve.db"); !made) return fail(made.error());

  if (options_.vfs == nullptr)  // else the files are no files
    if (auto whole = check_log(options_.data_dir); !whole) return fail(whole.error());
  auto writer = connect();
  if (!writer) return fail(writer.error());
  if (auto prepared = prepare(*writer, options_.cache_kib); !prepared) return fail(prepared.error());
  empty_log(*writer);
  auto recovery = recover(*writer);
  if (!recovery) return fail(recovery.error());
  seq_ = recovery->seq_max;
  next_job_ = recovery->next_job;
  writer_ = std::move(*writer);
  if (auto raised = open_epoch(recovery->recovered); !raised) return fail(raised.error());

  auto asker = connect();
  if (!asker) return fail(asker.error());
  if (auto configured = configure(*asker, asking_cache_kib); !configured) return fail(configured.error());
  asker_ = std::move(*asker);
  auto copier = connect();
  if (!copier) return fail(copier.error());
  if (auto configured = configure(*copier, asking_cache_kib); !configured) return fail(configured.error());
  if (auto prepared = prepare_statements(); !prepared) return fail(prepared.error());
  checkpointer_ = std::make_unique<Checkpointer>(*writer_, std::move(*copier), options_.checkpoint_pages);
  for (const char* name : {"/reeve.db", "/reeve.db-wal"})
    if (auto watched = files_.add(options_.data_dir + name); !watched) return fail(watched.error());
  lock_ = std::move(*lock);
  return std::move(recovery->recovered);
}

Result<void> SqliteStore::open_epoch(Recovered& recovered) {
  const auto before = writer_->integer("SELECT value FROM meta WHERE name = 'epoch'");
  if (!before) return fail(before.error());
  // By the clock, so that a data directory that was wiped does not hand out an old epoch again: a worker from
  // before would find its fences valid, for other tasks.
  recovered.epoch = Epoch{std::max(static_cast<std::uint64_t>(*before) + 1, to_us(wall_now()) / 1000)};
  auto kept =
      writer_->run(fmt::format("INSERT OR REPLACE INTO meta VALUES ('epoch', {});"
                               "INSERT OR IGNORE INTO meta VALUES ('instance', {})",
                               recovered.epoch.value, std::bit_cast<std::int64_t>(random_instance().value))
                       .c_str());
  if (!kept) return kept;
  const auto instance = writer_->integer("SELECT value FROM meta WHERE name = 'instance'");
  if (!instance) return fail(instance.error());
  recovered.instance = InstanceId{std::bit_cast<std::uint64_t>(*instance)};
  return {};
}

Result<void> SqliteStore::prepare_statements() {
  Preparer write{*writer_};
  write(writing_.begin, "BEGIN IMMEDIATE");
  write(writing_.commit, "COMMIT");
  write(writing_.rollback, "ROLLBACK");
  write(writing_.put_meta, "INSERT OR REPLACE INTO meta VALUES ('next_job', ?)");
  write(writing_.put_queue, "INSERT OR REPLACE INTO queues VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
  write(writing_.erase_queue, "DELETE FROM queues WHERE name = ?");
  write(writing_.put_worker, "INSERT OR REPLACE INTO workers VALUES (?, ?)");
  write(writing_.erase_worker, "DELETE FROM workers WHERE key = ?");
  write(writing_.put_submission, "INSERT OR REPLACE INTO submissions VALUES (?, ?, ?, ?, ?, ?)");
  write(writing_.settle, "DELETE FROM submissions WHERE client = ? AND submission <= ?");
  write(writing_.put_job, "INSERT OR REPLACE INTO jobs VALUES (?, ?, ?, ?, ?)");
  write(writing_.erase_job, "DELETE FROM jobs WHERE id = ?");
  write(writing_.erase_job_chunks, "DELETE FROM chunks WHERE job = ?");
  write(writing_.erase_job_outcomes, "DELETE FROM outcomes WHERE job = ?");
  write(writing_.erase_job_progress, "DELETE FROM progress WHERE job = ?");
  write(writing_.put_chunk, "INSERT OR REPLACE INTO chunks VALUES (?, ?, ?, ?, ?, ?, ?)");
  write(writing_.erase_chunk, "DELETE FROM chunks WHERE job = ? AND first = ?");
  write(writing_.erase_chunk_outcomes, "DELETE FROM outcomes WHERE job = ? AND chunk = ?");
  write(writing_.erase_chunk_progress, "DELETE FROM progress WHERE job = ? AND chunk = ?");
  write(writing_.put_outcomes, "INSERT INTO outcomes VALUES (?, ?, ?, ?, ?, ?, ?)");
  write(writing_.put_progress, "INSERT OR REPLACE INTO progress VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
  write(writing_.put_object, "INSERT OR REPLACE INTO objects VALUES (?, ?, ?)");
  write(writing_.erase_object, "DELETE FROM objects WHERE name = ?");
  write(writing_.put_cell, "INSERT OR REPLACE INTO cells VALUES (?, ?, ?)");
  write(writing_.erase_cell, "DELETE FROM cells WHERE object = ? AND number = ?");
  write(writing_.erase_cells, "DELETE FROM cells WHERE object = ?");
  if (auto written = write.result(); !written) return written;

  Preparer ask{*asker_};
  ask(asking_.chunk_of, "SELECT first FROM chunks WHERE job = ? AND first <= ? ORDER BY first DESC LIMIT 1");
  ask(asking_.outcomes,
      "SELECT chunk, low, high, finals, items FROM outcomes"
      " WHERE job = ?1 AND chunk BETWEEN ?2 AND ?4 AND high >= ?3 AND low <= ?4 ORDER BY chunk, seq");
  ask(asking_.chunks,
      "SELECT first, submitted_us, spec, origins, payloads FROM chunks"
      " WHERE job = ?1 AND first BETWEEN ?2 AND ?4 AND first + count > ?3 ORDER BY first");
  return ask.result();
}

// ---------------------------------------------------------------- writing

Result<void> SqliteStore::apply(Records& batch) {
  if (batch.empty()) return {};
  batch_.read(batch);
  if (Result<void> written = write(batch_); !written) {
    if (writer_->in_transaction()) (void)writing_.rollback.run();  // a bad error has rolled back already
    return written;
  }
  for (const auto& [job, at] : batch_.jobs_erased()) next_job_ = std::max(next_job_, job.value + 1);
  batch.clear();
  checkpointer_->committed();
  return {};
}

Result<void> SqliteStore::write(const Batch& batch) {
  if (auto done = writing_.begin.run(); !done) return done;
  if (auto done = write_erasures(batch); !done) return done;
  if (auto done = write_tasks(batch); !done) return done;
  if (auto done = write_the_rest(batch); !done) return done;
  if (auto done = write_objects(batch); !done) return done;
  if (auto there = files_.check(); !there) return there;
  return writing_.commit.run();
}

Result<void> SqliteStore::write_erasures(const Batch& batch) {
  Writing& w = writing_;
  std::uint64_t next_job = next_job_;
  for (const auto& [job, at] : batch.jobs_erased()) {
    next_job = std::max(next_job, job.value + 1);
    for (sql::Statement* statement :
         {&w.erase_job, &w.erase_job_chunks, &w.erase_job_outcomes, &w.erase_job_progress})
      if (auto done = execute(*statement, job.value); !done) return done;
  }
  if (next_job != next_job_)
    if (auto done = execute(w.put_meta, next_job); !done) return done;
  for (const auto& [chunk, at] : batch.chunks_erased())
    for (sql::Statement* statement : {&w.erase_chunk, &w.erase_chunk_outcomes, &w.erase_chunk_progress})
      if (auto done = execute(*statement, chunk.job.value, chunk.index); !done) return done;
  for (const auto& [client, through] : batch.settled())
    if (auto done = execute(w.settle, sql::Blob{client}, through); !done) return done;
  return {};
}

Result<void> SqliteStore::write_tasks(const Batch& batch) {
  for (const ChunkRecord* record : batch.chunks())
    if (auto done = write_chunk(*record); !done) return done;
  for (const Batch::ChunkOutcomes& of : batch.outcomes())
    if (auto done = write_outcomes(of); !done) return done;
  for (const auto& [task, record] : batch.progress())
    if (auto done = write_progress(*record); !done) return done;
  return {};
}

Result<void> SqliteStore::write_chunk(const ChunkRecord& record) {
  const std::string_view spec = encoder_.spec(record.spec);
  const std::string_view payloads = encoder_.payloads(*record.payloads, record.epoch);
  const auto head =
      std::tuple{record.job.value, record.first, record.payloads->size(), to_us(record.submitted)};
  const auto& [job, first, count, submitted] = head;
  if (record.origins == nullptr)
    return execute(writing_.put_chunk, job, first, count, submitted, sql::Blob{spec}, nullptr,
                   sql::Blob{payloads});
  return execute(writing_.put_chunk, job, first, count, submitted, sql::Blob{spec},
                 sql::Blob{encoder_.origins(*record.origins)}, sql::Blob{payloads});
}

Result<void> SqliteStore::write_outcomes(const Batch::ChunkOutcomes& outcomes) {
  std::span<const OutcomeRecord* const> rest{outcomes.tasks};
  while (!rest.empty()) {
    std::size_t count = 0, bytes = 0;
    while (count < rest.size() && (count == 0 || bytes < options_.row_bytes_max))
      bytes += content_bytes(rest[count++]->outcome);
    const auto row = rest.first(count);
    rest = rest.subspan(count);
    auto done =
        execute(writing_.put_outcomes, outcomes.chunk.job.value, outcomes.chunk.index, ++seq_,
                row.front()->task.index, row.back()->task.index,
                sql::Blob{encoder_.finals(outcomes.chunk.index, row)}, sql::Blob{encoder_.items(row)});
    if (!done) return done;
  }
  return {};
}

Result<void> SqliteStore::write_progress(const ProgressRecord& r) {
  const int flags = (r.cancel_requested ? 1 : 0) | (r.once_started ? 2 : 0);
  return execute(writing_.put_progress, r.task.job.value, r.chunk, r.task.index, ++seq_, r.attempt,
                 r.failures, r.crashes, to_us(r.not_before), flags);
}

Result<void> SqliteStore::write_the_rest(const Batch& batch) {
  Writing& w = writing_;
  for (const auto& [id, job] : batch.jobs()) {
    auto done = execute(w.put_job, id.value, job->next_index, to_us(job->started), to_us(job->finished),
                        sql::Blob{encoder_.job(*job)});
    if (!done) return done;
  }
  for (const auto& [key, record] : batch.submissions()) {
    auto done = execute(w.put_submission, sql::Blob{record->client}, record->submission, record->job.value,
                        record->first, record->count, to_us(record->at));
    if (!done) return done;
  }
  for (const auto& [name, queue] : batch.queues()) {
    auto done = queue == nullptr
                    ? execute(w.erase_queue, name)
                    : execute(w.put_queue, name, static_cast<int>(queue->kind), queue->maxsize,
                              static_cast<int>(queue->paused), queue->unfinished_taken, queue->function,
                              queue->results, static_cast<int>(queue->ack_task_done));
    if (!done) return done;
  }
  for (const auto& [key, worker] : batch.workers()) {
    auto done = worker == nullptr ? execute(w.erase_worker, sql::Blob{key})
                                  : execute(w.put_worker, sql::Blob{key}, worker->name);
    if (!done) return done;
  }
  return {};
}

Result<void> SqliteStore::write_objects(const Batch& batch) {
  Writing& w = writing_;
  for (const std::string_view name : batch.emptied())
    if (auto done = execute(w.erase_cells, name); !done) return done;
  for (const auto& [name, object] : batch.objects()) {
    auto done = object == nullptr ? execute(w.erase_object, name)
                                  : execute(w.put_object, name, object->type, object->typecode);
    if (!done) return done;
  }
  for (const auto& [key, cell] : batch.cells()) {
    const auto& [object, number] = key;
    auto done = cell == nullptr ? execute(w.erase_cell, object, number)
                                : execute(w.put_cell, object, number, sql::Blob{cell->content});
    if (!done) return done;
  }
  return {};
}

// ---------------------------------------------------------------- asking

Result<std::uint32_t> SqliteStore::chunk_of(JobId job, std::uint32_t index) {
  const sql::Once once{asking_.chunk_of};
  asking_.chunk_of.bind(job.value, index);
  const Result<bool> row = asking_.chunk_of.step();
  if (!row) return fail(row.error());
  return *row ? asking_.chunk_of.u32(0) : index;
}

Result<std::vector<Store::StoredOutcome>> SqliteStore::outcomes(JobId job, std::uint32_t first,
                                                                std::uint32_t last, std::size_t limit) {
  const Result<std::uint32_t> chunk = chunk_of(job, first);
  if (!chunk) return fail(chunk.error());
  sql::Statement& ask = asking_.outcomes;
  const sql::Once once{ask};
  ask.bind(job.value, *chunk, first, last);

  std::vector<StoredOutcome> found;
  std::map<std::uint32_t, Outcome> of_chunk;  // by index; later rows override earlier ones
  std::uint32_t current = 0;
  const auto finish_chunk = [&] {
    for (auto& [index, outcome] : of_chunk)
      if (found.size() < limit) found.push_back({index, std::move(outcome)});
    of_chunk.clear();
  };
  for (;;) {
    const Result<bool> row = ask.step();
    if (!row) return fail(row.error());
    if (!*row || ask.u32(0) != current) finish_chunk();
    if (!*row || found.size() >= limit) return found;
    current = ask.u32(0);
    // Finals say which tasks this row speaks of, also those it has nothing to show for.
    auto read = decode_finals(ask.blob(3), ask.u32(2) - current + 1,
                              [&](std::uint32_t offset, TaskState) { of_chunk.erase(current + offset); });
    if (!read) return fail(read.error());
    auto items = decode_items(ask.blob(4));
    if (!items) return fail(items.error());
    for (StoredOutcome& item : *items)
      if (item.index >= first && item.index <= last) of_chunk[item.index] = std::move(item.outcome);
  }
}

Result<std::vector<ChunkRecord>> SqliteStore::chunks(JobId job, std::uint32_t first, std::uint32_t last) {
  const Result<std::uint32_t> begin = chunk_of(job, first);
  if (!begin) return fail(begin.error());
  sql::Statement& ask = asking_.chunks;
  const sql::Once once{ask};
  ask.bind(job.value, *begin, first, last);
  std::vector<ChunkRecord> found;
  SpecPool specs;
  for (;;) {
    const Result<bool> row = ask.step();
    if (!row) return fail(row.error());
    if (!*row) return found;
    ChunkRecord& chunk = found.emplace_back();
    chunk.job = job;
    chunk.first = ask.u32(0);
    chunk.submitted = wall_from_us(ask.u64(1));
    auto spec = specs.get(ask.blob(2));
    if (!spec) return fail(spec.error());
    chunk.spec = std::move(*spec);
    if (!ask.is_null(3)) {
      auto origins = decode_origins(ask.blob(3));
      if (!origins) return fail(origins.error());
      chunk.origins = std::move(*origins);
    }
    auto payloads = decode_payloads(ask.blob(4), &chunk.epoch);
    if (!payloads) return fail(payloads.error());
    chunk.payloads = std::move(*payloads);
  }
}

Result<std::unique_ptr<StoreBackup>> SqliteStore::backup(std::string file) {
  auto begun = StoreBackup::begin(options_.data_dir + "/reeve.db", std::move(file));
  if (!begun) return fail(begun.error());
  return std::make_unique<StoreBackup>(std::move(*begun));
}

}  // namespace reeve::master
