// SlotRunner: everything one slot can run, and the choice between it.
//
// Owner: a slot of the pool.  Thread: the slot's.
#pragma once

#include <memory>

#include "worker/runners/command_runner.h"
#include "worker/runners/runner.h"

namespace reeve::worker {

class SlotRunner : public Runner {
 public:
  // `functions` runs what has a function; `commands` may be null: this worker runs no commands.
  SlotRunner(std::unique_ptr<Runner> functions, std::unique_ptr<Runner> commands)
      : functions_(std::move(functions)), commands_(std::move(commands)) {}

  void run(const Work& work, StopSignal& stop, Outcome& outcome) override {
    if (!work.spec->is_command()) return functions_->run(work, stop, outcome);
    if (commands_ == nullptr) return set_failed(outcome, "this worker runs no commands");
    commands_->run(work, stop, outcome);
  }

 private:
  const std::unique_ptr<Runner> functions_;
  const std::unique_ptr<Runner> commands_;
};

}  // namespace reeve::worker
