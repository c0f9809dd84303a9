// SlotRunner: everything one slot can run, and the choice between it.
//
// Owner: a slot of the pool.  Thread: the slot's.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "worker/runners/command_runner.h"
#include "worker/runners/runner.h"

namespace reeve::worker {

class SlotRunner : public Runner {
 public:
  // `functions` runs what has a function; `commands` may be null: this worker runs no commands.
  SlotRunner(std::unique_ptr<Runner> functions, std::unique_ptr<Runner> commands)
      : functions_(std::move(functions)), commands_(std::move(commands)) {}

  void run(const Work& work, StopSignal& stop, Outcome& outcome) override {
    if (!work.spec->is_command()) {
      const auto program = programs_.find(work.spec->function);
      return (program != programs_.end() ? *program->second : *functions_).run(work, stop, outcome);
    }
    if (commands_ == nullptr) return set_failed(outcome, "this worker runs no commands");
    commands_->run(work, stop, outcome);
  }

  // Functions that a long-lived program runs.
  void add_program(std::string function, std::unique_ptr<Runner> runner) {
    programs_.emplace(std::move(function), std::move(runner));
  }

 private:
  std::map<std::string, std::unique_ptr<Runner>> programs_;
  const std::unique_ptr<Runner> functions_;
  const std::unique_ptr<Runner> commands_;
};

}  // namespace reeve::worker
