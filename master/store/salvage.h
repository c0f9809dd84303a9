// reeve-master --salvage: what can be read of a damaged store, in a new one.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"

namespace reeve::master {

struct SalvageReport {
  std::vector<std::string> lines;  // for a person: what was saved, what was lost
};

// Reads DATA_DIR/reeve.db and its log, never writes there, and makes `file` (mode 0600), which is whole when it has its
// name. A master that is started on it draws another instance and goes on with higher job numbers.
// Errors: already_exists (`file`, or a master runs), not_found (no store), storage_failed.
Result<SalvageReport> salvage_store(const std::string& data_dir, const std::string& file);

}  // namespace reeve::master
