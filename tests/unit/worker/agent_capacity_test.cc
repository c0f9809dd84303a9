// Agent: how many tasks a worker asks for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/worker/agent_fixture.h"

namespace reeve::worker {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

TEST_F(AgentTest, AsksForOneTaskPerSlotUntilItKnowsHowLongTheyTake) { EXPECT_EQ(capacity, 2u); }

TEST_F(AgentTest, AsksForManyMoreWhenTasksAreShort) {
  grant(1, 2);
  start_next();
  finish(fence(1), 1us);
  EXPECT_EQ(capacity, 102u);
}

TEST_F(AgentTest, AsksForFortyMillisecondsOfWorkForEachSlot) {
  grant(1, 2);
  start_next();
  finish(fence(1), 5ms);
  EXPECT_EQ(capacity, 2u + 2 * 8);
}

TEST_F(AgentTest, AsksForMoreWorkIfItIsManyShortTasks) {
  grant(1, 2);
  start_next();
  finish(fence(1), 2ms);
  EXPECT_EQ(capacity, 2u + 2 * 50);
}

TEST_F(AgentTest, AsksForNothingToWaitHereWhenTasksAreLong) {
  grant(1, 2);
  start_next();
  finish(fence(1), 1us);
  ASSERT_EQ(capacity, 102u);
  start_next();
  finish(fence(2), 10s);
  EXPECT_EQ(capacity, 2u);
}

TEST_F(AgentTest, NoticesLongTasksBeforeTheyHaveFinished) {
  grant(1, 2);
  start_next();
  finish(fence(1), 1us);
  grant(3, 20);
  start_next();
  start_next();
  pass(50ms);
  EXPECT_EQ(capacity, 2u);
}

TEST_F(AgentTest, HandsBackWhatWaitedTooLongBehindLongTasks) {
  grant(1, 2);
  start_next();
  finish(fence(1), 1us);
  grant(3, 3);  // 2, 3, 4, 5 are here
  start_next();
  start_next();
  pass(400ms);
  EXPECT_THAT(returned, IsEmpty());
  pass(200ms);
  EXPECT_THAT(returned, ElementsAre(fence(4), fence(5)));
  EXPECT_THAT(agent.held(), UnorderedElementsAre(fence(1), fence(2), fence(3)));
}

TEST_F(AgentTest, RefusesMoreThanItAskedFor) {
  grant(1, 2);
  const Result<void> third = agent.granted(fence(3), spec, "", now, fx);
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code, Errc::limit_reached);
}

TEST_F(AgentTest, AsksForNothingWhileTooManyOutcomesAreUnacknowledged) {
  Agent small{{.slots = 1, .unacknowledged_max_bytes = 1000}};
  AgentEffects out;
  small.connected(now, lease, heartbeat, {}, now, out);
  ASSERT_TRUE(small.granted(fence(1), spec, "", now, out));
  Attempt* attempt = out.start.at(0);
  attempt->outcome.out.assign(2000, 'x');
  small.taken(1);
  small.finished({&attempt, 1}, now, out);
  EXPECT_EQ(out.capacity, 0u);
  const auto batch = small.next_complete();
  ASSERT_TRUE(batch);
  small.completed(batch->number, 0, now, out);
  EXPECT_GT(out.capacity.value_or(0), 0u);
  small.check_invariants();
}

TEST_F(AgentTest, OutcomesOfShortProgramsMayGatherWhileTheSlotsHaveEnoughToDo) {
  grant(1, 2);
  start_next();
  finish(fence(1), 800us);
  grant(3, 20);
  start_next();
  start_next();
  EXPECT_GT(agent.gather_pause(), 0ms);
}

TEST_F(AgentTest, OutcomesDoNotGatherWhenTheSlotsCouldRunDry) {
  grant(1, 2);
  start_next();
  finish(fence(1), 800us);
  start_next();
  EXPECT_EQ(agent.gather_pause(), 0ms);
}

TEST_F(AgentTest, OutcomesThatAreSeldomOrGatherAnywayAreReportedAtOnce) {
  grant(1, 2);
  start_next();
  finish(fence(1), 10us);
  grant(3, 20);
  EXPECT_EQ(agent.gather_pause(), 0ms);
  start_next();
  finish(fence(2), 1s);
  EXPECT_EQ(agent.gather_pause(), 0ms);
}

}  // namespace
}  // namespace reeve::worker
