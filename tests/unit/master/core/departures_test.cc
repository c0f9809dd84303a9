#include "master/core/departures.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace reeve::master {
namespace {

// What leaves, as letters. Small ones wait for the disk.
struct FakeSession {
  struct Box {
    std::string staged, held, out, sent;
    std::size_t begin = 0;
    bool urgent = true;
    HeldMarks marks;
    void seal(Ticket ticket) {
      if (staged.empty()) return;
      held += std::exchange(staged, {});
      marks.seal(ticket, held.size());
    }
    void release(Ticket committed) {
      const std::size_t end = marks.release(committed, begin);
      out += held.substr(begin, end - begin);
      begin = end;
    }
    bool holds_any() const { return begin < held.size(); }
    bool patient() const { return !urgent; }
    bool idle() const { return out.empty(); }
    void flush() { sent += std::exchange(out, {}); }
  };

  SessionId number;
  Box box;
  std::string gathered;
  bool told_of_failure = false;
  Departing account;

  SessionId id() const { return number; }
  Box& outbox() { return box; }
  Departing& departing() { return account; }
  void end_of_turn() { box.staged += std::exchange(gathered, {}); }
  void commit_failed(const Error&) { told_of_failure = true; }
};

struct DeparturesTest : testing::Test {
  std::map<SessionId, FakeSession> sessions{{SessionId{1}, {.number = SessionId{1}}},
                                            {SessionId{2}, {.number = SessionId{2}}}};
  FakeSession& one = sessions.at(SessionId{1});
  FakeSession& two = sessions.at(SessionId{2});
  Departures<FakeSession> departures;

  FakeSession* find(SessionId id) {
    const auto found = sessions.find(id);
    return found == sessions.end() ? nullptr : &found->second;
  }
  bool end_of_turn(Ticket ticket, Ticket committed) {
    return departures.end_of_turn(ticket, committed, [this](SessionId id) { return find(id); });
  }
  bool committed(Ticket ticket) {
    return departures.committed(ticket, [this](SessionId id) { return find(id); });
  }
  void say(FakeSession& session, std::string_view what) {
    session.gathered += what;
    departures.touch(session);
  }
};

TEST_F(DeparturesTest, NothingLeavesBeforeTheTicketOfItsTurnIsCommitted) {
  say(one, "a");
  EXPECT_FALSE(end_of_turn(1, 0));
  say(one, "b"), say(two, "c");
  EXPECT_FALSE(end_of_turn(2, 0));
  EXPECT_EQ(one.box.sent, "");
  EXPECT_FALSE(committed(1));
  EXPECT_EQ(one.box.sent, "a");
  EXPECT_EQ(two.box.sent, "");
  EXPECT_FALSE(committed(2));
  EXPECT_EQ(one.box.sent, "ab");
  EXPECT_EQ(two.box.sent, "c");
}

TEST_F(DeparturesTest, WhatWaitsForNothingLeavesAtTheEndOfItsTurn) {
  say(one, "a");
  EXPECT_FALSE(end_of_turn(3, 3));
  EXPECT_EQ(one.box.sent, "a");
}

TEST_F(DeparturesTest, WhatNobodyWaitsForLeavesWhenPatienceIsOver) {
  one.box.urgent = two.box.urgent = false;
  say(one, "a"), say(two, "b");
  EXPECT_TRUE(end_of_turn(1, 1)) << "somebody has to wake us";
  say(one, "c");
  EXPECT_FALSE(end_of_turn(1, 1)) << "once";
  EXPECT_EQ(one.box.sent, "");
  departures.leave_now([this](SessionId id) { return find(id); });
  EXPECT_EQ(one.box.sent, "ac");
  EXPECT_EQ(two.box.sent, "b");
}

TEST_F(DeparturesTest, OnlyThoseWhoseAnswersWaitHearOfAFailedCommit) {
  say(one, "a");
  EXPECT_FALSE(end_of_turn(1, 0));
  say(two, "b");
  two.box.release(0);
  departures.commit_failed({}, [this](SessionId id) { return find(id); });
  EXPECT_TRUE(one.told_of_failure);
  EXPECT_FALSE(two.told_of_failure);
}

TEST_F(DeparturesTest, SessionsThatEndedAreLeftOut) {
  say(one, "a"), say(two, "b");
  sessions.erase(SessionId{1});
  EXPECT_FALSE(end_of_turn(1, 0));
  EXPECT_FALSE(committed(1));
  EXPECT_EQ(two.box.sent, "b");
}

}  // namespace
}  // namespace reeve::master
