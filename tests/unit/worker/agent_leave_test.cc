// Agent: how a worker drains, shuts down and leaves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/worker/agent_fixture.h"

namespace reeve::worker {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST_F(AgentTest, ADrainedWorkerHandsBackWhatHasNotStarted) {
  grant(1, 2);
  start_next();
  agent.drain(true, now, fx);
  carry_out();
  EXPECT_EQ(capacity, 0u);
  EXPECT_THAT(returned, ElementsAre(fence(2)));
  finish(fence(1));
  EXPECT_EQ(capacity, 0u);
  EXPECT_FALSE(left);
  agent.drain(false, now, fx);
  carry_out();
  EXPECT_GE(capacity, 2u);
}

TEST_F(AgentTest, AGrantThatCrossedTheDrainGoesBackAtOnce) {
  agent.drain(true, now, fx);
  carry_out();
  grant(1);
  EXPECT_THAT(returned, ElementsAre(fence(1)));
}

TEST_F(AgentTest, ShutsDownWhenWhatRanIsFinishedAndAcknowledged) {
  grant(1, 2);
  start_next();
  agent.taken(taken);
  agent.shut_down(now, 30s, fx);
  carry_out();
  EXPECT_THAT(returned, ElementsAre(fence(2)));
  EXPECT_EQ(capacity, 0u);
  finish(fence(1));
  EXPECT_FALSE(left);
  send_complete();
  acknowledge(last_batch);
  EXPECT_TRUE(left);
}

TEST_F(AgentTest, AnIdleWorkerLeavesAtOnce) {
  agent.shut_down(now, 30s, fx);
  carry_out();
  EXPECT_TRUE(left);
}

TEST_F(AgentTest, StopsWhatStillRunsWhenTheGraceIsOverAndSaysSo) {
  grant(1, 1);
  start_next();
  agent.taken(taken);
  agent.shut_down(now, 30s, fx);
  agent.heartbeat_echoed(now + 29s);
  pass(29s);
  EXPECT_THAT(stopped, IsEmpty());
  pass(1s);
  EXPECT_THAT(stopped, ElementsAre(fence(1)));
  EXPECT_FALSE(left);
  finish(fence(1), 30s, TaskState::cancelled);
  EXPECT_FALSE(left);
  EXPECT_THAT(send_complete(), ElementsAre(fence(1)));
  acknowledge(last_batch);
  EXPECT_TRUE(left);
}

TEST_F(AgentTest, ASecondShutDownStopsTasksAtOnce) {
  grant(1, 1);
  start_next();
  agent.taken(taken);
  agent.shut_down(now, 30s, fx);
  carry_out();
  agent.shut_down(now, 30s, fx);
  carry_out();
  EXPECT_THAT(stopped, ElementsAre(fence(1)));
}

TEST_F(AgentTest, DoesNotWaitForEverForAMasterThatIsGone) {
  grant(1, 1);
  start_next();
  finish(fence(1));
  agent.disconnected();
  agent.shut_down(now, 30s, fx);
  carry_out();
  EXPECT_FALSE(left);
  pass(9s);
  EXPECT_FALSE(left);
  pass(2s);
  EXPECT_TRUE(left);
  EXPECT_THAT(notices.back(), HasSubstr("not acknowledged 1 results"));
}

}  // namespace
}  // namespace reeve::worker
