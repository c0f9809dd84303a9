// What the Broker wants kept: the records of one transaction, as plain values.
//
// Tasks are kept in chunks, not one by one: the tasks of one submission become rows of up to chunk_tasks_max
// consecutive tasks, immutable once written; outcomes are added in rows of their own, keyed by the chunk they
// belong to. So a transaction costs a few rows, however many tasks it carries, and forgetting a chunk is one
// range delete. docs/decisions/0002-chunks.md tells why.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "common/base/ids.h"
#include "common/base/task.h"
#include "common/base/time.h"

namespace reeve::master {

// The payloads of consecutive tasks, in one block. Immutable once shared between Broker and commit thread.
class Payloads {
 public:
  Payloads() = default;
  // Pre: `ends` rises and its last element is the size of `bytes`.
  Payloads(std::string bytes, std::vector<std::uint32_t> ends)
      : bytes_{std::move(bytes)}, ends_{std::move(ends)} {}

  void reserve(std::size_t count, std::size_t bytes) { ends_.reserve(count), bytes_.reserve(bytes); }
  void add(std::string_view payload) {
    bytes_.append(payload);
    ends_.push_back(static_cast<std::uint32_t>(bytes_.size()));
  }
  void shrink_to_fit() { ends_.shrink_to_fit(), bytes_.shrink_to_fit(); }
  std::size_t size() const { return ends_.size(); }
  std::size_t bytes() const { return bytes_.size(); }
  std::string_view operator[](std::size_t i) const {
    const std::size_t begin = i == 0 ? 0 : ends_[i - 1];
    return std::string_view{bytes_}.substr(begin, ends_[i] - begin);
  }
  std::string_view block() const { return bytes_; }
  const std::vector<std::uint32_t>& ends() const { return ends_; }  // where each payload ends in the block

