// Turn collects the effects of one pass of the loop, hands the records to the store as one transaction, and
// lets the replies go when that transaction is on disk. This is group commit, and the one place where
// "acknowledged means durable" lives: while a commit is running, the records of later turns gather for the
// next one.
//
// Owner: NativeServer.  Thread: the loop thread.
// Always: a frame that a session was to be sent "held" leaves after the commit of every record that was kept
// up to the end of its turn.
//
// When a commit fails, nothing that waits for it is acknowledged: the clients that wait are told why and
// disconnected, the same batch is tried again with a backoff, and until it succeeds the server refuses what
// would need the store. The batch is never dropped, because the Broker already counts on it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/base/backoff.h"
#include "master/core/effects.h"
#include "master/net/outbox.h"
#include "master/store/commit_thread.h"
#include "master/store/store.h"

namespace reeve::master {

class Session;
class ClientSession;
class WorkerSession;

// Clients whose sessions are none of the native protocol's. They hear what the Broker says to their sessions,
// and hold their answers back themselves.
//
// Owner: App; it outlives the Turn's last call.  Thread: the loop thread.
class Guests {
 public:
  virtual ~Guests() = default;
  virtual void submitted(SessionId to, std::uint64_t request, const Result<Accepted>& answer) = 0;
  virtual void got(SessionId to, std::uint64_t request, const Result<std::span<const ItemView>>& answer) = 0;
  virtual void done(SessionId to, std::uint64_t request, const Result<std::uint64_t>& answer) = 0;
  // What was answered since the last call may leave once `ticket` is committed.
  virtual void end_of_turn(Ticket ticket, Ticket committed) = 0;
  virtual void committed(Ticket committed) = 0;
  virtual void commit_failed(const Error& why) = 0;  // nothing that waits is acknowledged
};

class Turn final : public Effects {
 public:
  // `store` is open and outlives this. `caught_up`: called when a failing store works again, or a slow
  // one has caught up.
  Turn(boost::asio::io_context& io, Store& store, std::function<void()> caught_up);
  ~Turn() override;

  void attach(SessionId id, ClientSession& session) { clients_.emplace(id, &session); }
  void attach(SessionId id, WorkerSession& session) { workers_.emplace(id, &session); }
  void detach(SessionId id);
  // Sessions that were not attached are theirs.
  void attach(Guests& guests) { guests_ = &guests; }
  void detach_guests() { guests_ = nullptr; }

  // The pass of the loop is over: commits what was kept, sends what may go.
  void end();
  // Runs `then` when everything decided so far is on stable storage.
  void after_commit(std::function<void()> then);
  // Commits what is left and waits for it: the last thing a master does. False: it could not be kept.
  bool finish();

  // A session has something in its outbox that end() should see to.
  void touch(ClientSession& session);
  void touch(WorkerSession& session);

  // Why nothing can be acknowledged at the moment, for a person; empty when all is well.
  const std::string& trouble() const { return trouble_; }
  // What was decided before this is on stable storage.
  WallTime durable_through() const { return durable_through_; }
  std::uint64_t commits() const { return commits_; }
  std::uint64_t commit_failures() const { return commit_failures_; }

  // Results come faster than the store takes them: until it has caught up, nothing more should be handed out.
  bool behind() const { return unwritten_bytes_ + in_flight_bytes_ > unwritten_max_bytes; }

  // ---- Effects
  void keep(Record record) override {
    if (const auto* kept = std::get_if<OutcomeRecord>(&record)) unwritten_bytes_ += bytes_of(kept->outcome);
    records_.push_back(std::move(record));
  }
  void submitted(SessionId to, std::uint64_t request, const Result<Accepted>& answer) override;
  void got(SessionId to, std::uint64_t request, const Result<std::span<const ItemView>>& answer) override;
  void done(SessionId to, std::uint64_t request, const Result<std::uint64_t>& answer) override;
  void job_changed(SessionId to, std::uint64_t request, const JobView& job) override;
  void outcome(SessionId to, TaskId task, const Outcome& outcome) override;
  bool congested(SessionId to) const override;
  void lagging(SessionId to, JobId job) override;
  void grant(SessionId to, const Grant& grant) override;
  void stop(SessionId to, const Fence& fence) override;
  void drain(SessionId to, bool on) override;
  void disconnect(SessionId session, const Error& why) override;

 private:
  ClientSession* client(SessionId id) const;
  WorkerSession* worker(SessionId id) const;
  Ticket ticket_of_this_turn() const;
  void commit_if_idle();
  void committed(CommitThread::Committed done);
  void commit_failed(Error why, Records batch, Ticket ticket);
  void release();
  void flush(Session& session);
  void flush_patient();
  Session* find(SessionId id) const;  // of either kind

  static std::size_t bytes_of(const Outcome& outcome) {
    return outcome.value.size() + outcome.error.size() + outcome.out.size() + outcome.err.size();
  }

  static constexpr std::size_t unwritten_max_bytes = 64u << 20;  // of results

  // How long a patient frame may stay. Long compared with the round trip of a short task, whose later frames
  // it is to travel with; short for a person.
  static constexpr auto patience = std::chrono::milliseconds{1};
  static constexpr Backoff retry_backoff{std::chrono::milliseconds{100}, std::chrono::seconds{2}};

  boost::asio::io_context& io_;
  Store& store_;
  std::function<void()> caught_up_;
  Records records_;                  // since the last commit began
  std::size_t unwritten_bytes_ = 0;  // of the results in them
  std::size_t in_flight_bytes_ = 0;  // of those that are being written

  Ticket open_ = 1;              // the transaction that records_ will be
  Ticket in_flight_ = 0;         // the newest one handed to the store
  Ticket committed_ = 0;         // the newest one on stable storage
  WallTime in_flight_closed_{};  // when that of in_flight_ took its last record
  WallTime durable_through_{};
  std::unique_ptr<CommitThread> commit_thread_;  // none when the store lives in memory
  std::deque<std::pair<Ticket, std::function<void()>>> after_commit_;

  std::unordered_map<SessionId, ClientSession*> clients_;
  std::unordered_map<SessionId, WorkerSession*> workers_;
  mutable std::pair<SessionId, ClientSession*> recent_client_{};  // most effects in a row go to one session
  mutable std::pair<SessionId, WorkerSession*> recent_worker_{};
  Guests* guests_ = nullptr;        // none: the master speaks its native protocol only
  std::vector<SessionId> touched_;  // in this turn
  std::vector<SessionId> holding_;  // their outboxes wait for a commit
  std::vector<SessionId> patient_;  // theirs hold patient frames, some of them until the timer
  boost::asio::steady_timer patience_timer_;

  std::string trouble_;
  std::uint32_t failures_in_a_row_ = 0;
  boost::asio::steady_timer retry_timer_;
  std::mt19937_64 random_;
  std::uint64_t commits_ = 0, commit_failures_ = 0;
  std::shared_ptr<bool> alive_ =
      std::make_shared<bool>(true);  // posts of the commit thread may come too late
};

}  // namespace reeve::master
