// StoreBackup: a copy of a store as it is at one moment, taken piece by piece beside everything else.
//
// It reads with a connection of its own from one snapshot, so commits neither wait for it nor show in it; the log
// keeps what is committed meanwhile. The copy is another instance (another_store.h), in one file that gets its name
// when it is whole and on stable storage. Without that nothing is left behind (draft_file.h).
//
// Owner: whoever asked for it.  Thread: any one at a time.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/result.h"
#include "master/store/draft_file.h"
#include "master/store/sqlite.h"

namespace reeve::master {

class StoreBackup {
 public:
  static constexpr int pages_in_a_piece = 256;                           // 1 MiB, a millisecond or a few
  static constexpr std::uint64_t room_left_bytes = 64ULL * 1024 * 1024;  // on the disk, beside the copy

  // Everything that is committed now will be in it. Errors: already_exists, limit_reached (no room), storage_failed.
  static Result<StoreBackup> begin(const std::string& database, std::string file);

  // The next piece. True: the file is there, and complete. Pre: neither that nor an error before. Errors as begin.
  Result<bool> step();

  std::uint64_t bytes_done() const { return bytes_done_; }
  std::uint64_t bytes_total() const { return bytes_total_; }

 private:
  struct Finish {
    void operator()(sqlite3_backup* raw) const { sqlite3_backup_finish(raw); }
  };

  StoreBackup(DraftFile draft, sql::Database from, sql::Database to)
      : draft_{std::move(draft)}, from_{std::move(from)}, to_{std::move(to)} {}
  Result<void> take_snapshot();
  Result<void> finish();

  DraftFile draft_;  // outlives the connections
  sql::Database from_, to_;
  std::unique_ptr<sqlite3_backup, Finish> copy_;
  std::uint64_t bytes_done_ = 0, bytes_total_ = 0, bytes_flushed_ = 0;
};

}  // namespace reeve::master
