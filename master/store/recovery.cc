#include "master/store/recovery.h"

#include <algorithm>

#include "master/store/codec.h"
#include "master/store/schema.h"

namespace reeve::master {
namespace {

// A statement whose rows come in the order of (job, chunk), read alongside others.
class Cursor {
 public:
  static Result<Cursor> open(sql::Database& database, std::string_view sql) {
    Result<sql::Statement> statement = database.prepare(sql);
    if (!statement) return fail(statement.error());
    Cursor cursor{std::move(*statement)};
    if (auto first = cursor.next(); !first) return fail(first.error());
    return cursor;
  }

  Result<void> next() {
    const Result<bool> row = statement_.step();
    if (!row) return fail(row.error());
    has_row_ = *row;
    if (has_row_) key_ = {JobId{statement_.u64(0)}, statement_.u32(1)};
    return {};
  }

  // Skips rows before `key`. True: the row is at `key`.
  Result<bool> seek(TaskId key) {
    while (has_row_ && key_ < key)
      if (auto moved = next(); !moved) return fail(moved.error());
    return has_row_ && key_ == key;
  }

  bool is_in(JobId job) const { return has_row_ && key_.job == job; }
  const sql::Statement& row() const { return statement_; }

 private:
  explicit Cursor(sql::Statement statement) : statement_{std::move(statement)} {}
  sql::Statement statement_;
  TaskId key_;  // (job, chunk)
  bool has_row_ = false;
};

// What is known of each task of the chunk that is being read.
struct TaskSlot {
  TaskState state = TaskState::ready;
  std::int64_t seq = 0;  // of the outcome that said so
};

class Reader {
 public:
  explicit Reader(sql::Database& database) : database_{database} {}

  Result<Recovery> read() {
    if (auto done = read_small_tables(); !done) return fail(done.error());
    if (auto done = read_objects(); !done) return fail(done.error());
    if (auto done = read_jobs(); !done) return fail(done.error());
    out_.recovered.next_job = out_.next_job;
    if (!out_.recovered.jobs.empty())
      out_.recovered.next_job = std::max(out_.next_job, out_.recovered.jobs.back().record.id.value + 1);
    return std::move(out_);
  }

 private:
  Result<void> each_row(std::string_view sql, auto&& take) {
    Result<sql::Statement> statement = database_.prepare(sql);
    if (!statement) return fail(statement.error());
    for (;;) {
      const Result<bool> row = statement->step();
      if (!row) return fail(row.error());
      if (!*row) return {};
      if (Result<void> taken = take(*statement); !taken) return taken;
    }
  }

  Result<void> read_small_tables();
  Result<void> read_objects();
  Result<void> read_jobs();
  Result<void> read_chunk(Cursor& chunks, Cursor& outcomes, Cursor& progress, Recovered::Job& job);
  Result<void> read_outcomes(Cursor& outcomes, TaskId chunk);
  Result<void> read_progress(Cursor& cursor, TaskId chunk, Recovered::Chunk& out);

