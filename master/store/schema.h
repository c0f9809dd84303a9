// The tables, their versions, and the settings of a connection.
#pragma once

#include "common/base/result.h"
#include "master/store/sqlite.h"

namespace reeve::master {

// What every connection needs: durability, cache, patience with others' locks. `cache_kib`: page cache.
Result<void> configure(sql::Database& database, int cache_kib);

// Tasks in one row; far more than are ever written, and little enough to be held.
inline constexpr std::int64_t chunk_tasks_ceiling = 1 << 20;

// The format that this reeve-master writes, and that of a file. Error: it is newer, or of another program.
extern const std::int64_t format_newest;
Result<std::int64_t> format_of(sql::Database& database);

// configure, and makes a new file ready or brings an older one to this version. A file of a newer
// reeve-master, or of another program, is refused and stays as it is.
Result<void> prepare(sql::Database& database, int cache_kib);

}  // namespace reeve::master
