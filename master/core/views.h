// What the Broker tells about its state: plain values for replies and listings.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/ids.h"
#include "common/base/task.h"
#include "common/base/time.h"

namespace reeve::master {

// The tasks that a submission became: indices first … first + count - 1 of a job.
struct Accepted {
  JobId job;
  std::uint32_t first = 0;
  std::uint32_t count = 0;
};

struct Counts {
  std::array<std::uint64_t, task_states> by_state{};
  std::uint64_t& operator[](TaskState state) { return by_state[static_cast<std::size_t>(state)]; }
  std::uint64_t operator[](TaskState state) const { return by_state[static_cast<std::size_t>(state)]; }
  std::uint64_t total() const {
    std::uint64_t sum = 0;
    for (const auto count : by_state) sum += count;
    return sum;
  }
  std::uint64_t unfinished() const {
    return (*this)[TaskState::waiting] + (*this)[TaskState::ready] + (*this)[TaskState::leased];
  }
  std::uint64_t final() const { return total() - unfinished(); }
};

// A value on its way to a client (or shown by peek).
struct ItemView {
  TaskId id;
  Encoding encoding = Encoding::raw;
  std::string_view value;
  std::string_view function;  // of a task seen with peek; "(command)" for commands
  std::int32_t priority = 0;
  TaskId from;  // of which task it is the outcome; index 0: none
  TaskState from_state = TaskState::succeeded;
  std::string_view error;
};

struct JobView {
  JobId id;
  std::string name;
  std::shared_ptr<const TaskSpec> spec;  // of its last submission; null: there was none
  Counts counts;
  bool open = false;
  WallTime submitted{}, started{}, finished{};  // zero: not yet
  bool incomplete = false;
  std::vector<JobId> after;
  std::string trouble;  // why it does not move; empty when it does
};

struct TaskView {
  std::uint32_t index = 0;
  TaskState state = TaskState::waiting;
  std::uint32_t attempt = 0;
  std::uint32_t crashes = 0;
  std::string worker;     // of a leased task
  WallTime not_before{};  // of a waiting task; zero: it waits for something else than the time
  std::string payload;    // when asked for, of an unfinished task
};

struct QueueView {
  std::string name;
  QueueKind kind = QueueKind::fifo;
  std::uint64_t maxsize = 0;
  std::uint64_t ready = 0, waiting = 0, leased = 0;
  std::uint64_t unfinished = 0;
  bool paused = false;
  std::uint64_t getters = 0, putters = 0;
  std::string function, results;
  bool ack_task_done = false;
  std::vector<std::pair<std::string, std::uint64_t>> stuck;  // function → ready tasks that no worker serves
};

struct WorkerView {
  WorkerId id;
  std::string name, host, address, version;
  std::uint32_t pid = 0, slots = 0, held_max = 0;
  std::vector<std::string> functions, queues;
  bool commands = false, connected = false, draining = false;
  Pairs labels;
  std::uint64_t held = 0, finished = 0, failed = 0;
  WallTime connected_at{}, heard_at{};
  TimePoint lease_until{};
  std::vector<TaskId> running;  // when one worker was asked for
};

struct BrokerStats {
  Counts tasks;  // unfinished ones now; final ones since the master started
  std::uint64_t jobs = 0, queues = 0, workers = 0, slots = 0, clients = 0;
  std::uint64_t queued_bytes = 0;
  std::uint64_t grants = 0, retries = 0, losses = 0, refused_results = 0, duplicate_submissions = 0,
                expired_jobs = 0;
  std::string trouble;  // recovering: which workers are awaited
};

}  // namespace reeve::master