  sql::Database& database_;
  Recovery out_;
  SpecPool specs_;
  std::vector<TaskSlot> slots_;  // of the current chunk
};

Result<void> Reader::read_small_tables() {
  Recovered& out = out_.recovered;
  auto read = each_row("SELECT value FROM meta WHERE name = 'next_job'",
                       [&](const sql::Statement& row) -> Result<void> {
                         out_.next_job = row.u64(0);
                         return {};
                       });
  if (!read) return read;
  read = each_row(
      "SELECT name, kind, maxsize, paused, unfinished_taken, function, results, ack_task_done FROM queues "
      "ORDER BY name",
      [&](const sql::Statement& row) -> Result<void> {
        out.queues.push_back({.name = std::string{row.text(0)},
                              .kind = static_cast<QueueKind>(row.integer(1)),
                              .maxsize = row.u64(2),
                              .paused = row.integer(3) != 0,
                              .unfinished_taken = row.u64(4),
                              .function = std::string{row.text(5)},
                              .results = std::string{row.text(6)},
                              .ack_task_done = row.integer(7) != 0});
        return {};
      });
  if (!read) return read;
  read = each_row(
      "SELECT client, submission, job, first, count, at_us FROM submissions ORDER BY client, submission",
      [&](const sql::Statement& row) -> Result<void> {
        out.submissions.push_back({.client = PeerKey{row.blob(0)},
                                   .submission = row.u64(1),
                                   .job = JobId{row.u64(2)},
                                   .first = row.u32(3),
                                   .count = row.u32(4),
                                   .at = wall_from_us(row.u64(5))});
        return {};
      });
  if (!read) return read;
  return each_row("SELECT key, name FROM workers ORDER BY key",
                  [&](const sql::Statement& row) -> Result<void> {
                    out.workers.push_back({.key = PeerKey{row.blob(0)}, .name = std::string{row.text(1)}});
                    return {};
                  });
}

Result<void> Reader::read_objects() {
  auto& objects = out_.recovered.objects;
  auto read = each_row("SELECT name, type, typecode FROM objects ORDER BY name",
                       [&](const sql::Statement& row) -> Result<void> {
                         objects.push_back({.record = {.name = std::string{row.text(0)},
                                                       .type = std::string{row.text(1)},
                                                       .typecode = std::string{row.text(2)}},
                                            .cells = {}});
                         return {};
                       });
  if (!read) return read;
  auto object = objects.begin();
  return each_row("SELECT object, number, content FROM cells ORDER BY object, number",
                  [&](const sql::Statement& row) -> Result<void> {
                    while (object != objects.end() && object->record.name < row.text(0)) ++object;
                    if (object != objects.end() && object->record.name == row.text(0))
                      object->cells.emplace_back(row.integer(1), row.blob(2));
                    return {};
                  });
}

Result<void> Reader::read_jobs() {
  auto chunks = Cursor::open(
      database_,
      "SELECT job, first, count, submitted_us, spec, origins, payloads FROM chunks ORDER BY job, first");
  if (!chunks) return fail(chunks.error());
  auto outcomes =
      Cursor::open(database_, "SELECT job, chunk, seq, finals FROM outcomes ORDER BY job, chunk, seq");
  if (!outcomes) return fail(outcomes.error());
  auto progress =
      Cursor::open(database_,
                   "SELECT job, chunk, task, seq, attempt, failures, crashes, not_before_us, flags "
                   "FROM progress ORDER BY job, chunk, task");
  if (!progress) return fail(progress.error());
  return each_row("SELECT id, next_index, started_us, finished_us, job FROM jobs ORDER BY id",
                  [&](const sql::Statement& row) -> Result<void> {
                    Recovered::Job& job = out_.recovered.jobs.emplace_back();
                    job.record.id = JobId{row.u64(0)};
                    job.record.next_index = row.u32(1);
                    job.record.started = wall_from_us(row.u64(2));
                    job.record.finished = wall_from_us(row.u64(3));
                    if (auto done = decode_job(row.blob(4), job.record); !done) return done;
                    if (auto found = chunks->seek({job.record.id, 0}); !found) return fail(found.error());
                    while (chunks->is_in(job.record.id)) {
                      if (auto done = read_chunk(*chunks, *outcomes, *progress, job); !done) return done;
                      if (auto moved = chunks->next(); !moved) return moved;
                    }
                    return {};
                  });
}

Result<void> Reader::read_chunk(Cursor& chunks, Cursor& outcomes, Cursor& progress, Recovered::Job& job) {
  const sql::Statement& row = chunks.row();
  Recovered::Chunk& chunk = job.chunks.emplace_back();
  chunk.record.job = job.record.id;
  chunk.record.first = row.u32(1);
  chunk.record.submitted = wall_from_us(row.u64(3));
  const TaskId key{job.record.id, chunk.record.first};

  if (row.integer(2) <= 0 || row.integer(2) > chunk_tasks_ceiling)
    return fail(
        Errc::storage_failed,
        "the database is damaged: job {} cannot have {} tasks in a row; reeve-master --check-store says "
        "more, and what to do",
        key.job, row.integer(2));
  slots_.assign(row.u32(2), {});
  if (auto done = read_outcomes(outcomes, key); !done) return done;
  if (auto done = read_progress(progress, key, chunk); !done) return done;

  auto spec = specs_.get(row.blob(4));
  if (!spec) return fail(spec.error());
  chunk.record.spec = std::move(*spec);
  for (std::uint32_t i = 0; i < slots_.size(); ++i)
    if (is_final(slots_[i].state)) chunk.finals.emplace_back(chunk.record.first + i, slots_[i].state);
  if (chunk.finals.size() == slots_.size()) return {};

  if (!row.is_null(5)) {
    auto origins = decode_origins(row.blob(5));
    if (!origins) return fail(origins.error());
    chunk.record.origins = std::move(*origins);
  }
  auto payloads = decode_payloads(row.blob(6), &chunk.record.epoch);
  if (!payloads) return fail(payloads.error());
  if ((*payloads)->size() != slots_.size())
    return fail(Errc::storage_failed,
                "the database is damaged: tasks of job {} are missing; reeve-master --check-store says more, "
                "and what to do",
                key.job);
  chunk.record.payloads = std::move(*payloads);
  return {};
}

Result<void> Reader::read_outcomes(Cursor& outcomes, TaskId chunk) {
  for (;;) {
    const Result<bool> found = outcomes.seek(chunk);
    if (!found) return fail(found.error());
    if (!*found) return {};
    const std::int64_t seq = outcomes.row().integer(2);
    out_.seq_max = std::max(out_.seq_max, seq);
    auto read = decode_finals(outcomes.row().blob(3), static_cast<std::uint32_t>(slots_.size()),
                              [&](std::uint32_t offset, TaskState state) { slots_[offset] = {state, seq}; });
    if (!read) return read;
    if (auto moved = outcomes.next(); !moved) return moved;
  }
}

Result<void> Reader::read_progress(Cursor& cursor, TaskId chunk, Recovered::Chunk& out) {
  for (;;) {
    const Result<bool> found = cursor.seek(chunk);
    if (!found) return fail(found.error());
    if (!*found) return {};
    const sql::Statement& row = cursor.row();
    const std::int64_t seq = row.integer(3);
    out_.seq_max = std::max(out_.seq_max, seq);
    const std::uint32_t index = row.u32(2);
    const std::uint32_t offset = index - chunk.index;
    const bool is_current =
        offset < slots_.size() && !is_final(slots_[offset].state) && slots_[offset].seq < seq;
    if (is_current)
      out.progress.push_back({.task = {chunk.job, index},
                              .chunk = chunk.index,
                              .attempt = row.u32(4),
                              .failures = row.u32(5),
                              .crashes = row.u32(6),
                              .not_before = wall_from_us(row.u64(7)),
                              .cancel_requested = (row.integer(8) & 1) != 0,
                              .once_started = (row.integer(8) & 2) != 0});
    if (auto moved = cursor.next(); !moved) return moved;
  }
}

}  // namespace

Result<Recovery> recover(sql::Database& database) { return Reader{database}.read(); }

}  // namespace reeve::master
