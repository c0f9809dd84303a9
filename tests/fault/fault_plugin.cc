// The function `note` for the workers of the fault tests: what fault_task.cc is for commands.
#include <reeve/plugin.h>

#include "tests/fault/note.h"

REEVE_PLUGIN(registry) {
  using namespace reeve::testing;
  registry.add("note", [](const reeve::TaskContext& task, std::string_view text) -> reeve::TaskResult {
    const TaskPayload payload = TaskPayload::parse(text);
    const Note note{environment("LEDGER_NOTES"), task.id(), task.attempt(), {}, payload.name};
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds{payload.milliseconds};
    note.say("start");
    for (auto now = std::chrono::steady_clock::now(); now < end; now = std::chrono::steady_clock::now()) {
      if (!task.sleep_for(std::min<std::chrono::steady_clock::duration>(tick_every, end - now)))
        return reeve::TaskResult::error("cancelled");
      note.say("tick");
    }
    const bool fails = payload.mode == 'f' && task.attempt() == 1;
    note.say(fails ? "fail" : "end");
    if (fails) return reeve::TaskResult::error("as it was told to");
    return task_value(payload.name, task.attempt());
  });
}
