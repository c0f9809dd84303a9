// A worker as far as guard_test needs one: guard_subject SCRIPT FIFO [MS] runs the script in a CommandRunner
// under a guard; with MS, what runs has so long to end.
#include <cstdlib>
#include <string_view>

#include "worker/processes/guard.h"
#include "worker/runners/command_runner.h"

int main(int argc, char** argv) {
  using namespace reeve;
  using namespace reeve::worker;
  if (argc == 2 && argv[1] == std::string_view(guard_argument)) return guard_main();
  if (argc != 3 && argc != 4) return 4;
  auto table = GroupTable::make(1);
  if (!table) return 1;
  const auto guard = Guard::start(*table);
  if (!guard) return 1;
  if (argc == 4) table->set_end(mono_now() + std::chrono::milliseconds{std::atoi(argv[3])});
  CommandRunner runner{{}, table->entry(0)};
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
