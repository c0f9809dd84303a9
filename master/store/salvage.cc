#include "master/store/salvage.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string_view>

#include "master/store/another_store.h"
#include "master/store/census.h"
#include "master/store/codec.h"
#include "master/store/data_dir_lock.h"
#include "master/store/draft_file.h"
#include "master/store/page_reader.h"
#include "master/store/recovery.h"
#include "master/store/schema.h"

namespace reeve::master {
namespace {

constexpr int cache_kib = 32 * 1024;
constexpr int cleanings_max = 10;  // one record that goes may leave others without their own

// What rows of a table look like: i integer, t text, b blob, n blob or null, r the row's own number. No two tables'
// rows look alike, so a page needs no tree above it to say whose it is.
struct Shape {
  std::string_view table;
  std::string_view columns;
  std::size_t columns_min;  // rows of an older format have fewer; what they lack is empty or 0
};
constexpr std::array shapes{
    Shape{"meta", "ti", 2},        Shape{"queues", "tiiiitti", 5},    Shape{"jobs", "riiib", 5},
    Shape{"chunks", "iiiibnb", 7}, Shape{"outcomes", "iiiiibb", 7},   Shape{"progress", "iiiiiiiii", 9},
    Shape{"workers", "bt", 2},     Shape{"submissions", "biiiii", 6}, Shape{"objects", "ttt", 3},
    Shape{"cells", "tib", 3},
};

bool fits(const RawValue& value, char column) {
  switch (column) {
    case 'i':
      return value.type == RawValue::Type::integer;
    case 't':
      return value.type == RawValue::Type::text;
    case 'b':
      return value.type == RawValue::Type::blob;
    case 'n':
      return value.type == RawValue::Type::blob || value.type == RawValue::Type::null;
    default:
      return value.type == RawValue::Type::null;  // SQLite keeps it as the number of the row
  }
}

bool fits(const RawRow& row, const Shape& shape) {
  const auto& values = row.values;
  if (values.size() < shape.columns_min || values.size() > shape.columns.size()) return false;
  if (row.rowid.has_value() != (shape.columns[0] == 'r')) return false;
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!fits(values[i], shape.columns[i])) return false;
  return true;
}

// Puts rows that were found into the tables of a new store.
class RowWriter {
 public:
  explicit RowWriter(sql::Database& database) : database_{database} {}

  Result<void> prepare() {
    for (std::size_t i = 0; i < shapes.size(); ++i) {
      std::string places = "?";
      for (std::size_t column = 1; column < shapes[i].columns.size(); ++column) places += ", ?";
      auto statement =
          database_.prepare(fmt::format("INSERT OR IGNORE INTO {} VALUES ({})", shapes[i].table, places));
      if (!statement) return fail(statement.error());
      statements_[i] = std::move(*statement);
    }
    return {};
  }

  void write(const RawRow& row) {
    for (std::size_t i = 0; i < shapes.size(); ++i)
      if (fits(row, shapes[i])) return write(row, shapes[i], statements_[i]);
    // SQLite's own table of tables is no loss; anything else was not written by a master.
  }
  // What the new file would not take. The disk may be full, for example.
  const Result<void>& result() const { return result_; }

 private:
  void write(const RawRow& row, const Shape& shape, sql::Statement& statement) {
    for (std::size_t i = 0; i < shape.columns.size(); ++i) {
      const int place = static_cast<int>(i) + 1;
      if (shape.columns[i] == 'r')
        statement.bind_at(place, *row.rowid);
      else if (i >= row.values.size())
        shape.columns[i] == 't' ? statement.bind_at(place, std::string_view{}) : statement.bind_at(place, 0);
      else
        bind(statement, place, row.values[i]);
    }
    auto written = statement.run();
    if (!written && result_) result_ = std::move(written);
  }
  static void bind(sql::Statement& statement, int place, const RawValue& value) {
    if (value.type == RawValue::Type::integer)
      statement.bind_at(place, value.integer);
    else if (value.type == RawValue::Type::text)
      statement.bind_at(place, std::string_view{value.bytes});
    else if (value.type == RawValue::Type::blob)
      statement.bind_at(place, sql::Blob{value.bytes});
    else
      statement.bind_at(place, nullptr);
  }

