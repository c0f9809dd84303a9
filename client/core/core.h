// Core: everything a Client has under way on its connection. Asynchronous: the public classes wait at the
// Loop for what they asked of it.
//
// Requests that have no answer are kept whole and sent again on the next connection; the master knows a
// repeated submission by its number. Requests that must not happen twice fail with their connection instead.
//
// Owner: Client, and everything that came from it (shared).  Thread: see each part.  Always: each request
// gets one answer, or ends with an error; after end() nothing is pending.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "client/core/link.h"
#include "client/core/loop.h"
#include "client/core/slot.h"
#include "common/base/result.h"
#include "proto/reeve.pb.h"
#include "reeve/info.h"
#include "reeve/payload.h"

namespace reeve::client {

struct PoolState;

struct CoreSettings {
  LinkSettings link;
  std::size_t unsent_max_bytes = 0;
  std::function<void(bool connected, std::string_view master)> on_connection = {};  // lost, or there again
  Duration answer_patience = std::chrono::seconds{5};  // how much later than its deadline an answer may come
};

// A frame that wants an answer.
struct Request {
  std::uint64_t id = 0;
  std::uint64_t submission = 0;  // 0: not one
  bool repeatable = true;        // harmless when it happens twice
  bool takes_values = false;     // the answer has values, which somebody must take or refuse
  bool is_watch = false;         // answered by the first JobChanged
  bool sent = false;             // on the present connection
  bool repeated = false;         // it was sent on an earlier one
  std::string frame;
  // Called once, by the driver.
  std::function<void(const Request&, const Result<Frame>&)> done;
};

struct OutcomeView {
  std::uint32_t index;
  std::string_view bytes;  // of a wire::Outcome
};

// Who wants to hear of a job. Called by the driver.
class JobListener {
 public:
  virtual ~JobListener() = default;
  virtual void on_outcomes(std::span<const OutcomeView> outcomes) = 0;
  virtual void on_lagging() = 0;                        // outcomes were left out: fetch them
  virtual void on_info(const wire::JobInfo& info) = 0;  // it changed
  virtual void on_up() = 0;                             // a new connection: watch again
  virtual void on_end(const Error& why) = 0;            // nothing more will come
};

class Core final : public std::enable_shared_from_this<Core>, private Loop::Work, private LinkOwner {
 public:
  explicit Core(CoreSettings settings);
  ~Core();

  // ---- any thread
  void connect();  // waits for the first connection; throws
  void close();    // sends what is unsent, for a few seconds at most, then ends everything

  Loop& loop() { return loop_; }
  const Endpoint& master() const { return settings_.link.master; }
  std::uint64_t payload_max_bytes() const { return payload_max_bytes_.load(std::memory_order_relaxed); }
  bool knows_backups() const { return knows_backups_.load(std::memory_order_relaxed); }
  std::uint64_t tasks_max() const { return tasks_max_.load(std::memory_order_relaxed); }
  std::size_t batch_max() const { return batch_max_.load(std::memory_order_relaxed); }
  void check_size(std::size_t payload_bytes) const;  // throws too_large
  void check_open() const;  // Pre: the mutex is held. Throws when everything has ended

  // Throws wrong_state in a callback. Before anything is sent: a caller who cannot wait should not have asked.
  void check_may_wait() const { loop_.check_may_wait(); }

  // Asks, waits, and throws what the answer says went wrong. `Question` has a request field.
  template <typename Answer, typename Question>
  Answer call(FrameType type, Question& question, bool repeatable = true);
  // For a change that can be asked for again: when the connection is lost, it is. The second time the master
  // may answer with `done_before` because the first was heard; then the change is made, and 0 is returned.
  // Errc::ok: no error means that.
  template <typename Question>
  std::uint64_t change(FrameType type, Question& question, Errc done_before);
  template <typename Question>
  SlotPtr ask(FrameType type, Question& question, bool repeatable, std::uint64_t* id = nullptr);
  // Submits `payload_fields` (field 8 of Submit, any number of times) behind `header`.
  SlotPtr submit(wire::Submit& header, std::string_view payload_fields);
  void await(const SlotPtr& slot, TimePoint deadline = never);  // returns when ready or late

  struct PendingPut {
    std::string queue;
    Payload value;
    std::int32_t priority = 0;
    bool wait_for_room = true;
    std::uint64_t wait_max_us = 0;
    SlotPtr slot;
  };
  void put(PendingPut put, bool caller_waits);

  std::vector<wire::Item> get(wire::Get& question, Duration timeout);
  void abandon(std::uint64_t request, const SlotPtr& slot);  // its answer is not wanted any more

  bool run_on_driver(std::function<void()> action);  // false: the client is closed, and nothing runs any more

  // ---- any thread, with the mutex held
  void add_pool(const std::shared_ptr<PoolState>& pool);
  void add_dirty(std::shared_ptr<PoolState> pool) {
    if (!ended_)
      dirty_pools_.push_back(std::move(pool));  // later nobody would take it out, and pools own the core
  }
  std::uint64_t begin_submission();
  std::uint64_t settled() const {
    return unanswered_.empty() ? next_submission_ - 1 : *unanswered_.begin() - 1;
  }
  std::size_t& unsent_bytes() { return unsent_bytes_; }
  void wait_for_unsent(Loop::Lock& lock);

