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

// Trouble says once for each new reason that a job does not move: someone who waits wants to know that it is in vain.
class Trouble {
 public:
  std::optional<std::string> news(const JobInfo& info,
                                  TimePoint now);  // a sentence; nothing most of the time

 private:
  std::string told_;              // the last reason
  TimePoint moved_ = mono_now();  // when it was not in trouble, as far as we know
};

// TroubleWatch does so for those who wait for results and do not watch the job itself.
//
// Thread: one.  Always: it never waits, and costs nothing while results come at once.
class TroubleWatch {
 public:
  explicit TroubleWatch(Context& context) : context_(context) {}
  void look(std::uint64_t job);  // again and again; always the same job

 private:
  Context& context_;
  TimePoint begin_ = mono_now();
  bool given_up_ = false;
  std::optional<JobFeed> feed_;
  std::optional<JobInfo> info_;
  Trouble trouble_;
};

// The job of a pool that has calls. One whose first call was just sent has none yet: waits a moment for the master to
// take it. 0: it has not.
std::uint64_t accepted_job(const Pool& pool);

// Ends a command that Ctrl-C or a timeout cut short while `jobs` go on; job 0 is one that the master may or may not have.
Exit left_running(Context& context, const std::vector<std::uint64_t>& jobs, bool interrupted,
                  Duration waited);

}  // namespace reeve::cli