  sql::Database& database_;
  std::array<sql::Statement, shapes.size()> statements_;
  Result<void> result_;
};

// Makes what was found into a store that a master can go on from.
class Mender {
 public:
  explicit Mender(sql::Database& database) : database_{database} {}

  Result<Census> mend() {
    for (int round = 0; round < cleanings_max; ++round) {
      std::vector<BadRecord> bad;
      auto census = read_records(database_, [&](const BadRecord& record) { bad.push_back(record); });
      if (!census) return census;
      if (bad.empty()) {
        if (auto done = agree_on_ends(); !done) return fail(done.error());
        return read_records(database_, [](const BadRecord&) {});
      }
      for (const BadRecord& record : bad)
        if (auto done = record.lacks_its_job ? note_missing_job(record) : remove(record); !done)
          return fail(done.error());
      if (auto made = make_missing_jobs(); !made) return fail(made.error());
    }
    return fail(Errc::storage_failed, "what was found does not fit together");
  }

  std::map<std::string, std::uint64_t> removed;  // table → records that did not read
  std::uint64_t jobs_made = 0, queues_made = 0;

 private:
  Result<void> remove(const BadRecord& record) {
    ++removed[record.table];
    return database_.run(fmt::format("DELETE FROM {} WHERE {}", record.table, record.row).c_str());
  }
  Result<void> note_missing_job(const BadRecord& chunk) {
    auto row = database_.prepare(
        fmt::format("SELECT job, first + count, submitted_us, spec FROM chunks WHERE {}", chunk.row));
    if (!row) return fail(row.error());
    const Result<bool> found = row->step();
    if (!found || !*found) return found ? Result<void>{} : fail(found.error());
    const auto spec = decode_spec(row->blob(3));
    JobRecord& job = missing_[row->u64(0)];
    job.id = JobId{row->u64(0)};
    job.name = "(salvaged)";
    job.submitted = wall_from_us(row->u64(2));
    job.next_index = std::max(job.next_index, row->u32(1));
    if (spec && (*spec)->is_value()) job.name = "", job.values_of = (*spec)->queue;
    return {};
  }
  Result<void> make_missing_jobs() {
    auto insert = database_.prepare("INSERT OR IGNORE INTO jobs VALUES (?, ?, 0, 0, ?)");
    if (!insert) return fail(insert.error());
    for (const auto& [id, job] : std::exchange(missing_, {})) {
      ++jobs_made;
      insert->bind(id, job.next_index, sql::Blob{encoder_.job(job)});
      if (auto done = insert->run(); !done) return done;
    }
    return {};
  }

  // A job is finished when its tasks are; a queue that something waits in is there.
  Result<void> agree_on_ends() {
    const auto recovery = recover(database_);
    if (!recovery) return fail(recovery.error());
    std::set<std::string> queues;
    for (const QueueRecord& queue : recovery->recovered.queues) queues.insert(queue.name);
    for (const Recovered::Job& job : recovery->recovered.jobs) {
      const bool is_live = std::ranges::any_of(
          job.chunks, [](const Recovered::Chunk& chunk) { return chunk.record.payloads != nullptr; });
      if (auto done = set_end(job.record, is_live); !done) return done;
      for (const Recovered::Chunk& chunk : job.chunks)
        if (chunk.record.payloads && queues.insert(chunk.record.spec->queue).second)
          if (auto made = make_queue(chunk.record.spec->queue); !made) return made;
    }
    return {};
  }
  Result<void> set_end(const JobRecord& job, bool is_live) {
    const bool should_be_finished = !is_live && !job.open && job.values_of.empty();
    const bool is_finished = job.finished != WallTime{};
    if (should_be_finished == is_finished) return {};
    return database_.run(fmt::format("UPDATE jobs SET finished_us = {} WHERE id = {}",
                                     should_be_finished ? to_us(wall_now()) : 0, job.id.value)
                             .c_str());
  }
  Result<void> make_queue(const std::string& name) {
    ++queues_made;
    auto insert = database_.prepare("INSERT INTO queues VALUES (?, 0, 0, 0, 0, '', '', 0)");
    if (!insert) return fail(insert.error());
    insert->bind(std::string_view{name});
    return insert->run();
  }

