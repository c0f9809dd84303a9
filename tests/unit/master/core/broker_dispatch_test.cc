// Who gets which task, and when.
#include "tests/unit/master/core/broker_fixture.h"

namespace reeve::master {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr SessionId w1{101}, w2{102};

TEST_F(BrokerTest, TasksOfAQueueGoOutInTheOrderInWhichTheyCame) {
  submit(function("f"), {"a", "b", "c"});
  worker(w1, "one", 3);
  EXPECT_THAT(granted_payloads(), ElementsAre("a", "b", "c"));
}

TEST_F(BrokerTest, ATaskOfHigherPriorityGoesFirst) {
  submit(function("f"), {"low"});
  TaskSpec urgent = function("f");
  urgent.priority = 5;
  submit(urgent, {"high"});
  worker(w1, "one", 2);
  EXPECT_THAT(granted_payloads(), ElementsAre("high", "low"));
}

TEST_F(BrokerTest, ALifoQueueGivesTheNewestFirst) {
  ASSERT_TRUE(broker->queue_create({client, 1}, {.name = "stack", .kind = QueueKind::lifo}, out));
  TaskSpec spec = function("f");
  spec.queue = "stack";
  submit(spec, {"a", "b", "c"});
  worker(w1, "one", 3);
  EXPECT_THAT(granted_payloads(), ElementsAre("c", "b", "a"));
}

TEST_F(BrokerTest, AWorkerNeverGetsMoreThanItCanHold) {
  submit(function("f"), {"a", "b", "c"});
  worker(w1, "one", 2);
  ASSERT_THAT(out.grants, SizeIs(2));
  succeed(w1, out.grants[0].fence);
  EXPECT_THAT(out.grants, SizeIs(3));
}

TEST_F(BrokerTest, IdleSlotsOfAllWorkersAreFilledBeforeAnyWorkerHoldsTasksInAdvance) {
  worker(w1, "one", 1);
  worker(w2, "two", 1);
  broker->worker_capacity(w1, 100);
  broker->worker_capacity(w2, 100);
  submit(function("f"), {"a", "b"});
  ASSERT_THAT(out.grants, SizeIs(2));
  EXPECT_NE(out.grants[0].to, out.grants[1].to);
}

TEST_F(BrokerTest, AFunctionThatNobodyServesBlocksOnlyItself) {
  const JobId stuck = submit(function("unknown"));
  submit(function("f"), {"b"});
  worker(w1, "one", 2);
  EXPECT_THAT(granted_payloads(), ElementsAre("b"));
  EXPECT_THAT(broker->job(stuck)->trouble, HasSubstr("serves function unknown"));
  EXPECT_THAT((*broker->queues("default"))[0].stuck, ElementsAre(std::pair{"unknown", 1u}));
}

TEST_F(BrokerTest, AWaitingTaskTellsWhenItsDelayOrBackoffEnds) {
  const auto not_before = [&](JobId job) {
    return broker->tasks(job, 1, 1, {}, 1, false)->tasks[0].not_before;
  };
  TaskSpec spec = function("f");
  spec.delay = 1h;
  const JobId delayed = submit(spec);
  EXPECT_EQ(not_before(delayed), now.wall + 1h);

  spec.delay = {};
  spec.retries = 1;
  spec.backoff = 10s;
  const JobId tried = submit(spec);
  worker(w1, "one");
  fail_attempt(w1, out.grants[0].fence);
  const WallTime due = not_before(tried);
  EXPECT_GT(due, now.wall);
  EXPECT_LE(due, now.wall + 10s);
  restart();
  EXPECT_EQ(not_before(delayed), now.wall + 1h);
  EXPECT_EQ(not_before(tried), due);

  const JobId dependent = submit(function("f"), {"x"}, {tried});
  EXPECT_EQ(not_before(dependent), WallTime{}) << "nobody knows";
}

TEST_F(BrokerTest, AJobThatWillBeGrantedAtTheEndOfTheTurnIsNotInTrouble) {
  const JobId job = submit(function("f"), {"a", "b"});
  worker(w1, "one", 1);
  ASSERT_THAT(out.grants, SizeIs(1));
  broker->complete(w1, out.grants[0].fence, {.value = "done"}, now, out);
  EXPECT_EQ(counts(job)[TaskState::leased], 0u);
  EXPECT_EQ(broker->job(job)->trouble, "");
  settle();
  const JobId other = submit(function("f"), {"c"});
  EXPECT_THAT(broker->job(other)->trouble, HasSubstr("all slots are busy"));
  ASSERT_TRUE(broker->worker_drain({client, 1}, "one", true, out));
  EXPECT_THAT(broker->job(other)->trouble, HasSubstr("draining"));
}

TEST_F(BrokerTest, AWorkerThatShutsDownIsNotTakenForOneThatIsBusy) {
  worker(w1, "one", 1);
  broker->worker_capacity(w1, 0);  // it finishes what it has
  const JobId job = submit(function("f"));
  EXPECT_THAT(broker->job(job)->trouble, HasSubstr("worker one finishes what it has and takes nothing new"));
  worker(w2, "two", 1);
  broker->worker_capacity(w1, 1);
  EXPECT_EQ(broker->job(job)->trouble, "");
}

TEST_F(BrokerTest, AJobWhoseWorkerIsGoneIsInTroubleAndWhoWatchesItHearsThatAndThatTheWorkerIsBack) {
  const auto one = worker(w1, "one", 1);
  const JobId job = submit(function("f"));
  ASSERT_TRUE(broker->watch({client, 1}, job, false, false, now, out));
  EXPECT_EQ(out.job_changes.back().trouble, "");
  const std::vector<Fence> held{out.grants[0].fence};

  broker->session_left(w1, now, out);
  pass(limits.watch_interval);
  EXPECT_THAT(out.job_changes.back().trouble, HasSubstr("worker one does not answer"));

  worker(SessionId{12}, "one", 1, {"f"}, held);
  pass(limits.watch_interval);
  EXPECT_EQ(out.job_changes.back().trouble, "");
}

TEST_F(BrokerTest, AJobOfWhichSomethingRunsInSightIsNotInTrouble) {
  worker(w1, "one", 1);
  worker(w2, "two", 1);
  const JobId job = submit(function("f"), {"a", "b"});
  ASSERT_THAT(out.grants, SizeIs(2));
  broker->session_left(w1, now, out);
  EXPECT_EQ(broker->job(job)->trouble, "");
}

TEST_F(BrokerTest, AJobsBeginningIsKnownAfterARestart) {
  worker(w1, "one", 1);
  const JobId job = submit(function("f"));
  const WallTime began = broker->job(job)->started;
  ASSERT_NE(began, WallTime{});
  const std::vector<Fence> held{out.grants[0].fence};
  pass(5s);
  restart();
  EXPECT_EQ(broker->job(job)->started, began);
  worker(w1, "one", 1, {"f"}, held);
  EXPECT_EQ(broker->job(job)->started, began);
}

TEST_F(BrokerTest, AFailedAttemptIsRetriedAfterABackoffUntilNoneAreLeft) {
  TaskSpec spec = function("f");
  spec.retries = 1;
  spec.backoff = 10s;
  const JobId job = submit(spec);
  worker(w1, "one");
  fail_attempt(w1, out.grants[0].fence);
  EXPECT_EQ(counts(job)[TaskState::waiting], 1u);
  EXPECT_THAT(out.grants, SizeIs(1));
  broker->worker_alive(w1, now);
  pass(10s);
  ASSERT_THAT(out.grants, SizeIs(2));
  EXPECT_EQ(out.grants[1].fence.attempt, 2u);
  fail_attempt(w1, out.grants[1].fence, "broken again");
  EXPECT_EQ(counts(job)[TaskState::failed], 1u);
  EXPECT_EQ(disk.outcomes().at({job, 1}).error, "broken again");
}

TEST_F(BrokerTest, ADelayedTaskWaits) {
  TaskSpec spec = function("f");
  spec.delay = 10s;
  const JobId job = submit(spec);
  worker(w1, "one");
  pass(9s);
  EXPECT_EQ(counts(job)[TaskState::waiting], 1u);
  restart();
  worker(w2, "two");
  pass(500ms);
  EXPECT_THAT(out.grants, IsEmpty());
  pass(500ms);
  EXPECT_THAT(out.grants, SizeIs(1));
}

// A master that starts with its clock set back by a day.
TEST_F(BrokerTest, AClockThatWasSetBackDoesNotProlongADelayOrABackoff) {
  TaskSpec delayed = function("f");
  delayed.delay = 10s;
  submit(delayed, {"delayed"});
  TaskSpec retried = function("f");
  retried.retries = 1;
  retried.backoff = retried.backoff_max = 5s;
  submit(retried, {"retried"});
  worker(w1, "one", 2);
  ASSERT_TRUE(fail_attempt(w1, out.grants[0].fence));
  now.wall -= 24h;
  restart();
  worker(w1, "one", 2);
  pass(5s);
  EXPECT_THAT(granted_payloads(), ElementsAre("retried"));
  pass(5s);
  EXPECT_THAT(granted_payloads(), ElementsAre("retried", "delayed"));
}

TEST_F(BrokerTest, ADrainingWorkerGetsNothingNew) {
  worker(w1, "one");
  ASSERT_TRUE(broker->worker_drain({client, 1}, "one", true, out));
  submit(function("f"));
  EXPECT_THAT(out.grants, IsEmpty());
}

TEST_F(BrokerTest, APausedQueueHoldsItsTasksUntilItIsResumed) {
  submit(function("g"));
  ASSERT_TRUE(broker->queue_control({client, 1}, "default", QueueAction::pause, now, out));
  worker(w1, "one", 5);
  submit(function("f"));
  EXPECT_THAT(out.grants, IsEmpty());
  ASSERT_TRUE(broker->queue_control({client, 1}, "default", QueueAction::resume, now, out));
  settle();
  EXPECT_THAT(out.grants, SizeIs(1));
}

}  // namespace
}  // namespace reeve::master
