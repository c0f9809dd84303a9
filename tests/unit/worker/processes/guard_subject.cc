// A worker as far as guard_test needs one: guard_subject SCRIPT FIFO runs the script in a CommandRunner under
// a guard.
#include <cstdio>
#include <string_view>

#include "worker/runners/command.h"
#include "worker/runners/guard.h"

int main(int argc, char** argv) {
  using namespace reeve;
  using namespace reeve::worker;
  if (argc == 2 && argv[1] == guard_argument) return guard_main();
  if (argc != 3) return 4;
  const Result<Guard> guard = Guard::start(1);
  if (!guard) {
    std::fprintf(stderr, "%s\n", guard.error().detail.c_str());
    return 1;
  }
  CommandRunner runner{{}, guard->table().entry(0)};
  auto spec = std::make_shared<TaskSpec>();
  spec->command.args = {"sh", "-c", argv[1], "sh", argv[2]};
  const Work work{.fence = {}, .spec = spec, .payload = {}};
  StopSignal signal;
  const std::atomic<StopReason> stop{StopReason::none};
  Outcome outcome;
  signal.begin(work, stop, mono_now());
  runner.run(work, signal, outcome);
  signal.end();
  return outcome.state == TaskState::succeeded ? 0 : 1;
}
