#include "master/store/sqlite.h"

#include <cstring>

namespace reeve::master::sql {
namespace {

std::string_view advice(int rc) {
  switch (rc & 0xff) {
    case SQLITE_FULL:
      return "the disk is full; free some space";
    case SQLITE_IOERR:
      return "the disk answered with an I/O error";
    case SQLITE_CORRUPT:
      return "the file is damaged; reeve-master --check-store says how, and what to do";
    case SQLITE_NOTADB:
      return "the file is damaged or was not made by reeve-master; restore a backup, save what can be read "
             "with reeve-master --salvage NEW_FILE, or choose another data directory";
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return "it may not be written; check who owns the data directory";
    case SQLITE_CANTOPEN:
      return "it cannot be opened";
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return "another program holds a lock on it";
    case SQLITE_NOMEM:
      return "out of memory";
    case SQLITE_TOOBIG:
      return "a record is larger than a row can be";
    default:
      return "";
  }
}

}  // namespace

Error error_of(sqlite3* database, int rc) {
  const char* name = sqlite3_db_filename(database, "main");
  std::string words = fmt::format("{}: ", name != nullptr && *name != '\0' ? name : "the database");
  const std::string_view say = advice(rc);
  if (say.empty()) {
    words += sqlite3_errmsg(database);
  } else {
    words += fmt::format("{} ({}", say, sqlite3_errstr(rc));
    const int system = sqlite3_system_errno(database);
    if (system != 0 && (rc & 0xff) != SQLITE_FULL) words += fmt::format(": {}", std::strerror(system));
    words += ")";
  }
  return {Errc::storage_failed, std::move(words)};
}

Result<bool> Statement::step() {
  sqlite3* const database = sqlite3_db_handle(raw_.get());
  if (bind_rc_ != SQLITE_OK) return fail(error_of(database, bind_rc_));
  switch (const int rc = sqlite3_step(raw_.get())) {
    case SQLITE_ROW:
      return true;
    case SQLITE_DONE:
      return false;
    default:
      return fail(error_of(database, rc));
  }
}

Result<void> Statement::run() {
  const Once once{*this};
  for (;;) {
    const Result<bool> row = step();
    if (!row) return fail(row.error());
    if (!*row) return {};
  }
}

void Statement::reset() {
  sqlite3_reset(raw_.get());  // repeats the error of the last step, which was reported there
  bind_rc_ = SQLITE_OK;
}

std::string_view Statement::blob(int column) const {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(raw_.get(), column));
  return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(raw_.get(), column))};
}

void Statement::bind_one(int position, std::string_view text) {
  note(sqlite3_bind_text64(raw_.get(), position, text.data() != nullptr ? text.data() : "", text.size(),
                           SQLITE_STATIC, SQLITE_UTF8));
}

void Statement::bind_one(int position, Blob blob) {
  if (blob.bytes.empty())
    note(sqlite3_bind_zeroblob(raw_.get(), position, 0));  // a null pointer would bind NULL
  else
    note(sqlite3_bind_blob64(raw_.get(), position, blob.bytes.data(), blob.bytes.size(), SQLITE_STATIC));
}

Result<Database> Database::open(const std::string& path, const char* vfs) {
  return open(path, vfs, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
}

Result<Database> Database::open_to_read(const std::string& path, const char* vfs) {
  auto database = open(path, vfs, SQLITE_OPEN_READONLY);
  // The last connection to close would copy the log into the file, and remove it.
  if (database) sqlite3_db_config(database->raw(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  return database;
}

Result<Database> Database::open(const std::string& path, const char* vfs, int flags) {
  sqlite3* raw = nullptr;
  const int rc = sqlite3_open_v2(path.c_str(), &raw, flags | SQLITE_OPEN_NOMUTEX, vfs);
  Database database;
  database.raw_.reset(raw);
  if (raw == nullptr) return fail(Errc::storage_failed, "{}: out of memory", path);
  if (rc != SQLITE_OK) return fail(error_of(raw, rc));
  sqlite3_extended_result_codes(raw, 1);
  return database;
}

Result<void> Database::run(const char* sql) {
  const int rc = sqlite3_exec(raw_.get(), sql, nullptr, nullptr, nullptr);
  if (rc != SQLITE_OK) return fail(error_of(raw_.get(), rc));
  return {};
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* raw = nullptr;
  const int rc = sqlite3_prepare_v3(raw_.get(), sql.data(), static_cast<int>(sql.size()),
                                    SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
  if (rc != SQLITE_OK) return fail(error_of(raw_.get(), rc));
  return Statement{raw};
}

Result<std::int64_t> Database::integer(const char* sql) {
  Result<Statement> statement = prepare(sql);
  if (!statement) return fail(statement.error());
  const Result<bool> row = statement->step();
  if (!row) return fail(row.error());
  return *row ? statement->integer(0) : 0;
}

}  // namespace reeve::master::sql
