// DiskShim: a file layer for SQLite on top of the real one, of which a test changes or watches single operations.
//
// Owner: a test; it outlives every connection that uses it.  Threads: any; the overriding class has its own lock.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <string>

namespace reeve {

class DiskShim {
 public:
  explicit DiskShim(const std::string& name);
  DiskShim(const DiskShim&) = delete;
  DiskShim& operator=(const DiskShim&) = delete;

  const char* vfs() const { return name_.c_str(); }

 protected:
  virtual ~DiskShim();

  // Each does to the real file what SQLite asked for, and answers with SQLite's codes.
  virtual int open(sqlite3_filename path, sqlite3_file* real, int flags, int* out_flags);
  virtual int write(const std::string& path, sqlite3_file* real, const void* bytes, int count,
                    std::int64_t offset);
  virtual int truncate(const std::string& path, sqlite3_file* real, std::int64_t size);
  virtual int sync(const std::string& path, sqlite3_file* real, int flags);
  virtual int remove(const std::string& path, int and_sync_directory);
  virtual int lock_index(sqlite3_file* real, int slot, int count, int flags);  // of the log's shared index

 private:
  struct File;
  struct Methods;

  std::string name_;
  sqlite3_vfs* real_;
  sqlite3_vfs vfs_;
};

}  // namespace reeve