  sql::Database& database_;
  Encoder encoder_;
  std::map<std::uint64_t, JobRecord> missing_;
};

// An empty store in a single file, for much to be written at once: what fails is thrown away.
Result<sql::Database> make_store(const std::string& path) {
  auto database = sql::Database::open(path, nullptr);
  if (!database) return database;
  if (auto prepared = prepare(*database, cache_kib); !prepared) return fail(prepared.error());
  int keep_log = 0;
  sqlite3_file_control(database->raw(), "main", SQLITE_FCNTL_PERSIST_WAL, &keep_log);
  if (auto set =
          database->run("PRAGMA journal_mode = DELETE; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF");
      !set)
    return fail(set.error());
  return database;
}

void describe(SalvageReport& report, const Census& census, const PageReader& reader, const Mender& mender) {
  const auto say = [&](std::string line) { report.lines.push_back(std::move(line)); };
  say(fmt::format("saved: {} jobs ({} unfinished), {} tasks ({} unfinished), {} results", census.jobs,
                  census.unfinished_jobs, census.tasks, census.unfinished_tasks, census.results));
  say(fmt::format("saved: {} queues, {} values in them, {} declared objects", census.queues, census.values,
                  census.objects));
  if (reader.damaged_pages() > 0)
    say(fmt::format("lost: what stood on {} damaged pages of {}", reader.damaged_pages(), reader.pages()));
  if (reader.damaged_frames() > 0)
    say(fmt::format("lost: {} damaged pages of the log; an older state stands where there was one",
                    reader.damaged_frames()));
  for (const auto& [table, count] : mender.removed)
    say(fmt::format("lost: {} rows of {} that did not read, or whose tasks are gone", count, table));
  if (mender.jobs_made > 0)
    say(fmt::format("{} jobs lost their name and settings, but not their tasks", mender.jobs_made));
  if (mender.queues_made > 0)
    say(fmt::format("{} queues lost their settings: they are fifo without bound now", mender.queues_made));
  say("A task whose result was lost runs again. Nothing can be said about records that are gone without a "
      "trace.");
}

Result<SalvageReport> salvage(const std::string& from, const std::string& draft) {
  auto reader = PageReader::open(from);
  if (!reader) return fail(reader.error());
  auto database = make_store(draft);
  if (!database) return fail(database.error());
  RowWriter writer{*database};
  if (auto ready = writer.prepare(); !ready) return fail(ready.error());
  if (auto begun = database->run("BEGIN"); !begun) return fail(begun.error());
  reader->each_row([&](RawRow&& row) { writer.write(row); });
  if (!writer.result()) return fail(writer.result().error());
  const auto rows = database->integer(
      "SELECT (SELECT count(*) FROM jobs) + (SELECT count(*) FROM chunks) + (SELECT count(*) FROM queues)"
      " + (SELECT count(*) FROM meta)");
  if (!rows) return fail(rows.error());
  if (*rows == 0)
    return fail(Errc::storage_failed, "nothing in {} reads as what a reeve-master wrote; nothing was saved",
                from);
  Mender mender{*database};
  const auto census = mender.mend();
  if (!census) return fail(census.error());
  if (auto kept = database->run("COMMIT"); !kept) return fail(kept.error());
  if (auto made = become_another_store(*database); !made) return fail(made.error());
  SalvageReport report;
  describe(report, *census, *reader, mender);
  return report;
}

}  // namespace

Result<SalvageReport> salvage_store(const std::string& data_dir, const std::string& file) {
  if (const auto holder = DataDirLock::holder(data_dir))
    return fail(Errc::already_exists, "a master{} is running on {}: stop it first",
                *holder > 0 ? fmt::format(" (pid {})", *holder) : "", data_dir);
  auto draft = DraftFile::make(file);
  if (!draft) return fail(draft.error());
  auto report = salvage(data_dir + "/reeve.db", draft->path());
  if (!report) return report;
  if (auto published = draft->publish(); !published) return fail(published.error());
  report->lines.push_back(
      fmt::format("{} is the new store. To go on with it: put it into an empty data directory "
                  "as reeve.db, and start reeve-master there.",
                  file));
  return report;
}

}  // namespace reeve::master
