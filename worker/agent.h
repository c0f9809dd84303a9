// Agent: what a worker decides. Which attempts it holds, how many more it asks for, what it reports, hands
// back, stops, and when it may leave.
//
//   granted ──▶ lent to the pool ──finished──▶ finished ──next_complete──▶ sent ──completed──▶ forgotten
//                     │                            ▲──────disconnected──────┘
//                     └─withdrawn (not started)──▶ returned
//
// Owner: WorkerApp (or a simulation).  Thread: the loop thread.  No I/O, no clock: events and time come in,
// effects go out, and Complete batches are fetched with next_complete when the link can take them. Always: an
// attempt leaves only when the master acknowledged its outcome, when it was handed back, or when the
// master dropped it; every attempt lent to the pool comes back through finished() or withdrawn() exactly
// once.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"
#include "worker/work.h"

namespace reeve::worker {

struct AgentLimits {
  std::uint32_t slots = 1;  // how many attempts run at once
  std::uint32_t prefetch_max = 4096;
  Duration prefetch_work = std::chrono::milliseconds{40};  // how much work should wait here for each slot
  Duration short_run = std::chrono::milliseconds{2};  // tasks that take no longer may wait in greater number:
  Duration prefetch_short_work = std::chrono::milliseconds{100};  // so that their outcomes can gather
  std::uint32_t gather_outcomes = 256;                            // as many should be reported together,
  Duration gather_max = std::chrono::milliseconds{50};            // if that many come in this time
  Duration unstarted_max =
      std::chrono::milliseconds{500};         // attempts that waited so long here are handed back
  std::size_t complete_max = 1024;            // attempts in one Complete
  std::size_t complete_max_bytes = 1u << 20;  // of outcomes in one Complete, unless one alone is larger
  std::size_t unacknowledged_max_bytes = 256u << 20;  // of outcomes kept; above it nothing new is asked for
  Duration farewell =
      std::chrono::seconds{10};  // after the last tasks were stopped: for the pool and the master
};

// A sentence for the log.
struct Notice {
  bool warns = true;
  std::string text;
};

// What should happen now. The caller carries it out and clears it.
struct AgentEffects {
  std::vector<Attempt*> start;  // lend these to the pool, in this order, behind what is queued there
  std::vector<Attempt*> stop;   // lent ones whose `stop` was set: wake them
  std::size_t withdraw = 0;     // take up to this many from the front of the pool's queue: withdrawn()
  std::optional<std::uint32_t> capacity;
  std::vector<Fence> returned;
  std::optional<TimePoint> heartbeat;  // send one that carries this moment
  bool reconnect = false;              // this connection is dead
  bool leave = false;                  // say Goodbye if connected, and end
  std::vector<Notice> notices;

  void clear();  // keeps the vectors' memory
};

class Agent {
 public:
  explicit Agent(AgentLimits limits);

  // ---- the link
  // For WorkerHello: all that is here, and what of it only waits to be acknowledged.
  std::vector<Fence> held() const;
  std::vector<Fence> unacknowledged() const;
  // The answer to a hello that was sent at `hello_sent`. Finished attempts will be sent again.
  void connected(TimePoint hello_sent, Duration lease, Duration heartbeat, std::span<const Fence> dropped,
                 TimePoint now, AgentEffects& fx);
  void disconnected();
  // Error: limit_reached, when the master grants more than was ever asked for on this connection.
  Result<void> granted(const Fence& fence, const std::shared_ptr<const TaskSpec>& spec,
                       std::string_view payload, TimePoint now, AgentEffects& fx);
  void stop_requested(std::span<const Fence> fences, AgentEffects& fx);
  void completed(std::uint64_t batch, std::size_t refused, TimePoint now, AgentEffects& fx);
  void heartbeat_echoed(TimePoint sent);
  void drain(bool on, TimePoint now, AgentEffects& fx);
  bool draining() const { return draining_; }  // for WorkerHello

  struct CompleteBatch {
    std::uint64_t number;
    std::span<Attempt* const> attempts;  // valid until the next call of a non-const function
  };
  std::optional<CompleteBatch> next_complete();

