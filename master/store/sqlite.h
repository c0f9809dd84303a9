// The few parts of SQLite's C interface that the store uses, with errors as values.
//
// Each connection belongs to one thread at a time (SQLITE_OPEN_NOMUTEX).
#pragma once

#include <sqlite3.h>

#include <concepts>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace reeve::master::sql {

// Bytes to be bound as a blob rather than as text.
struct Blob {
  std::string_view bytes;
};

// A prepared statement. Bind, then step until there is no row, then reset; Once does the last of these.
// Always: bound text and blobs are not copied; they must live until the statement is reset.
class Statement {
 public:
  Statement() = default;
  explicit Statement(sqlite3_stmt* raw) : raw_{raw} {}

  // Binds parameters 1, 2, … in order.
  template <typename... Values>
  void bind(const Values&... values) {
    int position = 0;
    (bind_one(++position, values), ...);
  }

  template <typename Value>
  void bind_at(int position, const Value& value) {
    bind_one(position, value);
  }

  Result<bool> step();  // true: there is a row to read; false: done
  Result<void> run();   // steps to the end and resets: for statements without rows
  void reset();

  bool is_null(int column) const { return sqlite3_column_type(raw_.get(), column) == SQLITE_NULL; }
  std::int64_t integer(int column) const { return sqlite3_column_int64(raw_.get(), column); }
  std::uint64_t u64(int column) const { return static_cast<std::uint64_t>(integer(column)); }
  std::uint32_t u32(int column) const { return static_cast<std::uint32_t>(integer(column)); }
  std::string_view text(int column) const { return blob(column); }
  std::string_view blob(int column) const;  // valid until the next step or reset

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* raw) const { sqlite3_finalize(raw); }
  };
  template <std::integral Integer>
  void bind_one(int position, Integer value) {
    note(sqlite3_bind_int64(raw_.get(), position, static_cast<sqlite3_int64>(value)));
  }
  void bind_one(int position, std::string_view text);
  void bind_one(int position, Blob blob);
  void bind_one(int position, std::nullptr_t) { note(sqlite3_bind_null(raw_.get(), position)); }
  void note(int rc) {
    if (rc != SQLITE_OK) bind_rc_ = rc;
  }

  std::unique_ptr<sqlite3_stmt, Finalize> raw_;
  int bind_rc_ = SQLITE_OK;  // the first thing run or step will report
};

// Resets a statement when the scope ends, so that an early return leaves no read transaction open.
class Once {
 public:
  explicit Once(Statement& statement) : statement_{statement} {}
  ~Once() { statement_.reset(); }
  Once(const Once&) = delete;
  Once& operator=(const Once&) = delete;

 private:
  Statement& statement_;
};

// One connection to a database file.
class Database {
 public:
  // `vfs`: the name of SQLite's file layer; null: the usual one. Tests put a failing disk there.
  static Result<Database> open(const std::string& path, const char* vfs);
  // Nothing is written but the index of the log; the file must be there.
  static Result<Database> open_to_read(const std::string& path, const char* vfs);

  Result<void> run(const char* sql);  // one or more statements; rows are dropped
  Result<Statement> prepare(std::string_view sql);
  Result<std::int64_t> integer(const char* sql);  // the first column of the only row
  bool in_transaction() const { return sqlite3_get_autocommit(raw_.get()) == 0; }
  sqlite3* raw() { return raw_.get(); }

 private:
  static Result<Database> open(const std::string& path, const char* vfs, int flags);

  struct Close {
    void operator()(sqlite3* raw) const { sqlite3_close_v2(raw); }
  };
  std::unique_ptr<sqlite3, Close> raw_;
};

// What went wrong on this connection, in words for a person, as storage_failed.
Error error_of(sqlite3* database, int rc);

}  // namespace reeve::master::sql
