// PoolState: what is behind a Pool. Calls gather in batches of equal specs, batches become Submits to one
// open job, and results find their futures by index.
//
// Owner: Pool, and Core while there is something to send or to come.  Thread: two halves, as marked.
// Always: a slot stands in one place: in a pending batch, in a Submit without answer, or in the table.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "client/core/core.h"
#include "common/base/task.h"
#include "reeve/pool.h"

namespace reeve::client {

struct PoolState final : JobListener, std::enable_shared_from_this<PoolState> {
  PoolState(std::shared_ptr<Core> owner, TaskSpec spec, std::string job_name, std::size_t imap_window)
      : core(std::move(owner)), base(std::move(spec)), name(std::move(job_name)), window(imap_window) {}

  struct Batch {
    TaskSpec spec;
    std::string payloads;  // serialised: field 8 of Submit, once for each slot
    std::vector<SlotPtr> slots;
  };

  // ---- any thread
  SlotPtr add(std::string_view function, const Payload& payload, std::unique_ptr<Slot::Hook> hook);
  SlotPtr add(const TaskSpec& spec, std::string_view payload, std::unique_ptr<Slot::Hook> hook,
              bool last = false);
  void join(Duration timeout);
  void leave();

  // ---- with the mutex held
  void close(Loop::Lock& lock);
  bool has_more_to_send() const { return !pending.empty() || (closed && !close_sent && job_known()); }
  // Closed, and the master will only hear of that when it has answered what is under way.
  bool owes_close() const { return closed && !close_sent && (job_known() || in_flight > 0); }

  // ---- the driver, with the mutex held
  struct Taken {  // what becomes a Submit; no slots: a CloseJob
    std::shared_ptr<PoolState> pool;
    std::shared_ptr<Batch> batch;
    std::uint64_t submission = 0, settled = 0, job = 0;
    bool open = false;  // of a new job: more will come
  };
  void take(std::vector<Taken>& out);

  // ---- the driver
  static std::unique_ptr<Request> make_request(Taken taken);
  void submitted(Batch& batch, bool repeated, const Result<Frame>& answer);
  void on_outcomes(std::span<const OutcomeView> outcomes) override;
  void on_lagging() override { catch_up(); }
  void on_info(const wire::JobInfo&) override {}
  void on_up() override;
  void on_end(const Error& why) override;

  const std::shared_ptr<Core> core;
  const TaskSpec base;
  const std::string name;
  const std::size_t window;

  // Guarded by the loop's mutex.
  std::deque<Batch> pending;
  bool left = false;    // takes no more results
  bool dirty = false;   // the core knows that there is something to send
  bool closed = false;  // no more calls
  bool close_sent = false;
  std::uint64_t outstanding = 0;      // calls without a result
  std::uint32_t in_flight = 0;        // Submits without an answer
  std::atomic<std::uint64_t> job{0};  // read without it, too

  // The driver's.
  std::deque<SlotPtr> table;  // by index, from table_first on; null: its result is there
  std::uint32_t table_first = 1;
  std::vector<std::uint32_t> fetched;  // results to acknowledge
  bool catching_up = false, again = false;
  bool deaf = false;  // as `left`, which follows it

 private:
  bool job_known() const { return job.load(std::memory_order_relaxed) != 0; }
  SlotPtr append(Loop::Lock& lock, std::string_view payload, std::unique_ptr<Slot::Hook> hook,
                 bool last = false);
  void catch_up();
  void settle(std::uint64_t calls);
  void fail_all(std::deque<SlotPtr> slots, const Error& why);
};

}  // namespace reeve::client
