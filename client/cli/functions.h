// Calls of functions: what `call` and `map` share.
#pragma once

#include <string>

#include "client/cli/command.h"

namespace reeve::cli {

struct CallOptions {
  TaskSpec spec;
  std::optional<Duration> time_limit, delay;
  std::optional<Duration> timeout;
  bool wait_for_worker = false;

  void declare(Options& options);
  // Fills in the spec. When no connected worker serves the function: throws, or with --wait-for-worker says
  // so.
  void prepare(Context& context);
};

// Whether `worker` would be given tasks of `spec` now.
bool serves(const WorkerInfo& worker, const TaskSpec& spec);

// Why no worker of `workers` serves `spec`, and what can be done; empty when one does.
std::string missing_worker(const std::vector<WorkerInfo>& workers, const TaskSpec& spec);

// Prints what a task returned; what went wrong goes to standard error.
void print_value(Context& context, TaskName task, const Outcome& outcome);

}  // namespace reeve::cli