  // ---- the pool
  void finished(std::span<Attempt* const> attempts, TimePoint now, AgentEffects& fx);
  void withdrawn(std::span<Attempt* const> attempts, AgentEffects& fx);
  void taken(std::uint64_t count);  // how many attempts have ever left the pool's queue, whatever for

  // ---- the operator
  // Finish what runs, hand back the rest, and leave; after `grace`, or at a second call, stop what still
  // runs.
  void shut_down(TimePoint now, Duration grace, AgentEffects& fx);

  // ---- time
  void tick(TimePoint now, AgentEffects& fx);
  TimePoint next_tick(TimePoint now) const;  // tick() is wanted then, or earlier
  // When the leases end unless the master is heard of before; none: there are none to lose.
  std::optional<TimePoint> lease_end() const {
    return had_lease_ ? std::optional{lease_base_ + lease_} : std::nullopt;
  }

  // How long outcomes may gather before they are reported; zero: report them now. Not where many gather anyway,
  // nor where they are so seldom that there is nothing to gain, nor where the slots would run dry meanwhile.
  Duration gather_pause() const;

  std::size_t in_pool() const { return lent_; }
  std::size_t unfinished() const { return lent_ - abandoned_; }
  std::size_t unreported() const { return unsent_.size() - unsent_begin_ + sent_count_; }
  void check_invariants() const;

 private:
  struct Sent {
    std::uint64_t number;
    std::vector<Attempt*> attempts;
  };
  struct GrantMark {  // attempts with an order below `end` were granted at `at` or earlier
    std::uint64_t end;
    TimePoint at;
  };

  Attempt& take_free();
  void release(Attempt& attempt);
  void ask_to_stop(Attempt& attempt, StopReason reason, AgentEffects& fx);
  void stop_all(StopReason reason, AgentEffects& fx);
  void hold_cancelled(Attempt& attempt);
  void hand_back(Attempt& attempt, AgentEffects& fx);
  void hold_outcome(Attempt& attempt);
  void drop(std::span<const Fence> fences, AgentEffects& fx);
  void note_run(Duration run);
  std::uint64_t queued() const { return next_order_ - taken_; }
  std::uint32_t wanted_capacity(TimePoint now) const;
  void update_capacity(TimePoint now, AgentEffects& fx);
  void hand_back_stale(TimePoint now, AgentEffects& fx);
  void check_lease(TimePoint now, AgentEffects& fx);
  void check_leave(TimePoint now, AgentEffects& fx);

  AgentLimits limits_;

  std::vector<std::unique_ptr<Attempt>> all_;
  std::vector<Attempt*> free_;       // last in, first out: the warmest memory first
  std::vector<Attempt*> returning_;  // withdrawn while there was no connection
  std::vector<Attempt*> unsent_;     // finished, from unsent_begin_ on
  std::size_t unsent_begin_ = 0;
  std::deque<Sent> sent_;
  std::size_t sent_count_ = 0;
  std::uint64_t next_batch_ = 1;
  std::size_t lent_ = 0;       // to the pool
  std::size_t abandoned_ = 0;  // of those, dropped by the master
  std::size_t unacknowledged_bytes_ = 0;

  std::uint64_t next_order_ = 0;
  std::uint64_t taken_ = 0;
  std::deque<GrantMark> grant_marks_;

  double mean_run_us_ = -1;      // of recent attempts; negative: none finished yet
  TimePoint progress_{};         // when the last attempt finished or the pool got work after having had none
  std::uint32_t announced_ = 0;  // the last Capacity sent on this connection
  std::uint32_t announced_max_ = 0;  // the largest

  bool connected_ = false;
  bool had_lease_ = false;  // connected once, and the lease was not lost since
  Duration lease_{0};
  Duration heartbeat_{0};
  TimePoint lease_base_{};  // when the last heartbeat that came back was sent
  TimePoint next_heartbeat_{};

  bool draining_ = false;  // the master's wish
  bool leaving_ = false;
  bool stopped_tasks_ = false;  // while leaving: the grace is over
  TimePoint leave_deadline_{};  // of the grace, then of the farewell
};

}  // namespace reeve::worker
