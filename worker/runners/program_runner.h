// ProgramRunner: has the tasks of one function run by a long-lived program in any language, which is started
// in advance and fed one line for each task (program_line.h). For work whose start is dear.
//
// The program is started again when it has ended, when it was over a task's time limit or was stopped
// (SIGTERM, kill_grace, SIGKILL to its group), when it has run tasks_max tasks, and when its answers cannot be
// understood; with growing waits when it ends without having answered anything. Its standard error goes to the worker's log.
//
// One that was there before a task, and ended (or wrote something) before it had read any of it, costs the task no
// attempt: another program gets the task. What was read may have begun.
//
// Owner: a slot.  Thread: the slot's.
#pragma once

#include <atomic>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "common/base/backoff.h"
#include "common/base/result.h"
#include "worker/processes/long_lived.h"
#include "worker/processes/spawner.h"
#include "worker/runners/program_errors.h"
#include "worker/runners/runner.h"

namespace reeve::worker {

struct ProgramOptions {
  std::string name;                  // of the function
  std::vector<std::string> command;  // command[0] is looked up in PATH
  bool reads_pickles = false;        // a Python function; others get JSON where there is one
  std::string cwd;                   // empty: the worker's
  std::uint64_t tasks_max = 0;       // that one program runs; then another takes its place; 0: no limit
  std::size_t answer_max_bytes = 16u << 20;
  Duration kill_grace = std::chrono::seconds{5};
  Backoff restart{.first = std::chrono::milliseconds{100}, .max = std::chrono::seconds{10}};
};

class ProgramRunner : public Runner {
 public:
  explicit ProgramRunner(ProgramOptions options, std::atomic<pid_t>* group = nullptr,
                         std::optional<rlimit> descriptors = {});
  ~ProgramRunner() override;

  void run(const Work& work, StopSignal& stop, Outcome& outcome) override;

 private:
  Result<void> start();
  Result<void> start_anew(StopSignal& stop);
  bool left_before(const LongLived::Exchange& exchange, const Work& work);
  void prepare_for_the_next();
  void put_off_the_start();
  void retire();
  LongLived::Manners manners(const StopSignal& stop) const;
  void settle(const LongLived::Exchange& exchange, const Work& work, const StopSignal& stop,
              Outcome& outcome);

  const ProgramOptions options_;
  Spawner spawner_;
  ProgramErrors errors_;  // of one after the other
  std::unique_ptr<LongLived> program_;
  bool has_answered_ = false;   // since it was started
  std::uint64_t tasks_ = 0;     // that it answered
  std::uint32_t failures_ = 0;  // programs in a row that ended without an answer
  TimePoint start_after_{};
  std::minstd_rand random_{std::random_device{}()};
};

}  // namespace reeve::worker
