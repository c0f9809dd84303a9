// FaultyDisk: a file layer for SQLite whose disk is full, fails, or loses power when a test says so.
//
// It sits on the real file system and notes what was not yet flushed. Threads: any.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "tests/fakes/disk_shim.h"

namespace reeve {

class FaultyDisk final : public DiskShim {
 public:
  FaultyDisk() : DiskShim("faulty") {}
  ~FaultyDisk() override = default;

  // From now on every operation of this kind fails, until it is put back to SQLITE_OK.
  void fail_writes_with(int rc);   // SQLITE_FULL, SQLITE_IOERR_WRITE
  void fail_flushes_with(int rc);  // SQLITE_IOERR_FSYNC
  // The next `count` writes succeed; after them the disk is full.
  void fill_up_after(std::int64_t count);

  std::int64_t flushes() const;

  // What would be in the directory `from` if the power went now: unflushed writes are gone.
  void copy_as_after_power_cut(const std::string& from, const std::string& to) const;

 private:
  struct Undo {
    std::int64_t offset = 0;
    std::string before;     // the bytes that a write replaced
    std::int64_t size = 0;  // of the file before
  };

  int write(const std::string& path, sqlite3_file* real, const void* bytes, int count,
            std::int64_t offset) override;
  int truncate(const std::string& path, sqlite3_file* real, std::int64_t size) override;
  int sync(const std::string& path, sqlite3_file* real, int flags) override;
  void note_unflushed(const std::string& path, sqlite3_file* real, std::int64_t offset, std::int64_t bytes);

  mutable std::mutex mutex_;
  int write_rc_ = SQLITE_OK;
  int flush_rc_ = SQLITE_OK;
  std::int64_t writes_left_ = -1;  // < 0: no end
  std::int64_t flushes_ = 0;
  std::map<std::string, std::vector<Undo>> unflushed_;  // by path, oldest first
};

}  // namespace reeve
