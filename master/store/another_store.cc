#include "master/store/another_store.h"

#include <bit>

#include "master/store/store.h"

namespace reeve::master {

Result<void> become_another_store(sql::Database& database) {
  return database.run(fmt::format("BEGIN IMMEDIATE;"
                                  "INSERT OR REPLACE INTO meta VALUES ('instance', {});"
                                  "INSERT OR REPLACE INTO meta SELECT 'next_job', max("
                                  "  ifnull((SELECT value FROM meta WHERE name = 'next_job'), 1),"
                                  "  ifnull((SELECT max(id) + 1 FROM jobs), 1)) + {};"
                                  "DELETE FROM workers;"
                                  "DELETE FROM submissions;"
                                  "COMMIT",
                                  std::bit_cast<std::int64_t>(random_instance().value), jobs_left_out)
                          .c_str());
}

}  // namespace reeve::master
