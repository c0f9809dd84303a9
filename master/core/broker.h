// Broker: the rules of the master. Queues, tasks, jobs, leases, workers and waiting clients; a command and
// the time come in, effects go out.
//
// Owner: App.  Thread: the loop thread.  No socket, clock, thread, log, protobuf or SQL; it never waits and
// never throws. Always (check_invariants): a task is in one state and counted there once, in its job and in
// its queue; a leased task stands once in the lease table; a final state is reached once; nobody holds more
// than it said it could.
//
// Commands that answer later (a put into a full queue, a get from an empty one, a join) answer through
// Effects under the session and request they came with. An error that a command returns directly is its only
// answer.
//
// After every command, or a batch of them, call dispatch() once: it hands ready tasks to workers. While nothing
// may be handed out, call deliver() instead. Call tick() when wake_at() has come. What is too much for one turn goes on
// slice by slice: while there is more of it, call go_on() once in a turn.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "common/base/ids.h"
#include "common/base/result.h"
#include "common/base/time.h"
#include "master/core/effects.h"
#include "master/core/job.h"
#include "master/core/lease_table.h"
#include "master/core/limits.h"
#include "master/core/peers.h"
#include "master/core/queue.h"
#include "master/core/records.h"
#include "master/core/timers.h"
#include "master/core/views.h"

namespace reeve::master {

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
  std::string function = {};   // values that are put become tasks of it
  std::string results = {};    // where their results go
  bool ack_task_done = false;  // see Queue
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
  bool draining = false;         // as far as it knows
  std::uint64_t connection = 0;  // rises with each of its connections; 0: it does not count them
  std::vector<Fence> held;
  std::vector<Fence> finished;  // of `held`: their outcomes come whatever the answer is
};

struct WorkerAdmitted {
  WorkerId id;
  std::vector<Fence> dropped;  // of `held` without `finished`
  bool is_new = false;  // not known to be on the disk: until then it must hold nothing; see worker_kept()
};

// Which stored chunks a retry needs before it can begin. That of a large job is done in portions, each with a plan.
struct RetryPlan {
  std::vector<std::uint32_t> indices;                           // tasks to run again
  std::vector<std::pair<std::uint32_t, std::uint32_t>> chunks;  // first and last index of chunks to load
  std::uint32_t next = 0;     // where the next portion begins; 0: this is the last one
  bool begun = false;         // there was one before
  std::uint64_t retried = 0;  // in those
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
  InstanceId instance() const;

  // ---- time
  std::optional<TimePoint> wake_at() const;
  void tick(Now now, Effects& out);
  void dispatch(Now now, Effects& out);
  // The part of dispatch that belongs to what has happened: results go into their queues, in the same
  // transaction as the results themselves.
  void deliver(Now now, Effects& out);
  // A command concerned more than one turn has time for.
  bool has_more() const;
  void go_on(Now now, Effects& out);

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
  // A value that was sent and that its taker cannot use goes back to the front, as if it had never left.
  void give_back(SessionId session, TaskId item, Now now, Effects& out);
  // …or that nobody can use goes to the end of the queue `to`, which is made if it is not there, in one transaction.
  // Errors: as of any first use of that queue; not_found, the session has left. Then it stays where it is.
  Result<void> set_aside(SessionId session, TaskId item, std::string_view to, Now now, Effects& out);
  Result<void> task_done(Asker asker, std::string_view queue, std::uint64_t count, Now now, Effects& out);
  Result<void> join(Asker asker, std::string_view queue, Duration wait_max, Now now, Effects& out);
  // It comes into being when it is not there: an unbounded fifo.
  Result<void> queue_open(std::string_view queue, Now now, Effects& out);
  Result<void> queue_create(Asker asker, const QueueOptions& options, Effects& out);
  // As the configuration says it: made if it is not there, else changed where that can be done. Error: kind or maxsize
  // are others.
  Result<void> queue_declare(const QueueOptions& options, Effects& out);
  // From now on no queue can have the name, which belongs to something else. Error: already_exists, there is one.
  Result<void> reserve_name(std::string_view name);
  Result<void> queue_control(Asker asker, std::string_view queue, QueueAction action, Now now, Effects& out);

