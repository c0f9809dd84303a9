// The ledger of a fault test: what its clients and tasks wrote down outside of the system, and the audit of it
// against what the system says in the end.
//
// Plain values and functions, so that the audit itself is tested with ledgers that must not pass
// (audit_test.cc).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace reeve::testing {

// What clients wrote (fault_client.cc).
struct ClientLedger {
  struct Submission {
    std::size_t count = 0;
    bool once = false;                 // its tasks are to run at most once, and may fail
    bool cancelled = false;            // its tasks may be cancelled
    std::vector<std::uint64_t> acked;  // jobs
    std::int64_t acked_at = 0;         // microseconds
  };
  std::map<std::string, Submission> submissions;         // by key
  std::map<std::string, std::set<std::string>> results;  // by task: "STATE VALUE", one if all is well
  std::set<std::uint64_t> forgotten;                     // jobs that the master may know no longer
  std::set<std::string> putting, put;                    // values
  std::map<std::string, std::vector<std::string>> got;   // by value: the ids it came with
  std::size_t finishing = 0, finished = 0;               // task_done: tried, acknowledged
  std::vector<std::string> errors;

  void read(std::string_view text);
};

// One attempt as it wrote about itself (note.h).
struct AttemptRun {
  std::string task, name, worker;  // the task by its number, and what its client called it
  std::uint32_t attempt = 0;
  std::uint64_t epoch = 0;  // 0: unknown
  std::int64_t pid = 0;
  std::int64_t start = 0, last = 0;  // microseconds; `last`: when it was seen last
  bool ended = false, failed = false;
};
std::vector<AttemptRun> read_runs(std::string_view text);  // by name, then by start

// What was done to the processes.
struct Fault {
  enum class Kind : std::uint8_t { kill, stop };
  enum class Role : std::uint8_t { master, worker, child, guard, client };
  Kind kind;
  Role role;
  std::string name;    // of the worker, of the child's worker, of the client
  std::int64_t begin;  // microseconds
  std::int64_t end;    // when it was continued, or there again
  std::int64_t pid = 0;
};

// What the master says when everything is over.
struct FinalTask {
  std::uint32_t index = 0;
  std::string state, value;
};
struct FinalJob {
  std::uint64_t number = 0;
  std::string name;
  std::vector<FinalTask> tasks;
};
struct FinalState {
  std::vector<FinalJob> jobs;
  std::vector<std::pair<std::string, std::string>> values;  // still in the queue: value, id
  std::uint64_t unfinished = 0;                             // of the queue, those values included
};

struct AuditRules {
  std::int64_t lease_us = 0;
  std::int64_t overlap_max_us = 0;  // how long an attempt may take to end after its lease is over
  std::int64_t commit_max_us = 0;   // how long what was submitted may take to the disk
};

struct Audit {
  std::vector<std::string> violations;
  std::map<std::string, std::size_t> counts;  // for the summary
};

Audit audit(const ClientLedger& ledger, const std::vector<AttemptRun>& runs, const std::vector<Fault>& faults,
            const FinalState& state, const AuditRules& rules);

}  // namespace reeve::testing
