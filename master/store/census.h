// Census: reading every record of a store, to say what is in it and which records do not read.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "common/base/result.h"
#include "master/store/sqlite.h"

namespace reeve::master {

struct Census {
  std::uint64_t jobs = 0, unfinished_jobs = 0;
  std::uint64_t tasks = 0, unfinished_tasks = 0;  // without values
  std::uint64_t values = 0;                       // that wait in queues
  std::uint64_t results = 0;
  std::uint64_t queues = 0, submissions = 0, workers = 0, objects = 0;
};

// A record that cannot be what the master wrote.
struct BadRecord {
  std::string table;
  std::string row;  // a condition of SQL that finds it, and no other
  std::string why;
  // Chunks whose job is missing: the tasks themselves read well.
  bool lacks_its_job = false;
};

// Every record is decoded, but for what is in cells: their objects know it. Error: the file itself does not read to
// the end.
Result<Census> read_records(sql::Database& database, const std::function<void(const BadRecord&)>& bad);

}  // namespace reeve::master
