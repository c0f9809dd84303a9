// The command that tasks of the fault tests run: fault_task NOTES PAYLOAD. See note.h.
#include <csignal>
#include <cstdio>
#include <thread>

#include "tests/fault/note.h"

int main(int argc, char** argv) {
  using namespace reeve::testing;
  if (argc != 3) return 64;
  const TaskPayload payload = TaskPayload::parse(argv[2]);
  if (payload.mode == 't') std::signal(SIGTERM, SIG_IGN);
  const auto attempt = static_cast<std::uint32_t>(std::atoi(environment("REEVE_ATTEMPT").c_str()));
  const Note note{argv[1], environment("REEVE_TASK"), attempt, environment("REEVE_EPOCH"), payload.name};
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds{payload.milliseconds};
  note.say("start");
  for (auto now = std::chrono::steady_clock::now(); now < end; now = std::chrono::steady_clock::now()) {
    std::this_thread::sleep_for(std::min<std::chrono::steady_clock::duration>(tick_every, end - now));
    note.say("tick");
  }
  const bool fails = payload.mode == 'f' && attempt == 1;
  note.say(fails ? "fail" : "end");
  if (fails) return 1;
  std::puts(task_value(payload.name, attempt).c_str());
}
