// Broker: the rules of the master. Queues, tasks, jobs, leases, workers and waiting clients; a command and the time
// come in, effects go out.
//
// Owner: App.  Thread: the loop thread.  No socket, clock, thread, log, protobuf or SQL; it never waits and never
// throws.
// Always (check_invariants): a task is in one state and counted there once, in its job and in its queue; a leased
// task stands once in the lease table; a final state is reached once; nobody holds more than it said it could.
//
// Commands that answer later (a put into a full queue, a get from an empty one, a join) answer through Effects under
// the session and request they came with. An error that a command returns directly is its only answer.
//
// After every command, or a batch of them, call dispatch() once: it hands ready tasks to workers. Call tick() when
// wake_at() has come.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/base/ids.h"
#include "common/base/result.h"
#include "common/base/time.h"
#include "master/core/effects.h"
#include "master/core/limits.h"
#include "master/core/records.h"
#include "master/core/views.h"

namespace reeve::master {

class BrokerState;

// Where an answer goes.
struct Asker {
  SessionId session;
  std::uint64_t request = 0;
};

struct Submission {
  std::uint64_t number = 0;   // under which the client may repeat it; 0: it will not
  std::uint64_t settled = 0;  // every number up to here was answered
  JobId job;                  // none: a new one
  bool open = false;
  std::string name;
  TaskSpec spec;
  Payloads payloads;
  bool watch = false;
  std::vector<JobId> after;
  bool wait_for_room = false;
  Duration wait_max{0};  // 0: for ever
};

struct PutValues {
  std::uint64_t number = 0;
  std::uint64_t settled = 0;
  std::string queue;
  Encoding encoding = Encoding::raw;
  std::int32_t priority = 0;
  Payloads items;
  bool wait_for_room = false;
  Duration wait_max{0};
};

struct GetValues {
  std::string queue;
  std::uint32_t items_max = 1;
  bool wait = false;
  Duration wait_max{0};
};

struct QueueOptions {
  std::string name;
  QueueKind kind = QueueKind::fifo;
  std::uint64_t maxsize = 0;
  bool exist_ok = false;
};

enum class QueueAction : std::uint8_t { pause, resume, purge, remove };

struct WorkerIntro {
  PeerKey key;
  std::string name, host, version, address;
  std::uint32_t pid = 0, slots = 1;
  std::vector<std::string> functions;
  bool commands = false;
  std::vector<std::string> queues;  // empty: all
  Pairs labels;
  std::vector<Fence> held;
};

struct WorkerAdmitted {
  WorkerId id;
  std::vector<Fence> dropped;  // of `held`
};

// Which stored chunks a retry needs before it can begin.
struct RetryPlan {
  std::vector<std::uint32_t> indices;                            // tasks to run again
  std::vector<std::pair<std::uint32_t, std::uint32_t>> chunks;   // first and last index of chunks to load
};

class Broker {
 public:
  // `seed`: for the jitter of backoffs.
  Broker(Limits limits, Recovered recovered, Now now, std::uint64_t seed);
  ~Broker();
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;

  const Limits& limits() const;
  Epoch epoch() const;

  // ---- time
  std::optional<TimePoint> wake_at() const;
  void tick(Now now, Effects& out);
  void dispatch(Now now, Effects& out);

  // ---- clients
  void client_joined(SessionId session, PeerKey key, Now now);
  void session_left(SessionId session, Now now, Effects& out);  // clients and workers
  void session_writable(SessionId session, Effects& out);       // it was congested: it hears `lagging`

  Result<void> submit(Asker asker, Submission submission, Now now, Effects& out);
  Result<void> close_job(Asker asker, JobId job, Now now, Effects& out);
  Result<void> put(Asker asker, PutValues values, Now now, Effects& out);
  Result<void> get(Asker asker, GetValues wanted, Now now, Effects& out);
  Result<void> peek(Asker asker, std::string_view queue, std::uint32_t items_max, Effects& out) const;
  void took(SessionId session, std::span<const TaskId> items, Now now, Effects& out);
  Result<void> task_done(Asker asker, std::string_view queue, std::uint64_t count, Now now, Effects& out);
  Result<void> join(Asker asker, std::string_view queue, Duration wait_max, Now now, Effects& out);
  Result<void> queue_create(Asker asker, const QueueOptions& options, Effects& out);
  Result<void> queue_control(Asker asker, std::string_view queue, QueueAction action, Now now, Effects& out);

  Result<void> watch(Asker asker, JobId job, bool outcomes, bool stop, Now now, Effects& out);
  void fetched(JobId job, std::span<const std::uint32_t> indices, Now now, Effects& out);
  Result<void> cancel(Asker asker, JobId job, std::span<const std::uint32_t> indices, Now now, Effects& out);
  // A retry needs payloads that only the store has: plan, read them, then retry with what was read.
  Result<RetryPlan> plan_retry(JobId job, std::span<const std::uint32_t> indices) const;
  Result<void> retry(Asker asker, JobId job, const RetryPlan& plan, std::vector<ChunkRecord> chunks, Now now,
                     Effects& out);
  Result<void> forget(Asker asker, JobId job, Effects& out);

  // ---- workers
  Result<WorkerAdmitted> worker_joined(SessionId session, WorkerIntro intro, Now now, Effects& out);
  void worker_alive(SessionId session, Now now);  // any frame of it is a sign of life
  void worker_capacity(SessionId session, std::uint32_t held_max);
  // True when the result was recorded; false when the lease is somebody else's, or nobody's.
  bool complete(SessionId session, const Fence& fence, Outcome outcome, Now now, Effects& out);
  void returned(SessionId session, std::span<const Fence> attempts, Now now, Effects& out);
  void worker_goodbye(SessionId session, Now now, Effects& out);
  Result<void> worker_drain(Asker asker, std::string_view worker, bool on, Effects& out);

  // ---- questions
  Result<JobView> job(JobId job) const;
  std::vector<JobView> jobs(bool all, std::size_t limit) const;  // newest first; limit 0: no limit
  // Tasks first..last (0: to the end) in one of `states` (empty: any), at most `limit`; next: where to go on, 0: done.
  struct TaskPage {
    std::vector<TaskView> tasks;
    std::uint32_t next = 0;
  };
  Result<TaskPage> tasks(JobId job, std::uint32_t first, std::uint32_t last, std::span<const TaskState> states,
                         std::size_t limit, bool payloads) const;
  Result<std::shared_ptr<const TaskSpec>> spec_of(TaskId task) const;
  Result<std::vector<QueueView>> queues(std::string_view name) const;    // empty: all
  Result<std::vector<WorkerView>> workers(std::string_view name) const;  // name or id; empty: all
  BrokerStats stats() const;

  void check_invariants() const;  // ASSERTs; slow, for tests

 private:
  std::unique_ptr<BrokerState> state_;
};

}  // namespace reeve::master
