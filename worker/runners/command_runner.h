// CommandRunner: runs command tasks: any program, in a process group of its own, with its output captured.
//
//   The task ends when the program has ended and nobody holds its standard output and error any more.
//   Processes that it left behind are waited for only briefly (output_patience), and only because of those
//   pipes; then, and in any case at the end of the task, what is left of its process group is killed. A
//   process that has made itself the leader of a new session escapes that.
//
//   Stopping: SIGTERM to the group, kill_grace, SIGKILL to the group.
//
// Owner: a slot.  Thread: the slot's.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"
#include "worker/processes/descriptor.h"
#include "worker/processes/spawner.h"
#include "worker/runners/environment_list.h"
#include "worker/runners/runner.h"

namespace reeve::worker {

struct CommandOptions {
  std::size_t output_max_bytes = 1u << 20;  // kept of each stream; the rest is read and thrown away
  Duration kill_grace = std::chrono::seconds{5};
  Duration output_patience = std::chrono::seconds{1};
};

class CommandRunner : public Runner {
 public:
  // `group` is where others find the process group that runs now; null: nobody looks.
  explicit CommandRunner(CommandOptions options, std::atomic<pid_t>* group = nullptr);

  void run(const Work& work, StopSignal& stop, Outcome& outcome) override;

 private:
  class Running;

  void prepare(const Work& work);
  Result<void> fill_arguments(const Work& work);
  std::string find_program(const std::string& name) const;
  Result<Descriptor> open_input(const Work& work) const;
  std::expected<Spawner::Process, Spawner::Failure> spawn(const Work& work, int in, int out, int err);

  const CommandOptions options_;
  std::atomic<pid_t>* const group_;
  Spawner spawner_;
  Descriptor null_;  // /dev/null, for programs without input

  // Of the spec that came last.
  std::shared_ptr<const TaskSpec> spec_;
  EnvironmentList environment_;
  std::string path_;  // where args[0] was found; empty: not looked for yet

  std::vector<std::string> arguments_;  // after substitution
  std::vector<char*> argv_;
  std::unique_ptr<char[]> buffer_;  // for reading
};

}  // namespace reeve::worker
