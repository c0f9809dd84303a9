// Master: the real Broker, GroupCommit and Departures in a process that can be killed. What is played here is what the
// real master's sessions and commit thread do around them.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "master/core/broker.h"
#include "master/core/departures.h"
#include "master/core/group_commit.h"
#include "tests/sim/bugs.h"
#include "tests/sim/credit.h"
#include "tests/sim/disk.h"
#include "tests/sim/history.h"
#include "tests/sim/network.h"
#include "tests/sim/outbox.h"

namespace reeve::sim {

class Worker;
class Client;

class Master final : private master::Effects {
 public:
  Master(Clockwork& clock, Story& story, History& history, Disk& disk, Bug bug);

  Process& process() { return process_; }
  bool up() const { return broker_ != nullptr; }
  void start();
  void kill();
  void fail_commits(bool failing) { failing_ = failing; }
  const Disk& disk() const { return disk_; }
  void check_waits();  // nobody has waited for longer than it wanted to
  void tell_state();   // for who wants to know why it does not go on
  std::uint64_t unfinished() const { return broker_ ? broker_->stats().tasks.unfinished() : 0; }
  // Clocks that people or time servers set: the wall's, never the steady one.
  void step_wall_clock(Duration by) { wall_offset_ += by; }
  void check_retention() { history_.tasks().check_retention(now().wall, limits_.results_kept_for); }

  // ---- what peers say; each comes by a connection, whose session the master gave
  void worker_says_hello(const ConnectionPtr& connection, Worker& worker, master::WorkerIntro intro);
  struct Finished {
    Fence fence;
    Outcome outcome;
  };
  void worker_reports(SessionId session, std::uint64_t batch, std::vector<Finished> finished);
  void worker_returns(SessionId session, const std::vector<Fence>& attempts);
  void worker_beats(SessionId session, TimePoint sent);
  void worker_has_capacity(SessionId session, std::uint32_t held_max);
  void client_says_hello(const ConnectionPtr& connection, Client& client);
  // `what` gives its asker, the time and the effects to a command of the Broker.
  using Command = std::function<Result<void>(master::Broker&, master::Asker, Now, master::Effects&)>;
  enum class Store { needed, not_needed };  // as the real sessions ask
  void client_says(SessionId session, std::uint64_t request, const Command& what,
                   Store store = Store::needed);
  void client_submits(SessionId session, std::uint64_t request, master::Submission submission);
  void client_puts(SessionId session, std::uint64_t request, master::PutValues values);
  void client_took(SessionId session, const std::vector<TaskId>& items);
  // As the Python dialect does with ack = "task_done": at once, a value is its taker's and done.
  void client_finishes(SessionId session, std::uint64_t request, const std::string& queue,
                       const std::vector<TaskId>& items);
  void client_fetched(SessionId session, const TaskId& task);
  void client_joins(SessionId session, std::uint64_t request, const std::string& queue);

  // ---- what an operator wants; it is seen to as soon as that is possible
  void want_paused(const std::string& queue, bool paused) { paused_wishes_[queue] = paused; }
  void want_draining(const std::string& worker, bool draining) { draining_wishes_[worker] = draining; }

  static constexpr std::uint64_t small_bound = 5;  // of the queues "small" (values) and "narrow" (tasks)

 private:
  // As the real ones: grants and stops of a turn leave together, acknowledgements to a worker can wait for company.
  class Session {
   public:
    Session(Master& master, SessionId id, const ConnectionPtr& connection)
        : master_(master), id_(id), outbox_(connection) {}
    SessionId id() const { return id_; }
    Outbox& outbox() { return outbox_; }
    master::Departing& departing() { return departing_; }
    void end_of_turn();
    void commit_failed(const Error& why);

    Worker* worker = nullptr;  // exactly one of the two is set
    Client* client = nullptr;
    std::vector<Message> grants, held_grants, stops, held_stops, completed;
    std::optional<bool> drain;
    bool given_up = false;  // by the Broker: it is about to end

   private:
    Master& master_;
    const SessionId id_;
    Outbox outbox_;
    master::Departing departing_;
  };