  Result<void> watch(Asker asker, JobId job, bool outcomes, bool stop, Now now, Effects& out);
  void fetched(JobId job, std::span<const std::uint32_t> indices, Now now, Effects& out);
  Result<void> cancel(Asker asker, JobId job, std::span<const std::uint32_t> indices, Now now, Effects& out);
  // A retry needs payloads that only the store has: plan, read them, then retry with what was read. While the plan has a
  // next portion, plan that; the retry is answered after the last one. Until then, or give_up_retry(), the job does not end.
  Result<RetryPlan> plan_retry(JobId job, std::span<const std::uint32_t> indices) const;
  Result<void> plan_next(JobId job, RetryPlan& plan) const;
  Result<void> retry(Asker asker, JobId job, RetryPlan& plan, std::vector<ChunkRecord> chunks, Now now,
                     Effects& out);
  void give_up_retry(JobId job, const RetryPlan& plan, Now now, Effects& out);
  Result<void> forget(Asker asker, JobId job, Effects& out);

  // ---- workers
  Result<WorkerAdmitted> worker_joined(SessionId session, WorkerIntro intro, Now now, Effects& out);
  void worker_alive(SessionId session, Now now);  // any frame of it is a sign of life
  void worker_kept(WorkerId id);                  // what worker_joined() kept of it is on the disk
  void worker_capacity(SessionId session, std::uint32_t held_max);
  // True when the result was recorded; false when the lease is somebody else's, or nobody's.
  bool complete(SessionId session, const Fence& fence, Outcome outcome, Now now, Effects& out);
  void returned(SessionId session, std::span<const Fence> attempts, Now now, Effects& out);
  void worker_goodbye(SessionId session, Now now, Effects& out);
  Result<void> worker_drain(Asker asker, std::string_view worker, bool on, Effects& out);

  // ---- questions
  Result<JobView> job(JobId job) const;
  std::vector<JobView> jobs(bool all, std::size_t limit) const;  // newest first; limit 0: no limit
  // Tasks first..last (0: to the end) in one of `states` (empty: any), at most `limit`; next: where to go on,
  // 0: done.
  struct TaskPage {
    std::vector<TaskView> tasks;
    std::uint32_t next = 0;
  };
  Result<TaskPage> tasks(JobId job, std::uint32_t first, std::uint32_t last,
                         std::span<const TaskState> states, std::size_t limit, bool payloads) const;
  Result<std::shared_ptr<const TaskSpec>> spec_of(TaskId task) const;
  Result<std::vector<QueueView>> queues(std::string_view name) const;           // empty: all
  const Queue* queue(std::string_view name) const { return find_queue(name); }  // null: none
  Result<std::vector<WorkerView>> workers(std::string_view name) const;         // name or id; empty: all
  BrokerStats stats() const;

  void check_invariants() const;  // ASSERTs; slow, for tests

 private:
  // The moment and the effects of the command that is being carried out.
  struct Step {
    Now now;
    Effects& out;
    std::vector<WorkerId> workers_by_holder = {};  // when it was asked for
  };

  // broker.cc: moves between states, and what follows from them
  void transition(const TaskRef& ref, TaskState to, Step& step);
  void make_ready(const TaskRef& ref, bool at_front, Step& step);
  void enqueue(const TaskRef& ref, bool at_front);
  void finish(const TaskRef& ref, Outcome outcome, Step& step);
  void consume_value(const TaskRef& ref, Step& step);
  void settle_value(const TaskRef& ref, Step& step);
  void task_is_final(const TaskRef& ref, Step& step);
  void release_chunk(Chunk& chunk);
  void drop_chunk_if_unneeded(Chunk& chunk, Step& step);
  void mark_fetched(Chunk& chunk, std::uint32_t offset);
  void keep_progress(const TaskRef& ref, WallTime not_before, Step& step);
  void wait_for(Duration pause, const TaskRef& first, std::uint32_t count, Now now);
  Backoff backoff_of(const TaskSpec& spec) const;
  void attempt_failed(const TaskRef& ref, Outcome outcome, Step& step);
  void attempt_lost(const TaskRef& ref, std::string_view how, Step& step);
  void tasks_due(const Timer& timer, Step& step);
  void deliver_results(Step& step);
  TaskRef find(TaskId id) const;  // a null chunk when it is gone

