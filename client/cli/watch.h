// Waiting for jobs: what `wait` does, and `submit --wait`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "client/cli/command.h"

namespace reeve::cli {

struct WatchOptions {
  bool progress = true;  // never with --quiet or --json
  std::optional<Duration> timeout;
};

// Waits until all of `jobs` are finished, tells how they ended, and says so with the exit code. Ctrl-C and
// the timeout leave the jobs running, and say that too. Throws NotFound before it waits.
Exit wait_for_jobs(Context& context, const std::vector<std::uint64_t>& jobs, const WatchOptions& options);

// Ends a command that Ctrl-C or a timeout cut short while `jobs` go on.
Exit left_running(Context& context, const std::vector<std::uint64_t>& jobs, bool interrupted,
                  Duration waited);

}  // namespace reeve::cli
