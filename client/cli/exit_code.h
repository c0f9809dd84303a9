// What `reeve` tells the shell. The numbers are a contract (docs/CLI.md).
#pragma once

#include "common/base/error.h"
#include "reeve/info.h"

namespace reeve::cli {

enum class Exit : int {
  ok = 0,             // everything succeeded
  failed = 1,         // some task failed, or the master could not do what was asked
  cancelled = 2,      // none failed, some were cancelled
  unreachable = 3,    // no connection to the master, or it does not let us in
  usage = 4,          // what was asked makes no sense: an option, an unknown job, a wrong state
  timed_out = 124,    // --timeout ran out, as timeout(1) has it
  interrupted = 130,  // Ctrl-C while waiting: 128 + SIGINT, as shells have it
};

// Of finished tasks, and of jobs one of which ended before it was complete. What failed weighs more than what was cancelled.
Exit exit_of(const Counts& counts, bool incomplete = false);
Exit exit_of(Errc code);

}  // namespace reeve::cli