  // broker_submit.cc
  Result<void> check_spec(const TaskSpec& spec) const;
  Result<void> check_payloads(const Payloads& payloads) const;
  Result<void> check_name(std::string_view name, std::string_view what) const;
  Client* client_of(SessionId session);
  Client::Answer* earlier_answer(Client& client, std::uint64_t number, Step& step);
  Result<Job*> job_for(const Submission& submission, const Client::Answer* earlier, Client& client,
                       Step& step);
  Result<Job*> new_job(const Submission& submission, Client& client, Step& step);
  Result<void> admit(Waiter waiter, bool may_wait, Duration wait_max, Step& step);
  void admit_some(Waiter& waiter, std::uint64_t room, Step& step);
  void remember(const Waiter& waiter, Step& step);
  void settle(Client& client, std::uint64_t settled, Step& step);
  void add_chunk(Job& job, Queue& queue, std::shared_ptr<const TaskSpec> spec,
                 std::shared_ptr<const Payloads> payloads,
                 std::shared_ptr<const std::vector<ValueOrigin>> origins, Step& step);
  void add_watcher(Job& job, Asker asker, bool outcomes);
  FunctionId function_of(const TaskSpec& spec);
  FunctionId intern(const std::string& function);
  void client_due(ClientId id, Step& step);
  void end_jobs_of_nobody(Step& step);

  // broker_queue.cc
  Result<void> check_options(const QueueOptions& options) const;
  Result<Queue*> queue_for_use(std::string_view name, Step& step);
  Queue* find_queue(std::string_view name) const;
  Job& values_job(Queue& queue, Step& step);
  std::shared_ptr<const TaskSpec> value_spec(Queue& queue, Encoding encoding, std::int32_t priority);
  Result<Waiter*> wait(Waiter waiter, Duration wait_max, Step& step);
  Error too_many_waiters() const;
  void end_waiter(WaiterId id, Step& step);
  void drop_ended(std::deque<WaiterId>& line, std::uint64_t waiting);
  void waiter_timed_out(WaiterId id, Step& step);
  void give_values(SessionId to, std::uint64_t request, Queue& queue, std::size_t items_max, Step& step);
  void serve_queue(Queue& queue, Step& step);
  void lane_has_work(Lane& lane);

  // broker_worker.cc
  Worker* worker_of(SessionId session) const;
  void enter_worker(Worker& worker, const WorkerIntro& intro);
  void tell_holdings_moved(const Worker& worker, Step& step);
  void note_start(Job& job, Step& step);
  void grant_one(Worker& worker, Lane& lane, Step& step);
  Lane* best_lane(const Worker& worker);
  void lose_worker(Worker& worker, std::string_view how, Step& step);
  void take_back(const TaskRef& ref, Step& step);
  void bound_result(Outcome& outcome) const;
  void end_recovery(Step& step);
  void erase_jobs_of_nobody(Step& step);
  void lease_due(WorkerId id, Step& step);
  std::vector<Fence> reconcile(Worker& worker, const WorkerIntro& intro, Step& step);
  bool may_be_adopted(const Worker& worker, const Fence& fence, const TaskRef& ref) const;

  // broker_cancel.cc
  struct Cancelling;
  void spend(std::uint64_t work);
  const Worker* worker_holding(const Task& task, std::vector<WorkerId>& by_holder) const;
  void cancel_task(const TaskRef& ref, std::string_view why, Step& step);
  void mark_cancelled(Job& job, std::string why, Step& step);
  void stop_running(Job& job, Step& step);
  void cancel_slice(Step& step);
  bool cancel_some(Cancelling& one, Step& step);
  void purge(Queue& queue, Asker asker, Step& step);
  bool purge_some(Cancelling& one, Step& step);
  bool cancel_chunk(Cancelling& one, const Job& job, Step& step);
  void admit_rest(Cancelling& one, Job& job, Step& step);
  void cancel_dependents(Job& job, Step& step);
  Result<void> check_named(std::span<const std::uint32_t> indices) const;
  Result<void> cancel_named(Asker asker, const Job& job, std::span<const std::uint32_t> indices, Step& step);
  void recover_cancelling(Job& job);
  static Error being_cancelled(const Job& job);