  // ---- the driver
  std::uint64_t next_request() {
    return next_request_.fetch_add(1, std::memory_order_relaxed);
  }  // any thread
  void send(std::unique_ptr<Request> request);
  // Asks on this connection only: if it is lost, `done` hears of it, and the next on_up is the time to ask
  // again.
  template <typename Question>
  void ask_now(FrameType type, Question& question,
               std::function<void(const Request&, const Result<Frame>&)> done);
  bool up() const { return link_.up(); }
  void listen(std::uint64_t job, std::shared_ptr<JobListener> listener);
  void unlisten(std::uint64_t job, const JobListener* listener);
  // Fetches the outcomes of final tasks from `first` on, a page at a time, while go_on() says so.
  struct Fetch {
    std::uint64_t job = 0;
    std::uint32_t first = 1;
    std::weak_ptr<JobListener> to;
    std::function<bool()> go_on;
    std::function<void(const Result<void>&)> done;
  };
  void fetch_outcomes(std::shared_ptr<Fetch> fetch);
  void fetched(std::uint64_t job, std::vector<std::uint32_t>& indices);  // takes the indices
  void complete(SlotPtr slot);                                           // its content is there
  void fail_slot(const SlotPtr& slot, const Error& why);

 private:
  void pump() override;
  void on_up(const wire::ClientWelcome& welcome) override;
  void on_down() override;
  Result<void> on_frame(const Frame& frame) override;
  void on_given_up(const Error& why) override { end(why); }

  void issue(std::unique_ptr<Request> request);  // any thread
  SlotPtr slot_for(Request& request);
  void pump_pools(Loop::Lock& lock, std::vector<std::unique_ptr<Request>>& out);
  void pump_puts(std::vector<PendingPut> puts);
  void send_puts(std::vector<PendingPut> group);
  void puts_answered(std::vector<PendingPut>& group, const Result<Frame>& answer);
  void pump_acknowledgements();
  void pump_end();
  void answered(std::uint64_t id, const Frame& frame);
  void finish_request(std::unique_ptr<Request> request, const Result<Frame>& answer);
  Result<void> on_outcomes(std::string_view body);
  Result<void> on_job_changed(const Frame& frame);
  std::vector<std::shared_ptr<JobListener>> listeners_of(std::uint64_t job) const;
  void end(const Error& why);

  CoreSettings settings_;
  std::atomic<std::uint64_t> next_request_{1};
  std::atomic<std::uint64_t> payload_max_bytes_{16u << 20};
  std::atomic<bool> knows_backups_ = false;
  std::atomic<std::size_t> batch_max_{10'000};
  std::atomic<std::uint64_t> tasks_max_{0};

  // Guarded by the loop's mutex: what waits for the driver.
  std::vector<std::unique_ptr<Request>> outbox_;
  std::vector<PendingPut> puts_;
  std::vector<std::weak_ptr<PoolState>> pools_;          // all that were made
  std::vector<std::shared_ptr<PoolState>> dirty_pools_;  // with something to send
  std::vector<TaskName> took_;
  std::vector<std::function<void()>> actions_;
  std::uint64_t next_submission_ = 1;
  std::set<std::uint64_t> unanswered_;  // submissions
  std::size_t unsent_bytes_ = 0;        // of calls in pools
  std::size_t puts_unanswered_ = 0;     // frames
  bool was_up_ = false, is_up_ = false;
  bool closing_ = false;
  std::optional<Error> ended_;

  // The driver's.
  std::map<std::uint64_t, std::unique_ptr<Request>> requests_;  // by id: sent, or waiting for a connection
  std::unordered_map<std::uint64_t, std::vector<std::shared_ptr<JobListener>>> listeners_;
  std::vector<std::pair<std::uint64_t, std::vector<std::uint32_t>>> fetched_;
  std::vector<OutcomeView> views_;  // kept for its memory

  Loop loop_;
  Link link_;
};

// The frame type that an answer of this message has.
template <typename Answer>
constexpr FrameType answer_type();
template <>
constexpr FrameType answer_type<wire::Done>() {
  return FrameType::done;
}
template <>
constexpr FrameType answer_type<wire::Submitted>() {
  return FrameType::submitted;
}
template <>
constexpr FrameType answer_type<wire::Got>() {
  return FrameType::got;
}
template <>
constexpr FrameType answer_type<wire::QueueInfos>() {
  return FrameType::queue_infos;
}
template <>
constexpr FrameType answer_type<wire::JobInfos>() {
  return FrameType::job_infos;
}
template <>
constexpr FrameType answer_type<wire::TaskInfos>() {
  return FrameType::task_infos;
}
template <>
constexpr FrameType answer_type<wire::WorkerInfos>() {
  return FrameType::worker_infos;
}
template <>
constexpr FrameType answer_type<wire::StatusInfo>() {
  return FrameType::status_info;
}
template <>
constexpr FrameType answer_type<wire::BackupInfo>() {
  return FrameType::backup_info;
}
template <>
constexpr FrameType answer_type<wire::JobChanged>() {
  return FrameType::job_changed;
}

// Parses an answer; an error in it, or a Done in its place, is an error.
template <typename Answer>
Result<Answer> parse_answer(const Frame& frame);
// Pre: slot.ready(). Throws.
template <typename Answer>
Answer answer_in(const Slot& slot);

}  // namespace reeve::client

#include "client/core/core_inl.h"
