// Departures: when what the sessions are to be sent leaves. At the end of a turn what was gathered for a session is
// sealed with the turn's ticket; what is sealed leaves when that is committed; what nobody waits for stays a moment, to
// travel with what comes next, because a frame that goes alone costs a system call here and a wake-up there.
//
// Sessions are named by their ids, and may be gone by the time they are looked for. Of a session it needs
//   id(), departing()        its Departing, which is for Departures alone
//   end_of_turn()            what was gathered becomes frames in its outbox
//   commit_failed(Error)     nothing that waits for the disk is acknowledged
//   outbox()                 seal(Ticket), release(Ticket), holds_any(), patient(), idle(), flush()
//
// Owner: the Turn; the simulation's master likewise.  Thread: the loop thread.  No I/O, no clock: who calls it brings the
// means to find a session, Session* find(SessionId).
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <utility>
#include <vector>

#include "common/base/ids.h"
#include "common/base/result.h"
#include "common/base/time.h"
#include "master/core/group_commit.h"

namespace reeve::master {

// How far a session's outbox may leave. Ends are counted by its owner, in bytes or messages, from the beginning of what
// it holds.
//
// Always: tickets rise.
class HeldMarks {
 public:
  bool empty() const { return marks_.empty(); }
  // Everything up to `end` waits for `ticket`, as far as it did not wait for an earlier one.
  void seal(Ticket ticket, std::size_t end) {
    if (!marks_.empty() && marks_.back().ticket == ticket)
      marks_.back().end = end;
    else
      marks_.push_back({ticket, end});
  }
  // Up to where everything may leave now; `begin` when nothing more may.
  std::size_t release(Ticket committed, std::size_t begin) {
    while (!marks_.empty() && marks_.front().ticket <= committed) {
      begin = marks_.front().end;
      marks_.pop_front();
    }
    return begin;
  }

 private:
  struct Mark {
    Ticket ticket;
    std::size_t end;
  };
  std::deque<Mark> marks_;
};

// A session, as far as Departures keeps account of it.
struct Departing {
  bool touched = false;  // in this turn
  bool holding = false;  // waits for a commit
  bool patient = false;  // has something that stays a moment
};

template <typename Session>
class Departures {
 public:
  // How long a patient frame may stay. Long compared with the round trip of a short task, whose later frames it is to
  // travel with; short for a person.
  static constexpr auto patience = std::chrono::milliseconds{1};

  // There is something for this session, that the end of the turn should see to.
  void touch(Session& session) {
    if (!std::exchange(session.departing().touched, true)) touched_.push_back(session.id());
  }

  // The turn is over. `ticket`: of everything that was said in it, taken before its transaction began. True: in
  // `patience` from now leave_now() should be called.
  template <typename Find>
  [[nodiscard]] bool end_of_turn(Ticket ticket, Ticket committed, const Find& find) {
    bool first_patient = false;
    for (const SessionId id : std::exchange(touched_, {})) {
      Session* const session = find(id);
      if (session == nullptr) continue;
      session->departing().touched = false;
      session->end_of_turn();
      session->outbox().seal(ticket);
      session->outbox().release(committed);
      if (session->outbox().holds_any() && !std::exchange(session->departing().holding, true))
        holding_.push_back(id);
      first_patient |= flush(*session);
    }
    return first_patient;
  }

  template <typename Find>
  [[nodiscard]] bool committed(Ticket committed, const Find& find) {
    bool first_patient = false;
    for (const SessionId id : std::exchange(holding_, {})) {
      Session* const session = find(id);
      if (session == nullptr) continue;
      session->outbox().release(committed);
      session->departing().holding = session->outbox().holds_any();
      if (session->departing().holding) holding_.push_back(id);
      first_patient |= flush(*session);
    }
    return first_patient;
  }

  template <typename Find>
  void commit_failed(const Error& why, const Find& find) {
    for (const SessionId id : std::vector{holding_})  // a copy: who is told may go
      if (Session* const session = find(id)) session->commit_failed(why);
  }

  // Patience is over.
  template <typename Find>
  void leave_now(const Find& find) {
    for (const SessionId id : std::exchange(patient_, {})) {
      Session* const session = find(id);
      if (session == nullptr) continue;
      session->departing().patient = false;
      session->outbox().flush();
    }
  }

 private:
  // True: it is the first that waits for patience to end.
  bool flush(Session& session) {
    auto& outbox = session.outbox();
    if (!outbox.patient()) {
      outbox.flush();
      return false;
    }
    if (outbox.idle() || std::exchange(session.departing().patient, true)) return false;
    patient_.push_back(session.id());
    return patient_.size() == 1;
  }

  std::vector<SessionId> touched_, holding_, patient_;
};

}  // namespace reeve::master
