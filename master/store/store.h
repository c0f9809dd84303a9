// Store: where the master's records live. One implementation on SQLite, one in memory; the same conformance
// tests hold both (tests/unit/master/store/store_conformance_test.cc).
//
// Owner: App.  Threads: open before any other call; apply on the commit thread only; outcomes and chunks on
// any one other thread at a time, at the same time as apply (they see what was committed before they began).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "master/core/records.h"

namespace reeve::master {

// For a store that is being made.
InstanceId random_instance();

class StoreBackup;

class Store {
 public:
  virtual ~Store() = default;

  // Reads everything, raises the epoch (on stable storage before it returns). The instance stays what it was
  // when the store was made.
  // Errors: already_exists when another master has it open; storage_failed otherwise.
  virtual Result<Recovered> open() = 0;

  // One transaction, on stable storage when it returns. Records apply in order. The store may keep what the
  // records hold, so after success the batch is empty (with its capacity); after an error it is as it was and
  // nothing of it is kept: the caller decides whether to try again.
  // Errors: storage_failed, with the system's words (disk full, I/O error, …).
  virtual Result<void> apply(Records& batch) = 0;

  struct StoredOutcome {
    std::uint32_t index = 0;
    Outcome outcome;
  };
  // The outcomes of tasks first..last of a job, by index, at most `limit`; a task made unfinished by a retry
  // has none, and so has a value that was taken.
  virtual Result<std::vector<StoredOutcome>> outcomes(JobId job, std::uint32_t first, std::uint32_t last,
                                                      std::size_t limit) = 0;

  // The chunks that hold tasks first..last, with spec and payloads, by first.
  virtual Result<std::vector<ChunkRecord>> chunks(JobId job, std::uint32_t first, std::uint32_t last) = 0;

  virtual bool durable() const = 0;

  // Begins a copy of everything that is committed now, in a new file; whoever asked steps it to its end.
  // Called as outcomes is. Errors: wrong_state, it is in memory only; those of StoreBackup::begin.
  virtual Result<std::unique_ptr<StoreBackup>> backup(std::string file);
};

}  // namespace reeve::master
