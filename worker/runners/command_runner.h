// CommandRunner: runs any program, and captures what it writes.
#pragma once

#include <memory>

#include "common/base/time.h"
#include "worker/processes/spawner.h"
#include "worker/runners/capture.h"
#include "worker/runners/prepared_command.h"
#include "worker/runners/runner.h"

namespace reeve::worker {

struct CommandOptions {
  std::size_t output_max_bytes = std::size_t{1} << 20;        // of standard output, and of standard error
  Duration kill_grace = std::chrono::seconds{5};              // from SIGTERM to SIGKILL
  Duration output_patience = std::chrono::milliseconds{500};  // with what a program leaves behind
  std::optional<rlimit> descriptors = {};                     // their limit for the programs; not given: ours
};

// A task is a process group. Its exit code is that of the program; but when the program ends, so does all it
// has started and not taken out of its group: what still holds the outputs open gets `output_patience` to
// finish them, then everything left is killed. A process that made itself a session of its own (a daemon)
// stays alive; what it writes is read no longer.
//
// Standard input is a file in memory (or /dev/null), so that whether the program reads it or not makes no
// difference to us.
//
// Owner: a slot, or a pool child.  Thread: the one that calls it, and always that one.
class CommandRunner : public Runner {
 public:
  // `entry`: of a GroupTable, this runner's alone; or null.
  explicit CommandRunner(CommandOptions options, std::atomic<pid_t>* entry = nullptr);
  void run(const Work& work, StopSignal& stop, Outcome& outcome) override;

 private:
  struct Running {
    ProcessGroup group;
    Capture out, err;
  };
  Result<Running> start(const Work& work, Outcome& outcome);

  const CommandOptions options_;
  PreparedCommand command_;
  Spawner spawner_;
  Descriptor null_;                  // /dev/null
  std::unique_ptr<char[]> scratch_;  // scratch_bytes
};

}  // namespace reeve::worker
