// Agent: outcomes until they are acknowledged, lost connections, cancelled tasks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/worker/agent_fixture.h"

namespace reeve::worker {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

TEST_F(AgentTest, KeepsAnOutcomeUntilItIsAcknowledged) {
  grant(1, 2);
  start_next();
  finish(fence(1));
  EXPECT_THAT(send_complete(), ElementsAre(fence(1)));
  EXPECT_THAT(agent.held(), UnorderedElementsAre(fence(1), fence(2)));
  EXPECT_THAT(send_complete(), IsEmpty());
  acknowledge(last_batch);
  EXPECT_THAT(agent.held(), ElementsAre(fence(2)));
}

TEST_F(AgentTest, OneAcknowledgementCoversEarlierBatches) {
  grant(1, 2);
  start_next();
  finish(fence(1));
  send_complete();
  start_next();
  finish(fence(2));
  send_complete();
  acknowledge(last_batch);
  EXPECT_THAT(agent.held(), IsEmpty());
}

TEST_F(AgentTest, PutsManyOutcomesIntoOneMessageUpToItsLimit) {
  grant(1, 2);
  start_next();
  finish(fence(1), 1us);
  send_complete();
  grant(3, 15);
  for (std::uint32_t i = 2; i <= 16; ++i) {
    start_next();
    finish(fence(i), 1us);
  }
  EXPECT_THAT(send_complete(), SizeIs(10));
  EXPECT_THAT(send_complete(), SizeIs(5));
}

TEST_F(AgentTest, KeepsRunningWithoutAConnectionAndReportsWhenItIsBack) {
  grant(1, 2);
  start_next();
  start_next();
  finish(fence(1));
  send_complete();  // lost on its way
  agent.disconnected();
  finish(fence(2));
  EXPECT_THAT(send_complete(), IsEmpty());
  EXPECT_THAT(agent.held(), UnorderedElementsAre(fence(1), fence(2)));
  pass(3s);
  connect();
  EXPECT_THAT(send_complete(), ElementsAre(fence(1), fence(2)));
  EXPECT_THAT(stopped, IsEmpty());
}

TEST_F(AgentTest, ForgetsAndStopsWhatTheMasterDropped) {
  grant(1, 2);
  start_next();
  start_next();
  finish(fence(1), 50ms);
  agent.disconnected();
  EXPECT_THAT(agent.unacknowledged(), ElementsAre(fence(1)));
  connect({fence(1), fence(2)});
  EXPECT_THAT(agent.held(), IsEmpty());
  EXPECT_THAT(stopped, ElementsAre(fence(2)));
  EXPECT_EQ(capacity, 1u) << "one slot is still busy with what was dropped";
  finish(fence(2), 50ms, TaskState::cancelled);
  EXPECT_THAT(send_complete(), IsEmpty());
  EXPECT_EQ(capacity, 2u);
}

TEST_F(AgentTest, ACancelledTaskIsStoppedAndReportedAsWhatItBecame) {
  grant(1, 2);
  start_next();
  const Fence fences[] = {fence(1)};
  agent.stop_requested(fences, fx);
  carry_out();
  EXPECT_THAT(stopped, ElementsAre(fence(1)));
  finish(fence(1), 1ms, TaskState::cancelled);
  EXPECT_THAT(send_complete(), ElementsAre(fence(1)));
}

TEST_F(AgentTest, ACancelledTaskThatNeverStartedIsReportedNotHandedBack) {
  grant(1, 2);
  start_next();
  const Fence fences[] = {fence(2)};
  agent.stop_requested(fences, fx);
  carry_out();
  pass(1s);
  EXPECT_THAT(returned, IsEmpty());
  EXPECT_THAT(send_complete(), ElementsAre(fence(2)));
}

}  // namespace
}  // namespace reeve::worker
