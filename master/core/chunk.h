// Chunk: consecutive tasks of one submission, in memory as in the store (records.h). Task: one of them.
//
// Thread: the loop thread.  Always: live counts the tasks that are not final, kept the final ones whose
// result nobody has fetched yet. When live falls to 0 the tasks and payloads are released and only a byte
// each stays.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "common/base/ids.h"
#include "common/base/intrusive_ptr.h"
#include "common/base/task.h"
#include "common/base/time.h"
#include "master/core/records.h"

namespace reeve::master {

struct Job;
struct Queue;

// What a worker must know to run a task, interned by name.
using FunctionId = std::uint32_t;
inline constexpr FunctionId function_value = 0;    // nothing to run: a plain value
inline constexpr FunctionId function_command = 1;  // any program

struct LeasePlace {  // LeaseTable's
  std::uint32_t slot, holder;
};

struct Task {
  TaskState state = TaskState::waiting;
  bool cancel_requested : 1 = false;
  bool fetched : 1 = false;       // its result is no longer needed
  bool once_started : 1 = false;  // at most once: it was granted
  bool attempt_over : 1 = false;  // `attempt` is known to have ended: nobody can hold it any more
  bool granted_here : 1 = false;  // in this epoch: what an earlier one granted is void
  std::uint16_t crashes = 0;
  std::uint32_t failures = 0;
  std::uint32_t attempt = 0;  // the last one granted
  union {
    WallTime due{};    // while waiting: when its delay or backoff ends; zero: it waits for something else
    LeasePlace lease;  // while leased
  };
};

struct Chunk {
  Job* job = nullptr;
  Queue* queue = nullptr;  // null when live == 0: a queue may go when nothing in it is unfinished
  FunctionId function = function_value;
  std::uint32_t first = 0;
  std::uint32_t count = 0;
  std::uint32_t live = 0;
  std::uint32_t kept = 0;
  Epoch epoch;                    // in which it came
  std::uint32_t attempt_max = 0;  // of tasks that were released: a retry counts on from here
  std::shared_ptr<const TaskSpec> spec;
  std::shared_ptr<const Payloads> payloads;                 // null when live == 0
  std::shared_ptr<const std::vector<ValueOrigin>> origins;  // values of a result queue
  std::unique_ptr<Task[]> tasks;                            // null when live == 0
  std::vector<std::uint8_t> finals;  // when live == 0: final state, and 0x80 when fetched
  bool erased = false;               // gone from its job; only stale references are left
  std::uint32_t refs = 0;

  static constexpr std::uint8_t fetched_mark = 0x80;

  TaskId id(std::uint32_t offset) const;
  TaskState state(std::uint32_t offset) const {
    return tasks ? tasks[offset].state : static_cast<TaskState>(finals[offset] & ~fetched_mark);
  }
  bool fetched(std::uint32_t offset) const {
    return tasks ? tasks[offset].fetched : (finals[offset] & fetched_mark) != 0;
  }
};

using ChunkPtr = IntrusivePtr<Chunk>;

struct TaskRef {
  ChunkPtr chunk;
  std::uint32_t offset = 0;

  Task& task() const { return chunk->tasks[offset]; }
  TaskId id() const { return chunk->id(offset); }
  std::string_view payload() const { return (*chunk->payloads)[offset]; }  // of an unfinished task
  // Whether it still is what a lane or timer took it for.
  bool is(TaskState state) const { return chunk->tasks && chunk->tasks[offset].state == state; }
};

// The life of a task, drawn in DESIGN.md: which moves there are.
constexpr bool may_move(TaskState from, TaskState to) {
  using enum TaskState;
  switch (from) {
    case waiting:
      return to == ready || to == cancelled;
    case ready:
      return to == leased || to == cancelled || to == failed;  // failed: lost at most once
    case leased:
      return to == ready || to == waiting || is_final(to);
    case succeeded:
      return false;
    case failed:
    case cancelled:
      return to == waiting;  // a retry
  }
  return false;
}

}  // namespace reeve::master
