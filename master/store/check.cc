#include "master/store/check.h"

#include <filesystem>

#include "common/base/byte_size.h"
#include "master/store/census.h"
#include "master/store/data_dir_lock.h"
#include "master/store/page_reader.h"
#include "master/store/schema.h"

namespace reeve::master {
namespace {

constexpr std::size_t complaints_shown_max = 10;
constexpr int page_complaints_max = 100;

std::string size_of(const std::string& path) {
  std::error_code error;
  const auto bytes = std::filesystem::file_size(path, error);
  return error ? "none" : format_byte_size(bytes);
}

class Checker {
 public:
  explicit Checker(const std::string& data_dir) : data_dir_{data_dir}, path_{data_dir + "/reeve.db"} {}

  Result<StoreReport> check() {
    std::error_code error;
    if (!std::filesystem::exists(path_, error))
      return fail(Errc::not_found,
                  "there is no store in {} (no reeve.db): name its directory with --data-dir", data_dir_);
    say(fmt::format("{}: {}, its log: {}", path_, size_of(path_), size_of(path_ + "-wal")));
    const auto holder = DataDirLock::holder(data_dir_);
    if (holder)
      say(fmt::format("a master is running on it{}: this is how it stands at this moment",
                      *holder > 0 ? fmt::format(" (pid {})", *holder) : ""));
    else
      say("no master is running on it");
    if (!holder) check_log();
    auto database = sql::Database::open_to_read(path_, nullptr);
    if (!database) return fail(database.error());
    if (auto read = look_inside(*database); !read) {
      // Not being let in, or a disk that fails, says nothing about what is in the file.
      const int rc = sqlite3_errcode(database->raw()) & 0xff;
      if (rc != SQLITE_CORRUPT && rc != SQLITE_NOTADB && rc != SQLITE_OK && rc != SQLITE_ROW &&
          rc != SQLITE_DONE)
        return fail(read.error());
      complain(read.error().detail);
    }
    conclude();
    return std::move(report_);
  }

 private:
  void say(std::string line) { report_.lines.push_back(std::move(line)); }
  void complain(std::string line) {
    ++complaints_;
    if (complaints_ <= complaints_shown_max) say("DAMAGED: " + std::move(line));
  }

  Result<void> look_inside(sql::Database& database) {
    sqlite3_busy_timeout(database.raw(), 5000);
    // All of it as of one moment, whatever a running master writes meanwhile.
    if (auto begun = database.run("BEGIN"); !begun) return begun;
    const auto version = format_of(database);
    if (!version) return fail(version.error());
    say(fmt::format("format {}", *version));
    if (auto read = check_pages(database); !read) return read;
    if (*version < format_newest) {
      say("an older format: the next start of reeve-master brings it up to date; records are read after "
          "that");
      return {};
    }
    return check_records(database);
  }

  // While nobody writes it.
  void check_log() {
    const auto reader = PageReader::open(path_);
    if (reader && reader->log_goes_on_behind_damage())
      complain("the log is damaged, and transactions stand behind the damage: a start would not see them");
  }

  Result<void> check_pages(sql::Database& database) {
    auto statement = database.prepare(fmt::format("PRAGMA integrity_check({})", page_complaints_max));
    if (!statement) return fail(statement.error());
    const std::size_t before = complaints_;
    for (;;) {
      const Result<bool> row = statement->step();
      if (!row) return fail(row.error());
      if (!*row) break;
      if (statement->text(0) != "ok") complain(std::string{statement->text(0)});
    }
    if (complaints_ == before) say("its pages and tables are sound");
    return {};
  }

  Result<void> check_records(sql::Database& database) {
    const auto census = read_records(database, [this](const BadRecord& bad) {
      complain(fmt::format("{} ({}): {}", bad.table, bad.row, bad.why));
    });
    if (!census) return fail(census.error());
    say(fmt::format("{} jobs ({} unfinished), {} tasks ({} unfinished), {} results", census->jobs,
                    census->unfinished_jobs, census->tasks, census->unfinished_tasks, census->results));
    say(fmt::format(
        "{} queues, {} values in them; {} declared objects; {} submissions, {} workers remembered",
        census->queues, census->values, census->objects, census->submissions, census->workers));
    return {};
  }

  void conclude() {
    report_.is_sound = complaints_ == 0;
    if (complaints_ > complaints_shown_max)
      say(fmt::format("… and {} more", complaints_ - complaints_shown_max));
    if (report_.is_sound)
      say("The store is sound.");
    else
      say(fmt::format(
          "The store is damaged. Stop the master and keep a copy of {} as it is. Then restore a backup; or "
          "save what can be read with: reeve-master --data-dir {} --salvage NEW_FILE",
          data_dir_, data_dir_));
  }

  const std::string data_dir_, path_;
  StoreReport report_;
  std::size_t complaints_ = 0;
};

}  // namespace

Result<StoreReport> check_store(const std::string& data_dir) { return Checker{data_dir}.check(); }

}  // namespace reeve::master
