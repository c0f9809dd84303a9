#include "master/store/another_store.h"

namespace reeve::master {

Result<void> become_another_store(sql::Database& database) {
  return database.run(
      fmt::format("BEGIN IMMEDIATE;"
                  "DELETE FROM meta WHERE name = 'instance';"  // each opening of a copy draws one
                  "INSERT OR REPLACE INTO meta SELECT 'next_job', max("
                  "  ifnull((SELECT value FROM meta WHERE name = 'next_job'), 1),"
                  "  ifnull((SELECT max(id) + 1 FROM jobs), 1)) + {};"
                  "DELETE FROM workers;"
                  "DELETE FROM submissions;"
                  "COMMIT",
                  jobs_left_out)
          .c_str());
}

}  // namespace reeve::master