 private:
  std::string bytes_;
  std::vector<std::uint32_t> ends_;
};

// Where a value in a result queue came from.
struct ValueOrigin {
  TaskId task;
  TaskState state = TaskState::succeeded;
  std::string error;
};

// 16 random bytes that a client or worker process keeps for its life.
using PeerKey = std::string;

struct QueueRecord {  // upsert, by name
  std::string name;
  QueueKind kind = QueueKind::fifo;
  std::uint64_t maxsize = 0;
  bool paused = false;
  std::uint64_t unfinished_taken = 0;  // values that were taken, whose task_done is outstanding
  std::string function;        // what becomes of values that are put: tasks of it; empty: they stay values
  std::string results;         // where the results of those tasks go; empty: nowhere
  bool ack_task_done = false;  // a value is its taker's for good only when it calls task_done
};
struct QueueErased {
  std::string name;
};

// How the tasks of a job ended whose chunks are erased.
struct ErasedTasks {
  std::uint64_t succeeded = 0, failed = 0, cancelled = 0;
  bool operator==(const ErasedTasks&) const = default;
};

struct JobRecord {  // upsert, by id
  JobId id;
  std::string name;
  bool open = false;
  WallTime submitted{};
  WallTime started{};   // zero: not yet
  WallTime finished{};  // zero: not yet
  std::vector<JobId> after;
  std::string values_of;         // the queue whose plain values this job carries; empty: an ordinary job
  std::uint32_t next_index = 1;  // of the next task: never given twice, even when its chunk is long gone
  ErasedTasks erased = {};
  bool cancelled = false;   // as a whole: what is still to come of it as well
  bool incomplete = false;  // it ended before its client had said that this was all
};
struct JobErased {
  JobId id;
};  // with its chunks, outcomes and task progress

// Tasks first, first+1, … of a job. Never rewritten.
struct ChunkRecord {
  JobId job;
  std::uint32_t first = 0;
  std::shared_ptr<const TaskSpec> spec;
  std::shared_ptr<const Payloads> payloads;
  std::shared_ptr<const std::vector<ValueOrigin>> origins;  // null: none
  WallTime submitted{};  // rises from chunk to chunk, over all jobs: the order in which they came
  Epoch epoch{};         // in which it came: nobody can hold its tasks under an earlier one
};
struct ChunkErased {  // with its outcomes and task progress
  JobId job;
  std::uint32_t first = 0;
};

// A task of the chunk at `chunk` reached its final state. state ready: a retry made it unfinished again,
// which undoes earlier outcomes. A value that was taken for good is recorded as succeeded with attempt 0 and
// no content: no task ends that way.
struct OutcomeRecord {
  TaskId task;
  std::uint32_t chunk = 0;
  Outcome outcome;
};
inline bool is_taken_value(const Outcome& outcome) {
  return outcome.state == TaskState::succeeded && outcome.attempt == 0;
}

// An unfinished task whose progress differs from "never tried": upsert, by task. Removed with its chunk, and
// by an outcome of the task, also by one with state ready: who retries a task records its progress after
// that.
struct ProgressRecord {
  TaskId task;
  std::uint32_t chunk = 0;
  std::uint32_t attempt = 0;  // last one granted
  std::uint32_t failures = 0;
  std::uint32_t crashes = 0;
  WallTime not_before{};  // zero: at once
  bool cancel_requested = false;
  bool once_started = false;  // at-most-once: granted, so never to be granted again
};

// What answered a submission, so that a repetition gets the same answer.
struct SubmissionRecord {
  PeerKey client;
  std::uint64_t submission = 0;
  JobId job;
  std::uint32_t first = 0;
  std::uint32_t count = 0;  // accepted so far; a repetition carries on behind it
  WallTime at{};
};
struct SubmissionsSettled {  // forget every submission of `client` up to `through`
  PeerKey client;
  std::uint64_t through = 0;
};

// A worker that may hold leases: after a restart the master waits for it before it grants its tasks anew.
struct WorkerRecord {
  PeerKey key;
  std::string name;
};
struct WorkerErased {
  PeerKey key;
};

// A named object of Python programs ([objects.NAME]). What it holds are cells, each under a number: the object knows
// what they mean, and that their numbers are their order. So a change costs what changed, not what there is.
struct ObjectRecord {  // upsert, by name
  std::string name;
  std::string type;      // "dict"
  std::string typecode;  // of an Array or a Value; else empty
};
struct ObjectErased {  // with its cells
  std::string name;
};
struct CellRecord {  // upsert, by object and number
  std::string object;
  std::int64_t number = 0;
  std::string content;
};
struct CellErased {
  std::string object;
  std::int64_t number = 0;
};
struct CellsErased {  // all of them
  std::string object;
};

using Record = std::variant<QueueRecord, QueueErased, JobRecord, JobErased, ChunkRecord, ChunkErased,
                            OutcomeRecord, ProgressRecord, SubmissionRecord, SubmissionsSettled, WorkerRecord,
                            WorkerErased, ObjectRecord, ObjectErased, CellRecord, CellErased, CellsErased>;
using Records = std::vector<Record>;

// What a store held when it was opened: everything unfinished, and the outlines of what is finished.
struct Recovered {
  Epoch epoch;  // raised by this opening
  InstanceId instance;
  std::uint64_t next_job = 1;
  struct Chunk {
    ChunkRecord record;  // payloads of finished tasks may be there or not
    std::vector<std::pair<std::uint32_t, TaskState>> finals;  // index → final state, by index
    std::vector<ProgressRecord> progress;
  };
  struct Job {
    JobRecord record;
    std::vector<Chunk> chunks;  // by first; chunks all of whose tasks are final have null payloads
  };
  std::vector<Job> jobs;  // by id
  std::vector<QueueRecord> queues;
  std::vector<SubmissionRecord> submissions;
  std::vector<WorkerRecord> workers;
  struct Object {
    ObjectRecord record;
    std::vector<std::pair<std::int64_t, std::string>> cells;  // number → content, by number
  };
  std::vector<Object> objects;  // by name
};

}  // namespace reeve::master
