// Tasks: commands that note what they do (note.h), submitted to a Cluster and followed.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/fault/ledger.h"
#include "tests/fault/note.h"
#include "tests/integration/cluster.h"

namespace reeve::testing {

// Owner: a test.  The cluster outlives it.
class Tasks {
 public:
  explicit Tasks(Cluster& cluster) : cluster_(cluster) {}

  // A job with a task for each payload; its number.
  std::string submit(const std::vector<TaskPayload>& payloads, const std::vector<std::string>& options = {}) {
    std::string elements;
    for (const TaskPayload& payload : payloads) elements += payload.text() + "\n";
    std::vector<std::string> words{"submit", "-q", "--each-line", "-"};
    words.insert(words.end(), options.begin(), options.end());
    words.insert(words.end(), {"--", REEVE_FAULT_DIR "/fault_task", notes(), "{}"});
    const Ran ran = cluster_.reeve(words, elements);
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    return ran.out.substr(0, ran.out.find('\n'));
  }
  int wait(const std::string& job) { return cluster_.reeve({"wait", job}).exit_code; }

  std::vector<AttemptRun> runs() const { return read_runs(read_file(notes())); }
  bool begun(std::size_t count) const {
    return eventually([&] { return runs().size() >= count; });
  }
  bool ended(std::size_t count) const {
    return eventually([&] {
      std::size_t ended = 0;
      for (const AttemptRun& run : runs()) ended += run.ended ? 1 : 0;
      return ended >= count;
    });
  }
  static Env worker_env(const std::string& name) { return {{"LEDGER_WORKER", name}}; }

 private:
  std::string notes() const { return cluster_.path("notes"); }

  Cluster& cluster_;
};

}  // namespace reeve::testing