  // broker_jobs.cc
  Job* find_job(JobId id) const;
  void finish_job_if_done(Job& job, Step& step);
  void job_ended(Job& job, Step& step);
  void wait_for_nobody(Job& job);
  void unblock(Job& job, Step& step);
  void plan_portion(const Job& job, std::uint32_t from, RetryPlan& plan) const;
  void load_chunk(Chunk& chunk, Queue& queue, ChunkRecord& record);
  void restart(const TaskRef& ref, Step& step);
  void erase_job(Job& job, Step& step);
  void expire_jobs(Step& step);
  void job_moved(Job& job, Step& step);
  void tell_watchers(Job& job, Step& step);
  void watch_due(JobId id, Step& step);
  void close(Job& job, Step& step);
  void close_incomplete(Job& job, Step& step);  // it does not succeed: nobody said that this was all
  static JobRecord record_of(const Job& job);

  // broker_recovery.cc
  void recover(Recovered recovered, Now now);
  void recover_chunk(Job& job, Recovered::Chunk& stored, Now now);
  void recover_progress(const TaskRef& ref, const ProgressRecord& progress, Now now);

  // broker_query.cc
  JobView view(const Job& job) const;
  std::string trouble_of(const Job& job) const;
  bool anyone_serves(const Lane& lane) const;
  std::string why_not_granted(const Lane& lane) const;
  std::string trouble_of_leased(const Job& job) const;

  Limits limits_;
  Epoch epoch_;
  InstanceId instance_;
  std::mt19937_64 random_;

  std::unordered_map<JobId, std::unique_ptr<Job>> jobs_;
  std::map<std::string, std::unique_ptr<Queue>, std::less<>> queues_;
  std::set<std::string, std::less<>> reserved_names_;  // that no queue can have
  std::unordered_map<WorkerId, std::unique_ptr<Worker>> workers_;
  std::unordered_map<ClientId, std::unique_ptr<Client>> clients_;
  std::unordered_map<PeerKey, ClientId> client_by_key_;
  std::unordered_map<PeerKey, WorkerId> worker_by_key_;
  std::unordered_map<SessionId, Peer> sessions_;
  std::unordered_map<WaiterId, Waiter> waiters_;
  std::unordered_map<std::string, FunctionId> functions_;
  std::vector<std::string> function_names_;
  LeaseTable leases_;
  Timers timers_;

  std::vector<Lane*> lanes_;    // with work for workers; some may have run empty
  std::vector<Worker*> round_;  // connected workers, in the order in which they are served next
  struct ResultValue {
    ValueOrigin origin;
    Encoding encoding;
    std::string value;
  };
  std::map<std::string, std::vector<ResultValue>> results_;  // of this turn, by result queue
  struct FinishedJob {
    JobId id;
    WallTime finished{};
    TimePoint since{};
  };
  std::deque<FinishedJob> finished_jobs_;  // oldest first; some may be gone
  std::uint64_t kept_results_ = 0;         // of finished jobs

  std::unordered_map<PeerKey, std::string> awaited_;  // workers of the last epoch: key → name
  std::unordered_set<PeerKey> adoptable_;             // all of those: what they hold may be their own still
  std::vector<Lane::Entry> withheld_;                 // tasks that they may still run
  bool recovering_ = false;
  bool clock_went_back_ = false;  // since the last epoch: tasks that seem to wait may be running

  std::uint64_t next_job_ = 1, next_worker_ = 1, next_client_ = 1, next_waiter_ = 1, next_order_ = 1;
  // A job that is being cancelled, or a queue that is being purged, and who waits for that.
  struct Cancelling {
    std::optional<JobId> job = {};  // not given: a purge
    std::uint32_t next = 1;         // index of the first task that was not looked at yet
    std::string queue = {};
    std::vector<ChunkPtr> chunks =
        {};  // of a purge: what was in the queue and was not looked at yet, the last one first
    std::uint64_t cancelled = 0;  // so far
    std::string why = {};
    struct Waiting {
      Asker asker;
      std::uint64_t running, cancelled_before;  // when it asked
    };
    std::vector<Waiting> waiting = {};
  };
  std::deque<Cancelling> cancelling_;                   // by turns
  std::uint64_t slice_left_ = 0;                        // of what may be done in this turn
  bool in_slice_ = false;                               // just now
  std::set<std::pair<TimePoint, WaiterId>> deadlines_;  // of those who wait
  WallTime last_submitted_{};  // of chunks: rises with each, whatever the wall's clock does
  BrokerStats stats_;
};

}  // namespace reeve::master
