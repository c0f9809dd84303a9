// Reading everything back when the store opens.
#pragma once

#include <cstdint>

#include "common/base/result.h"
#include "master/core/records.h"
#include "master/store/sqlite.h"

namespace reeve::master {

struct Recovery {
  Recovered recovered;         // without the epoch
  std::int64_t seq_max = 0;    // the highest seq in use
  std::uint64_t next_job = 1;  // as stored in meta
};

// One pass over each table, side by side in the order of (job, chunk), so that memory holds what is returned
// and no more. Payloads are read only where a task is unfinished. Rows whose job or chunk is gone are
// skipped.
Result<Recovery> recover(sql::Database& database);

}  // namespace reeve::master
