#include "master/store/census.h"

#include <map>
#include <unordered_map>
#include <vector>

#include "master/store/codec.h"
#include "master/store/schema.h"

namespace reeve::master {
namespace {

class Reader {
 public:
  Reader(sql::Database& database, const std::function<void(const BadRecord&)>& bad)
      : database_{database}, bad_{bad} {}

  Result<Census> read() {
    for (const auto step :
         {&Reader::read_jobs, &Reader::read_chunks, &Reader::read_outcomes, &Reader::read_progress,
          &Reader::read_queues, &Reader::read_cells, &Reader::count_the_rest})
      if (auto done = (this->*step)(); !done) return fail(done.error());
    sum_up();
    return census_;
  }

 private:
  struct Job {
    bool has_values = false;
    bool is_finished = false;
  };
  struct Chunk {
    bool holds_values = false;
    std::vector<bool> finals;
  };

  Result<void> each_row(std::string_view sql, auto&& take) {
    Result<sql::Statement> statement = database_.prepare(sql);
    if (!statement) return fail(statement.error());
    for (;;) {
      const Result<bool> row = statement->step();
      if (!row) return fail(row.error());
      if (!*row) return {};
      take(std::as_const(*statement));
    }
  }
  void complain(std::string table, std::string row, std::string why, bool lacks_its_job = false) {
    bad_({std::move(table), std::move(row), std::move(why), lacks_its_job});
  }

  Result<void> read_jobs();
  Result<void> read_chunks();
  Result<void> read_outcomes();
  Result<void> read_progress();
  Result<void> read_queues();
  Result<void> read_cells();
  Result<void> count_the_rest();
  Result<void> check_chunk(const sql::Statement& row);
  Result<void> check_outcomes(const sql::Statement& row, Chunk& chunk);
  void sum_up();

