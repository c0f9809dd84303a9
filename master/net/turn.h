// Turn collects the effects of one pass of the loop, hands the records to the store as one transaction, and
// lets the replies go when that transaction is on disk. What gathers, what waits and what may leave is decided by
// GroupCommit and Departures (master/core), which the simulation runs too: here are the thread that writes, the timers,
// and the way from the Broker's effects to the sessions.
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
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>

#include "master/core/departures.h"
#include "master/core/effects.h"
#include "master/core/group_commit.h"
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
  // What a person may want to know of them.
  using Counter = std::function<void(std::string_view name, std::uint64_t value)>;
  virtual void describe(const Counter& add) const = 0;
};

class Turn final : public Effects {
 public:
  // `store` is open and outlives this. `turn_soon`: called when something waits for a turn: records to be written, or what
  // a failing or slow store held up.
  Turn(boost::asio::io_context& io, Store& store, std::function<void()> turn_soon);
  ~Turn() override;

  void attach(SessionId id, ClientSession& session) { clients_.emplace(id, &session); }
  void attach(SessionId id, WorkerSession& session) { workers_.emplace(id, &session); }
  void detach(SessionId id);
  // Sessions that were not attached are theirs.
  void attach(Guests& guests) { guests_ = &guests; }
  void detach_guests() { guests_ = nullptr; }
  const Guests* guests() const { return guests_; }  // null: none

  // The pass of the loop is over: commits what was kept, sends what may go.
  void end();
  // Runs `then` when everything decided so far is on stable storage, or cannot get there.
  void after_commit(GroupCommit::AfterCommit then) { commits_.after_commit(std::move(then)); }
  // Commits what is left and waits for it: the last thing a master does. False: it could not be kept.
  bool finish();

  // A session has something in its outbox that end() should see to.
  void touch(Session& session) { departures_.touch(session); }

  const std::string& trouble() const { return commits_.trouble(); }
  bool may_hand_out() const { return commits_.may_hand_out(); }
  bool may_go_on() const { return commits_.may_go_on(); }
  std::size_t unwritten_bytes() const { return commits_.unwritten_bytes(); }
  WallTime durable_through() const { return commits_.durable_through(); }
  std::uint64_t commits() const { return commits_.commits(); }
  std::uint64_t commit_failures() const { return commits_.failures(); }

  // ---- Effects
  void keep(Record record) override { commits_.keep(std::move(record)); }
  void submitted(SessionId to, std::uint64_t request, const Result<Accepted>& answer) override;
  void got(SessionId to, std::uint64_t request, const Result<std::span<const ItemView>>& answer) override;
  void done(SessionId to, std::uint64_t request, const Result<std::uint64_t>& answer) override;
  void job_changed(SessionId to, std::uint64_t request, const JobView& job) override;
  void outcome(SessionId to, TaskId task, const Outcome& outcome) override;
  bool congested(SessionId to) const override;
  void lagging(SessionId to, JobId job) override;
  void grant(SessionId to, const Grant& grant) override;
  void stop(SessionId to, const Fence& fence, bool held) override;
  void drain(SessionId to, bool on) override;
  void disconnect(SessionId session, const Error& why) override;

 private:
  ClientSession* client(SessionId id) const;
  WorkerSession* worker(SessionId id) const;
  Session* find(SessionId id) const;  // of either kind
  void commit_if_idle();
  void commit_ended(CommitThread::Committed done);
  void commit_failed(const Error& why, Records records);
  void arm_patience_timer(bool wanted);

  boost::asio::io_context& io_;
  Store& store_;
  std::function<void()> turn_soon_;
  GroupCommit commits_;
  Departures<Session> departures_;
  std::unique_ptr<CommitThread> commit_thread_;  // none when the store lives in memory

  std::unordered_map<SessionId, ClientSession*> clients_;
  std::unordered_map<SessionId, WorkerSession*> workers_;
  mutable std::pair<SessionId, ClientSession*> recent_client_{};  // most effects in a row go to one session
  mutable std::pair<SessionId, WorkerSession*> recent_worker_{};
  Guests* guests_ = nullptr;  // none: the master speaks its native protocol only
  bool finishing_ = false;
  boost::asio::steady_timer patience_timer_;
  boost::asio::steady_timer retry_timer_;
  std::shared_ptr<bool> alive_ =
      std::make_shared<bool>(true);  // posts of the commit thread may come too late
};

}  // namespace reeve::master
