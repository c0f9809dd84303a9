// Farm: a durable master, workers of every kind and clients that keep a ledger, all of them processes that a Storm
// may kill and stop, and that are started again as they were.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/fault/ledger.h"
#include "tests/integration/cluster.h"

namespace reeve::testing {

inline constexpr std::chrono::seconds farm_lease{6};
AuditRules farm_rules();

// Owner: a test.  Thread: the test's.
class Farm {
 public:
  // `seed`: of the clients' choices. `forget`: clients have jobs forgotten when they have read their results, so
  // that the farm can go on for ever.
  explicit Farm(std::uint64_t seed, bool forget = false);

  Cluster& cluster() { return cluster_; }
  const std::vector<std::string>& worker_names() const { return worker_names_; }
  std::string values_queue() const { return "values"; }
  const std::vector<std::string>& client_names() const { return client_names_; }
  Process& worker(const std::string& name) { return cluster_.worker(name); }
  Process& client(const std::string& name) { return *clients_.at(name); }

  void start_worker(const std::string& name);
  void start_client(const std::string& name);

  // Tells the clients to finish. True: all of them did within `longest`, and said nothing was wrong.
  bool finish_clients(std::chrono::milliseconds longest);

  ClientLedger ledger() const;
  std::vector<AttemptRun> runs() const { return read_runs(read_file(notes())); }
  // Asks the master. Waits for every job to finish; nothing: one did not within `longest`.
  std::optional<FinalState> final_state(std::chrono::milliseconds longest);

 private:
  std::string notes() const { return cluster_.path("notes"); }
  std::string stop_file() const { return cluster_.path("stop"); }

  std::uint64_t seed_;
  bool forget_;
  Cluster cluster_;
  std::vector<std::string> worker_names_{"threads", "processes", "single"};
  std::vector<std::string> client_names_{"jobs1", "jobs2", "jobs3", "puts1", "puts2", "gets1", "gets2"};
  std::map<std::string, std::unique_ptr<Process>> clients_;
};

// The processes that a worker runs tasks in: children and theirs, without the guard that watches over it.
std::vector<pid_t> children_of_worker(pid_t worker);
std::optional<pid_t> guard_of_worker(pid_t worker);

}  // namespace reeve::testing