  sql::Database& database_;
  const std::function<void(const BadRecord&)>& bad_;
  Census census_;
  std::unordered_map<std::uint64_t, Job> jobs_;
  std::map<std::pair<std::uint64_t, std::uint32_t>, Chunk> chunks_;  // by job and first task
};

Result<void> Reader::read_jobs() {
  return each_row("SELECT id, finished_us, job FROM jobs", [&](const sql::Statement& row) {
    JobRecord job;
    if (auto read = decode_job(row.blob(2), job); !read)
      return complain("jobs", fmt::format("id = {}", row.integer(0)), read.error().detail);
    jobs_[row.u64(0)] = {.has_values = !job.values_of.empty(), .is_finished = row.integer(1) != 0};
  });
}

Result<void> Reader::check_chunk(const sql::Statement& row) {
  if (row.integer(2) <= 0 || row.integer(2) > chunk_tasks_ceiling)
    return fail(Errc::storage_failed, "it cannot have {} tasks", row.integer(2));
  if (auto spec = decode_spec(row.blob(3)); !spec) return fail(spec.error());
  if (!row.is_null(4))
    if (auto origins = decode_origins(row.blob(4)); !origins) return fail(origins.error());
  auto payloads = decode_payloads(row.blob(5));
  if (!payloads) return fail(payloads.error());
  if ((*payloads)->size() != row.u64(2))
    return fail(Errc::storage_failed, "it has {} payloads for {} tasks", (*payloads)->size(), row.u64(2));
  return {};
}

Result<void> Reader::read_chunks() {
  return each_row(
      "SELECT job, first, count, spec, origins, payloads FROM chunks", [&](const sql::Statement& row) {
        const std::string where = fmt::format("job = {} AND first = {}", row.integer(0), row.integer(1));
        if (auto read = check_chunk(row); !read) return complain("chunks", where, read.error().detail);
        const auto job = jobs_.find(row.u64(0));
        if (job == jobs_.end()) complain("chunks", where, "the job of these tasks is missing", true);
        chunks_[{row.u64(0), row.u32(1)}] = {.holds_values = job != jobs_.end() && job->second.has_values,
                                             .finals = std::vector<bool>(row.u64(2))};
      });
}

Result<void> Reader::check_outcomes(const sql::Statement& row, Chunk& chunk) {
  const auto count = static_cast<std::uint32_t>(chunk.finals.size());
  auto read = decode_finals(row.blob(3), count, [&](std::uint32_t offset, TaskState state) {
    chunk.finals[offset] = is_final(state);
  });
  if (!read) return read;
  auto items = decode_items(row.blob(4));
  if (!items) return fail(items.error());
  for (const Store::StoredOutcome& item : *items)
    if (item.index - row.u32(1) >= count) return fail(Errc::storage_failed, "it is of a task outside");
  census_.results += items->size();
  return {};
}

Result<void> Reader::read_outcomes() {
  return each_row("SELECT job, chunk, seq, finals, items FROM outcomes ORDER BY job, chunk, seq",
                  [&](const sql::Statement& row) {
                    const auto chunk = chunks_.find({row.u64(0), row.u32(1)});
                    const auto read = chunk == chunks_.end() ? fail(Errc::storage_failed,
                                                                    "the tasks of these results are missing")
                                                             : check_outcomes(row, chunk->second);
                    if (!read)
                      complain("outcomes",
                               fmt::format("job = {} AND chunk = {} AND seq = {}", row.integer(0),
                                           row.integer(1), row.integer(2)),
                               read.error().detail);
                  });
}

Result<void> Reader::read_cells() {
  return each_row("SELECT DISTINCT quote(object) FROM cells WHERE object NOT IN (SELECT name FROM objects)",
                  [&](const sql::Statement& row) {
                    complain("cells", fmt::format("object = {}", row.text(0)),
                             "the object of these cells is missing");
                  });
}

// What is left of chunks that are gone is no damage: the next opening skips it.
Result<void> Reader::read_progress() {
  return each_row("SELECT job, chunk, task FROM progress", [&](const sql::Statement& row) {
    const auto chunk = chunks_.find({row.u64(0), row.u32(1)});
    if (chunk != chunks_.end() && row.u32(2) - row.u32(1) >= chunk->second.finals.size())
      complain("progress",
               fmt::format("job = {} AND chunk = {} AND task = {}", row.integer(0), row.integer(1),
                           row.integer(2)),
               "it is of a task outside");
  });
}

Result<void> Reader::read_queues() {
  return each_row("SELECT kind, quote(name) FROM queues", [&](const sql::Statement& row) {
    ++census_.queues;
    if (row.integer(0) < 0 || row.integer(0) > static_cast<int>(QueueKind::priority))
      complain("queues", fmt::format("name = {}", row.text(1)), "there is no such kind of queue");
  });
}

Result<void> Reader::count_the_rest() {
  for (const auto& [sql, count] : {std::pair{"SELECT count(*) FROM submissions", &Census::submissions},
                                   {"SELECT count(*) FROM workers", &Census::workers},
                                   {"SELECT count(*) FROM objects", &Census::objects}}) {
    const auto rows = database_.integer(sql);
    if (!rows) return fail(rows.error());
    census_.*count = static_cast<std::uint64_t>(*rows);
  }
  return {};
}

void Reader::sum_up() {
  census_.jobs = jobs_.size();
  for (const auto& [id, job] : jobs_) census_.unfinished_jobs += job.is_finished ? 0 : 1;
  for (const auto& [key, chunk] : chunks_) {
    std::uint64_t unfinished = 0;
    for (const bool is_final : chunk.finals) unfinished += is_final ? 0 : 1;
    if (chunk.holds_values) {
      census_.values += unfinished;
    } else {
      census_.tasks += chunk.finals.size();
      census_.unfinished_tasks += unfinished;
    }
  }
}

}  // namespace

Result<Census> read_records(sql::Database& database, const std::function<void(const BadRecord&)>& bad) {
  return Reader{database, bad}.read();
}

}  // namespace reeve::master