  Now now() const { return {clock_.now(), WallTime{clock_.now().time_since_epoch() + wall_offset_}}; }
  Session* session(SessionId id);
  SessionId session_of(const std::string& worker, SessionId otherwise) const;
  void worker_says(SessionId session, const std::function<void(master::Broker&)>& what);
  Session& open_session(const ConnectionPtr& connection);
  void end_session(SessionId id);
  void set_up_queues();

  void turn_soon();
  void end_of_turn();
  void go_on_later();
  void commit_if_idle();
  void write();
  void written();
  void travel_soon(bool wanted);
  void arm_timer();
  void refuse(SessionId id);
  void hold(SessionId to, Message message, bool patient = false);
  void send(SessionId to, Message message);
  void fulfil_wishes();
  void check_nothing_lies_idle();
  void add_lies(const std::string& worker, std::vector<Finished>& finished);
  void wait_begins(SessionId id, std::uint64_t request);
  void wait_ends(SessionId id, std::uint64_t request, bool gave_up);
  void note_admission(const master::ChunkRecord& chunk);
  void check_admissions();
  void check_told(const master::OutcomeRecord& kept);

  // ---- Effects
  void keep(master::Record record) override;
  void submitted(SessionId to, std::uint64_t request, const Result<master::Accepted>& answer) override;
  void got(SessionId to, std::uint64_t request,
           const Result<std::span<const master::ItemView>>& answer) override;
  void done(SessionId to, std::uint64_t request, const Result<std::uint64_t>& answer) override;
  void job_changed(SessionId to, std::uint64_t, const master::JobView& job) override {
    watching_[job.id].insert(to);
  }
  void outcome(SessionId to, TaskId task, const Outcome& outcome) override;
  bool congested(SessionId) const override { return false; }
  void lagging(SessionId, JobId) override {}
  void grant(SessionId to, const Grant& grant) override;
  void stop(SessionId to, const Fence& fence, bool held) override;
  void drain(SessionId to, bool on) override;
  void disconnect(SessionId session, const Error& why) override;

  Clockwork& clock_;
  Story& story_;
  History& history_;
  Disk& disk_;
  const Bug bug_;
  Process process_;
  master::Limits limits_;
  Duration wall_offset_{24h * 20000};
  std::unique_ptr<master::Broker> broker_;
  Credit credit_;
  std::map<SessionId, std::unique_ptr<Session>> sessions_;
  std::uint64_t next_session_ = 1;
  struct Join {
    std::string queue;
    History::Values unfinished;  // when it came
  };
  std::map<std::pair<SessionId, std::uint64_t>, Join> joins_;
  struct Wait {
    TimePoint since;
    Duration longest;
  };
  std::map<std::pair<SessionId, std::uint64_t>, Wait> waits_;  // gets and puts
  struct Admission {                                           // to a bounded queue
    std::string queue;
    std::uint64_t before, more;
    TaskId first;
  };
  std::vector<Admission> admissions_;  // of this turn
  std::map<JobId, std::set<SessionId>> watching_;
  std::map<std::pair<SessionId, TaskId>, Outcome> told_outcomes_;
  SessionId operator_;
  std::map<std::string, bool> paused_wishes_, draining_wishes_;
  std::set<std::string> paused_, draining_;  // as the Broker was told
  struct Pause {
    bool on;
    master::Ticket kept_by;
  };
  std::map<std::string, Pause> pauses_;            // by queue: what this master was told last
  std::map<std::string, bool> pauses_to_be_kept_;  // what is on the disk
  // For peers who lie: results that were reported once, and attempts that others run.
  std::vector<Finished> told_;
  std::deque<std::pair<Fence, std::string>> running_;

  // The turn.
  std::unique_ptr<master::GroupCommit> commits_;
  master::Departures<Session> departures_;
  master::GroupCommit::Transaction writing_;
  bool failing_ = false;
  bool turn_pending_ = false, goes_on_ = false;
  std::optional<TimePoint> timer_at_;
};

}  // namespace reeve::sim
