// What the master tells about itself: plain values, each the twin of a message in reeve.proto.
// A moment of zero means "not yet".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/task.h"
#include "common/base/time.h"

namespace reeve {

// Task 3 of job 17, written 17.3.
struct TaskName {
  std::uint64_t job = 0;
  std::uint32_t index = 0;
  auto operator<=>(const TaskName&) const = default;
};

struct Counts {
  std::uint64_t total = 0, waiting = 0, ready = 0, leased = 0, succeeded = 0, failed = 0, cancelled = 0;
  std::uint64_t finished() const { return succeeded + failed + cancelled; }
  bool operator==(const Counts&) const = default;
};

struct JobInfo {
  std::uint64_t job = 0;
  std::string name;
  TaskSpec spec;  // of its last submission
  Counts counts;
  bool open = false;        // more tasks may come
  bool incomplete = false;  // cancelled while it was open, or its client stayed away: it does not succeed
  WallTime submitted{}, started{}, finished{};
  std::string trouble;  // why it does not move, for a person; empty when it does
  std::vector<std::uint64_t> after;

  bool is_finished() const { return finished != WallTime{}; }
  bool succeeded() const { return is_finished() && !incomplete && counts.succeeded == counts.total; }
};

struct TaskInfo {
  std::uint32_t index = 0;
  TaskState state = TaskState::waiting;
  std::uint32_t attempt = 0;
  std::uint32_t crashes = 0;
  std::string worker;              // of a leased task
  WallTime not_before{};           // of a waiting one
  std::optional<Outcome> outcome;  // of a final one
  std::string payload;             // when asked for
  std::optional<TaskSpec> spec;    // only when exactly one task was asked for
};

struct TaskQuery {
  std::uint32_t first = 1, last = 0;  // indices; last 0: to the end
  std::vector<TaskState> states;      // empty: all
  std::uint32_t limit = 0;            // tasks in one page; 0: as many as one frame may carry
  bool outcomes = false;              // with values and output
  bool payloads = false;
};

struct TaskPage {
  std::vector<TaskInfo> tasks;
  std::uint32_t next = 0;  // first index of the next page; 0: this was the last
};

struct QueueInfo {
  std::string name;
  QueueKind kind = QueueKind::fifo;
  std::uint64_t maxsize = 0;  // 0: no bound
  std::string function;       // of the tasks that values become when they are put; empty: they stay values
  std::string results;        // where the results of those go
  bool ack_task_done = false;
  std::uint64_t size = 0;  // waiting + ready: qsize()
  std::uint64_t ready = 0, waiting = 0, leased = 0;
  std::uint64_t unfinished = 0;  // what join() waits for
  bool paused = false;
  std::uint64_t getters = 0, putters = 0;  // clients blocked in get and put
  Pairs stuck;                             // function → count of ready tasks that no connected worker serves
};

struct WorkerInfo {
  std::uint64_t worker = 0;
  std::string name, host;
  std::uint32_t pid = 0;
  std::uint32_t slots = 0;
  std::vector<std::string> functions;
  bool commands = false;
  std::vector<std::string> queues;  // empty: all
  Pairs labels;
  bool connected = false, draining = false;
  std::uint64_t held = 0, held_max = 0;
  std::uint64_t finished = 0, failed = 0;  // attempts
  WallTime connected_at{}, heard_at{};
  Duration silent{0};      // since then
  Duration lease_left{0};  // if it stays silent: then what it holds is lost to it
  std::string address, version;
  std::vector<TaskName> running;  // only when one worker was asked for
};

struct StatusInfo {
  std::string version;
  std::uint64_t epoch = 0;
  WallTime started{};
  bool durable = false;
  std::string data_dir;
  std::string trouble;  // empty when well
  Counts tasks;
  std::uint64_t jobs = 0, queues = 0, workers = 0, slots = 0, clients = 0;
  std::uint64_t rss_bytes = 0;
  std::vector<std::pair<std::string, std::uint64_t>> counters;
};

struct BackupInfo {
  std::string file;  // on the master's machine
  std::uint64_t bytes_done = 0, bytes_total = 0;
  WallTime taken{};  // what was acknowledged before is in it; zero: not begun yet
  bool finished = false;
};

}  // namespace reeve
