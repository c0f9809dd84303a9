// Any rows in the tables of a store: it is refused as damaged, or a Broker can begin with it and goes on.
//
// The input is a sequence of rows: the table (1 byte), then its columns, as row() reads them. Blobs are either whole
// messages made from a few values, so that inputs get deep, or any bytes.
#include <string>

#include "master/core/broker.h"
#include "master/store/codec.h"
#include "master/store/recovery.h"
#include "master/store/schema.h"
#include "tests/fakes/recording_effects.h"
#include "tests/fuzz/bytes.h"

namespace {

using namespace reeve;
using namespace reeve::fuzz;
using namespace reeve::master;

template <typename... Values>
void insert(sql::Database& database, std::string_view sql, const Values&... values) {
  auto statement = database.prepare(sql);
  require(statement.has_value());
  statement->bind(values...);
  (void)statement->run();  // a row that the table itself refuses is none
}

std::string job_of(Bytes& bytes) {
  if (bytes.u8() % 4 == 0) return std::string{bytes.blob()};
  JobRecord job;
  job.name = "j";
  job.open = bytes.u8() % 2 == 0;
  if (const auto after = bytes.number(); after > 0) job.after.emplace_back(static_cast<std::uint64_t>(after));
  if (bytes.u8() % 3 == 0) job.values_of = bytes.text();
  return std::string{Encoder{}.job(job)};
}

std::string spec_of(Bytes& bytes) {
  if (bytes.u8() % 4 == 0) return std::string{bytes.blob()};
  auto spec = std::make_shared<TaskSpec>();
  spec->queue = bytes.text();
  if (bytes.u8() % 3 != 0) spec->function = "f";
  spec->delay = Duration{bytes.number()};
  spec->backoff = Duration{bytes.number()};
  spec->at_most_once = bytes.u8() % 2 == 0;
  return std::string{Encoder{}.spec(spec)};
}

std::string payloads_of(Bytes& bytes, std::int64_t count) {
  if (bytes.u8() % 4 == 0) return std::string{bytes.blob()};
  Payloads payloads;
  for (std::int64_t i = 0; i < std::min<std::int64_t>(count, 300); ++i) payloads.add("p");
  return std::string{Encoder{}.payloads(payloads, Epoch{1})};
}

std::string finals_of(Bytes& bytes, std::uint32_t chunk) {
  if (bytes.u8() % 4 == 0) return std::string{bytes.blob()};
  OutcomeRecord record{.task = {JobId{1}, chunk + bytes.u8()}, .chunk = chunk, .outcome = {}};
  record.outcome.state = static_cast<TaskState>(2 + bytes.u8() % 4);
  if (record.outcome.state == TaskState::leased) record.outcome.state = TaskState::ready;
  const std::array<const OutcomeRecord*, 1> one{&record};
  return std::string{Encoder{}.finals(chunk, one)};
}

void row(sql::Database& database, Bytes& bytes) {
  using sql::Blob;
  switch (bytes.u8() % 8) {
    case 0: {
      const std::string name{bytes.text()}, function{bytes.text()}, results{bytes.text()};
      return insert(database, "INSERT OR REPLACE INTO queues VALUES (?, ?, ?, ?, ?, ?, ?, ?)", name,
                    bytes.number(), bytes.number(), bytes.u8(), bytes.number(), function, results,
                    bytes.u8());
    }
    case 1:
    case 2: {
      const std::string job = job_of(bytes);
      return insert(database, "INSERT OR REPLACE INTO jobs VALUES (?, ?, ?, ?, ?)", bytes.number(),
                    bytes.number(), bytes.number(), bytes.number(), Blob{job});
    }
    case 3: {
      const std::int64_t job = bytes.number(), first = bytes.number(), count = bytes.number();
      const std::string spec = spec_of(bytes), payloads = payloads_of(bytes, count);
      if (bytes.u8() % 4 != 0)
        return insert(database, "INSERT OR REPLACE INTO chunks VALUES (?, ?, ?, ?, ?, NULL, ?)", job, first,
                      count, bytes.number(), Blob{spec}, Blob{payloads});
      const std::string origins{bytes.blob()};
      return insert(database, "INSERT OR REPLACE INTO chunks VALUES (?, ?, ?, ?, ?, ?, ?)", job, first, count,
                    bytes.number(), Blob{spec}, Blob{origins}, Blob{payloads});
    }
    case 4: {
      const std::int64_t job = bytes.number(), chunk = bytes.number();
      const std::string finals = finals_of(bytes, static_cast<std::uint32_t>(chunk)), items{bytes.blob()};
      (void)decode_items(items);
      return insert(database, "INSERT OR REPLACE INTO outcomes VALUES (?, ?, ?, ?, ?, ?, ?)", job, chunk,
                    bytes.number(), bytes.number(), bytes.number(), Blob{finals}, Blob{items});
    }
    case 5:
      return insert(database, "INSERT OR REPLACE INTO progress VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    bytes.number(), bytes.number(), bytes.number(), bytes.number(), bytes.number(),
                    bytes.number(), bytes.number(), bytes.number(), bytes.u8());
    case 6: {
      const std::string client{bytes.text()};
      return insert(database, "INSERT OR REPLACE INTO submissions VALUES (?, ?, ?, ?, ?, ?)", Blob{client},
                    bytes.number(), bytes.number(), bytes.number(), bytes.number(), bytes.number());
    }
    default: {
      const std::string key{bytes.text()}, name{bytes.text()};
      return insert(database, "INSERT OR REPLACE INTO workers VALUES (?, ?)", Blob{key}, name);
    }
  }
}

// What a master does in its first hour with it, and what its first visitors want.
void begin_with(Recovered recovered) {
  Now now{TimePoint{std::chrono::hours{1}}, WallTime{std::chrono::seconds{1}}};
  fakes::RecordingEffects out;
  recovered.epoch = Epoch{2};
  std::vector<JobId> jobs;
  for (const Recovered::Job& job : recovered.jobs) jobs.push_back(job.record.id);
  Broker broker{{}, std::move(recovered), now, 1};
  broker.check_invariants();
  const SessionId client{1}, worker{2};
  broker.client_joined(client, "a client", now);
  WorkerIntro intro{.key = "a worker", .name = "w", .slots = 4, .functions = {"f"}, .commands = true};
  for (const JobId job : jobs) intro.held.push_back({Epoch{1}, {job, 1}, 1});
  (void)broker.worker_joined(worker, intro, now, out);
  broker.worker_capacity(worker, 4);
  for (int minutes = 0; minutes < 60; minutes += 20) {
    broker.worker_alive(worker, now);
    broker.tick(now, out);
    broker.dispatch(now, out);
    broker.check_invariants();
    for (const auto& grant : std::exchange(out.grants, {}))
      (void)broker.complete(worker, grant.fence, {}, now, out);
    now.mono += std::chrono::minutes{20}, now.wall += std::chrono::hours{24 * 4};
  }
  for (const JobId job : jobs) {
    (void)broker.plan_retry(job, {});
    (void)broker.tasks(job, 0, 0, {}, 100, true);
    (void)broker.cancel({client, 1}, job, {}, now, out);
    const std::array<std::uint32_t, 2> first{1, 2};
    broker.fetched(job, first, now, out);
    (void)broker.forget({client, 2}, job, out);
    broker.check_invariants();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static sql::Database database = [] {
    auto opened = sql::Database::open(":memory:", nullptr);
    require(opened.has_value() && prepare(*opened, 1024).has_value());
    return std::move(*opened);
  }();
  for (const char* const table :
       {"queues", "jobs", "chunks", "outcomes", "progress", "submissions", "workers"})
    require(database.run(("DELETE FROM " + std::string{table}).c_str()).has_value());
  Bytes bytes{data, size};
  for (int rows = 0; !bytes.empty() && rows < 50; ++rows) row(database, bytes);
  if (auto recovery = recover(database)) begin_with(std::move(recovery->recovered));
  return 0;
}
