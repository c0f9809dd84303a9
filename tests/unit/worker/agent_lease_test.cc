// Agent: heartbeats, and what ends with a lease.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/worker/agent_fixture.h"

namespace reeve::worker {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

TEST_F(AgentTest, SendsHeartbeatsAsOftenAsTheMasterAsked) {
  pass(1s);
  EXPECT_THAT(heartbeats, IsEmpty());
  pass(1s);
  EXPECT_THAT(heartbeats, ElementsAre(now));
  EXPECT_EQ(agent.next_tick(now), now + 2s);
}

TEST_F(AgentTest, StopsItsTasksWhenTheLastEchoedHeartbeatIsOlderThanTheLease) {
  grant(1, 2);
  start_next();
  start_next();
  pass(2s);
  agent.heartbeat_echoed(heartbeats.back());  // sent at 2 s, so the lease ends at 12 s
  pass(9900ms);
  EXPECT_THAT(stopped, IsEmpty());
  pass(200ms);
  EXPECT_THAT(stopped, UnorderedElementsAre(fence(1), fence(2)));
  EXPECT_TRUE(reconnect);
  EXPECT_THAT(notices, ElementsAre(HasSubstr("no sign of life from the master for 10.0 s")));
}

// The master counts from when the hello reached it, which may be as early as when it was sent.
TEST_F(AgentTest, TheLeaseCountsFromTheHelloHoweverLateTheWelcomeComes) {
  agent.disconnected();
  const TimePoint hello_sent = now;
  now += 3s;
  agent.connected(hello_sent, lease, heartbeat, {}, now, fx);
  carry_out();
  EXPECT_EQ(agent.lease_end(), hello_sent + lease);
  grant(1);
  start_next();
  pass(6900ms);
  EXPECT_THAT(stopped, IsEmpty());
  pass(100ms);
  EXPECT_THAT(stopped, ElementsAre(fence(1)));
}

TEST_F(AgentTest, LosesTheLeaseWithoutAConnectionAsWellButKeepsWhatHasFinished) {
  grant(1, 2);
  start_next();
  finish(fence(1));
  start_next();
  agent.disconnected();
  pass(11s);
  EXPECT_FALSE(reconnect);
  EXPECT_THAT(stopped, ElementsAre(fence(2)));
  finish(fence(2), 1ms, TaskState::cancelled);
  connect();  // the master may have kept the lease: it decides what became of a task that was begun
  EXPECT_THAT(send_complete(), ElementsAre(fence(1), fence(2)));
}

TEST_F(AgentTest, WhatThePoolDidNotBeginBecauseTheLeaseWasOverIsHandedBack) {
  grant(1, 2);
  start_next();
  start_next();
  running[0]->too_late = running[1]->too_late = true;
  finish(fence(1));
  EXPECT_THAT(returned, ElementsAre(fence(1)));
  EXPECT_THAT(send_complete(), IsEmpty());
  agent.disconnected();
  finish(fence(2));
  EXPECT_THAT(agent.held(), ElementsAre(fence(2)));
  connect();
  EXPECT_THAT(returned, ElementsAre(fence(1), fence(2)));
}

TEST_F(AgentTest, WhatHadNotStartedWhenTheLeaseWasLostIsHandedBack) {
  grant(1, 2);
  start_next();
  agent.disconnected();
  pass(11s);
  EXPECT_THAT(agent.held(), UnorderedElementsAre(fence(1), fence(2)));
  connect({fence(1)});
  EXPECT_THAT(returned, ElementsAre(fence(2)));
}

}  // namespace
}  // namespace reeve::worker
