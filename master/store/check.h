// reeve-master --check-store: how a store stands, for a person, without changing it.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"

namespace reeve::master {

struct StoreReport {
  bool is_sound = false;
  std::vector<std::string> lines;  // for a person; the last one says what to do
};

// Also beside a running master. Reads DATA_DIR/reeve.db with its log; only the index of the log (reeve.db-shm),
// which can be made again at any time, may be written.
// Error: not_found, there is no store; storage_failed, it cannot be opened at all.
Result<StoreReport> check_store(const std::string& data_dir);

}  // namespace reeve::master
