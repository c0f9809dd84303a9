// reeve wait: until jobs are finished.
#include "client/cli/commands.h"
#include "client/cli/watch.h"

namespace reeve::cli {

namespace {

class Wait final : public Command {
 public:
  void declare(Options& options) override {
    options.duration("--timeout", timeout_, "give up after this time; the jobs go on");
    options.arguments("JOB", jobs_, "the jobs to wait for");
  }

  Exit run(Context& context) override {
    return wait_for_jobs(context, parse_jobs(jobs_), {.timeout = timeout_});
  }

 private:
  std::optional<Duration> timeout_;
  std::vector<std::string> jobs_;
};

}  // namespace

const CommandEntry wait_entry{
    "wait", "Wait until jobs are finished; the exit code tells how they ended",
    "On a terminal a bar shows the progress, elsewhere a line now and then. Ctrl-C ends the\n"
    "waiting, not the jobs.",
    make_command<Wait>};

}  // namespace reeve::cli
