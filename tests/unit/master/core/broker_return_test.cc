// What a worker says when it is back, and the places of tasks that come back from one.
#include "tests/unit/master/core/broker_fixture.h"

namespace reeve::master {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr SessionId w1{101}, w2{102};

TEST_F(BrokerTest, TasksOfALostWorkerGoToTheNextOneInTheirOrder) {
  submit(function("f"), {"1", "2", "3", "4", "5"});
  worker(w1, "one", 5);
  succeed(w1, out.grants.at(0).fence);
  succeed(w1, out.grants.at(2).fence);
  broker->worker_goodbye(w1, now, out);
  out.clear();
  worker(w2, "two", 5);
  EXPECT_THAT(granted_payloads(), ElementsAre("2", "4", "5"));
}

TEST_F(BrokerTest, GrantsThatNeverArrivedAreMadeAgainInTheirOrder) {
  submit(function("f"), {"1", "2", "3"});
  worker(w1, "one", 3);
  out.clear();
  worker(w2, "one", 3);  // it is back, and holds nothing
  EXPECT_THAT(granted_payloads(), ElementsAre("1", "2", "3"));
}

// The master may die before the outcome is on disk: then the worker is the only one that has it.
TEST_F(BrokerTest, WhatAWorkerHasFinishedIsNotDroppedThoughItsOutcomeIsRecorded) {
  submit(function("f"), {"done", "fails"});
  worker(w1, "one", 2);
  const Fence done = out.grants[0].fence;
  const Fence failed = out.grants[1].fence;
  ASSERT_TRUE(succeed(w1, done));
  ASSERT_TRUE(fail_attempt(w1, failed));
  EXPECT_THAT(worker(w1, "one", 2, {"f"}, {done, failed}, {done, failed}).dropped, IsEmpty());
  EXPECT_FALSE(succeed(w1, done)) << "recorded before";
  EXPECT_FALSE(fail_attempt(w1, failed));
  EXPECT_EQ(broker->stats().tasks[TaskState::succeeded], 1u);
  EXPECT_THAT(worker(w1, "one", 2, {"f"}, {done, failed}).dropped,
              testing::UnorderedElementsAre(done, failed))
      << "what still runs is dropped";
}

TEST_F(BrokerTest, AHelloOfAConnectionThatTheWorkerHasGivenUpChangesNothing) {
  submit(function("f"));
  const auto hello = [&](SessionId session, std::uint64_t connection, std::vector<Fence> held) {
    WorkerIntro intro{.key = "one", .name = "one", .slots = 1, .functions = {"f"}, .held = std::move(held)};
    intro.connection = connection;
    const auto admitted = broker->worker_joined(session, std::move(intro), now, out);
    if (admitted) broker->worker_capacity(session, 1);
    settle();
    return admitted.has_value();
  };
  ASSERT_TRUE(hello(w1, 1, {}));
  const Fence running = out.grants.at(0).fence;
  ASSERT_TRUE(hello(w1, 3, {running}));
  EXPECT_FALSE(hello(w2, 2, {})) << "as if the grant had never arrived";
  EXPECT_THAT(out.grants, SizeIs(1)) << "nothing was granted again";
  EXPECT_TRUE(succeed(w1, running));
}

}  // namespace
}  // namespace reeve::master
