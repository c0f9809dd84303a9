// Leases: workers that are lost, come back, or outlive the master.
#include "tests/unit/master/core/broker_fixture.h"

namespace reeve::master {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr SessionId w1{101}, w2{102};

TEST_F(BrokerTest, ASilentWorkerLosesItsLeaseAndAnotherOneGetsTheTask) {
  submit(function("f"));
  worker(w1, "one");
  pass(limits.lease + 1ms);
  EXPECT_THAT(out.disconnected, ElementsAre(w1));
  worker(w2, "two");
  ASSERT_THAT(out.grants, SizeIs(2));
  EXPECT_EQ(out.grants[1].fence.attempt, 2u);
  EXPECT_FALSE(succeed(w1, out.grants[0].fence)) << "its lease has moved on";
  EXPECT_TRUE(succeed(w2, out.grants[1].fence));
}

TEST_F(BrokerTest, ALeaseLivesAsLongAsTheHeartbeatHoweverLongTheTaskTakes) {
  submit(function("f"));
  worker(w1, "one");
  for (int i = 0; i < 100; ++i) {
    pass(limits.lease / 2);
    broker->worker_alive(w1, now);
  }
  EXPECT_TRUE(succeed(w1, out.grants[0].fence));
}

TEST_F(BrokerTest, ATaskThatLosesTooManyWorkersFails) {
  TaskSpec spec = function("f");
  spec.crash_limit = 2;
  const JobId job = submit(spec);
  worker(w1, "one");
  pass(limits.lease + 1ms);
  worker(w2, "two");
  pass(limits.lease + 1ms);
  EXPECT_EQ(counts(job)[TaskState::failed], 1u);
  EXPECT_THAT(disk.outcomes().at({job, 1}).error, HasSubstr("worker two was not heard of"));
}

TEST_F(BrokerTest, AWorkerThatReconnectsInTimeKeepsWhatItHolds) {
  submit(function("f"));
  worker(w1, "one");
  const Fence fence = out.grants[0].fence;
  broker->session_left(w1, now, out);
  const auto admitted = worker(w2, "one", 1, {"f"}, {fence});
  EXPECT_THAT(admitted.dropped, IsEmpty());
  EXPECT_THAT(out.grants, SizeIs(1));
  EXPECT_TRUE(succeed(w2, fence));
}

TEST_F(BrokerTest, ALeaseBeginsAnewWhenItsWorkerReconnects) {
  submit(function("f"));
  worker(w1, "one");
  const Fence fence = out.grants[0].fence;
  broker->session_left(w1, now, out);
  pass(limits.lease - 1s);
  worker(w2, "one", 1, {"f"}, {fence});
  pass(limits.lease - 1ms);
  EXPECT_THAT(out.disconnected, IsEmpty());
  EXPECT_TRUE(succeed(w2, fence));
}

TEST_F(BrokerTest, AWorkerIsNewUntilTheStoreKnowsOfItAndAgainWhenItWasLost) {
  submit(function("f"));
  const auto first = worker(w1, "one");
  EXPECT_TRUE(first.is_new);
  EXPECT_TRUE(worker(w2, "one").is_new) << "it is back before the disk had it";
  broker->worker_kept(first.id);
  EXPECT_FALSE(worker(w1, "one").is_new);
  restart();
  EXPECT_FALSE(worker(w1, "one").is_new);
  pass(limits.lease + 1ms);
  EXPECT_TRUE(worker(w2, "one").is_new);
}

TEST_F(BrokerTest, AGrantThatNeverArrivedIsMadeAgain) {
  submit(function("f"));
  worker(w1, "one");
  broker->session_left(w1, now, out);
  worker(w2, "one", 1, {"f"}, {});
  EXPECT_THAT(out.grants, SizeIs(2));
}

TEST_F(BrokerTest, AWorkerThatLeavesGivesBackEverything) {
  submit(function("f"));
  worker(w1, "one");
  broker->worker_goodbye(w1, now, out);
  settle();
  worker(w2, "two");
  EXPECT_THAT(out.grants, SizeIs(2));
}

TEST_F(BrokerTest, ATaskThatItsWorkerStoppedOnItsOwnAccountRunsAgain) {
  const JobId job = submit(function("f"));
  worker(w1, "one");
  ASSERT_TRUE(broker->complete(w1, out.grants[0].fence, {.state = TaskState::cancelled, .error = "shut down"},
                               now, out));
  settle();
  EXPECT_EQ(counts(job)[TaskState::cancelled], 0u);
  ASSERT_THAT(out.grants, SizeIs(2));
  EXPECT_EQ(out.grants[1].fence.attempt, 2u);
}

TEST_F(BrokerTest, ReturnedAttemptsGoToTheFrontInTheirOrder) {
  submit(function("f"), {"a", "b", "c", "d"});
  worker(w1, "one", 3);
  const std::vector<Fence> fences{out.grants[1].fence, out.grants[2].fence};
  broker->worker_capacity(w1, 1);
  broker->returned(w1, fences, now, out);
  settle();
  out.grants.clear();
  worker(w2, "two", 3);
  EXPECT_THAT(granted_payloads(), ElementsAre("b", "c", "d"));
}

TEST_F(BrokerTest, AfterAMasterRestartARunningTaskIsAdoptedAndNotRunAgain) {
  const JobId job = submit(function("f"));
  worker(w1, "one");
  const Fence fence = out.grants[0].fence;
  restart();
  worker(w2, "two");
  EXPECT_THAT(out.grants, IsEmpty()) << "worker one may still run it";
  const auto admitted = worker(w1, "one", 1, {"f"}, {fence});
  EXPECT_THAT(admitted.dropped, IsEmpty());
  pass_with_heartbeats(limits.lease * 2, w1);
  EXPECT_THAT(out.grants, IsEmpty());
  EXPECT_TRUE(succeed(w1, fence));
  EXPECT_EQ(counts(job)[TaskState::succeeded], 1u);
}

TEST_F(BrokerTest, AfterAMasterRestartTasksWaitOnlyUntilAllWorkersAreBack) {
  submit(function("f"), {"running", "queued"});
  worker(w1, "one");
  const Fence fence = out.grants[0].fence;
  restart();
  worker(w2, "two");
  EXPECT_THAT(out.grants, IsEmpty());
  worker(w1, "one", 1, {"f"}, {fence});
  settle();
  EXPECT_THAT(granted_payloads(), ElementsAre("queued"));
}

TEST_F(BrokerTest, AfterAMasterRestartNewTasksNeedNotWaitForOldWorkers) {
  submit(function("f"), {"old"});
  worker(w1, "one");
  restart();
  submit(function("f"), {"new"});
  worker(w2, "two", 2);
  EXPECT_THAT(granted_payloads(), ElementsAre("new"));
  pass_with_heartbeats(limits.lease, w2);
  EXPECT_THAT(granted_payloads(), ElementsAre("new", "old"));
}

TEST_F(BrokerTest, AfterAMasterRestartNobodyWaitsForAWorkerThatWasLostBefore) {
  submit(function("f"));
  worker(w1, "one");
  pass(limits.lease + 1ms);
  restart();
  worker(w2, "two");
  EXPECT_THAT(out.grants, SizeIs(1));
}

TEST_F(BrokerTest, LeasesOfAMasterWithAnotherMemoryAreDroppedThoughTheirNumbersWouldFit) {
  submit(function("f"), {"of the first"});
  worker(w1, "one");
  const Fence stale = out.grants[0].fence;

  disk = fakes::DiskModel{};  // as with --ephemeral
  (void)disk.open();          // the epoch rises all the same
  restart();
  const JobId job = submit(function("f"), {"of the second"});
  ASSERT_EQ(job, stale.task.job);
  const auto admitted = worker(w1, "one", 1, {"f"}, {stale});
  EXPECT_THAT(admitted.dropped, ElementsAre(stale));
  EXPECT_THAT(granted_payloads(), ElementsAre("of the second"));
  EXPECT_FALSE(succeed(w1, stale, "of the first"));
}

TEST_F(BrokerTest, AResultOfAnOlderEpochIsRefusedOnceTheTaskHasBeenGrantedAgain) {
  submit(function("f"));
  worker(w1, "one");
  const Fence stale = out.grants[0].fence;
  restart();
  pass(limits.lease);
  worker(w2, "two");
  ASSERT_THAT(out.grants, SizeIs(1));
  const auto admitted = worker(w1, "one", 1, {"f"}, {stale});
  EXPECT_THAT(admitted.dropped, ElementsAre(stale));
  EXPECT_FALSE(succeed(w1, stale));
  EXPECT_TRUE(succeed(w2, out.grants[0].fence));
}

// The worker was not told that its report was recorded before the master ended, and says again what it holds.
TEST_F(BrokerTest, AFailureThatWasRecordedBeforeARestartIsNotCountedTwice) {
  TaskSpec spec = function("f");
  spec.retries = 1;
  spec.backoff = 1ms;
  const JobId job = submit(spec);
  worker(w1, "one");
  const Fence first = out.grants[0].fence;
  ASSERT_TRUE(fail_attempt(w1, first));
  pass(1s);
  restart();
  const auto admitted = worker(w1, "one", 1, {"f"}, {first});
  EXPECT_THAT(admitted.dropped, ElementsAre(first));
  EXPECT_FALSE(fail_attempt(w1, first));
  ASSERT_THAT(out.grants, SizeIs(1));
  EXPECT_TRUE(succeed(w1, out.grants[0].fence));
  EXPECT_EQ(counts(job)[TaskState::succeeded], 1u);
}

TEST_F(BrokerTest, AfterAMasterRestartALostAttemptDoesNotPushOutTheOneThatReplacedIt) {
  submit(function("f"));
  worker(w1, "one");
  const Fence lost = out.grants[0].fence;
  pass(limits.lease + 1ms);
  worker(w2, "two");
  ASSERT_THAT(out.grants, SizeIs(2));
  const Fence current = out.grants[1].fence;
  restart();
  EXPECT_THAT(worker(w1, "one", 1, {"f"}, {lost}).dropped, ElementsAre(lost));
  EXPECT_THAT(worker(w2, "two", 1, {"f"}, {current}).dropped, IsEmpty());
  EXPECT_TRUE(succeed(w2, current));
}

TEST_F(BrokerTest, OfTwoAttemptsThatAWorkerHoldsAfterARestartTheLaterOneIsAdopted) {
  submit(function("f"));
  worker(w1, "one");
  const Fence first = out.grants[0].fence;
  const Fence second{first.epoch, first.task,
                     2};  // granted when the first had failed, which was not kept yet
  restart();
  EXPECT_THAT(worker(w1, "one", 2, {"f"}, {first, second}).dropped, ElementsAre(first));
  EXPECT_TRUE(succeed(w1, second));
}

TEST_F(BrokerTest, AWorkerThatWasGivenUpInAnEarlierEpochIsNotAdopted) {
  submit(function("f"));
  worker(w1, "one");
  const Fence lost = out.grants[0].fence;
  restart();
  pass(limits.lease);  // it does not come back
  worker(w2, "two");
  ASSERT_THAT(out.grants, SizeIs(1));
  const Fence current = out.grants[0].fence;
  restart();
  EXPECT_THAT(worker(w1, "one", 1, {"f"}, {lost}).dropped, ElementsAre(lost));
  EXPECT_THAT(worker(w2, "two", 1, {"f"}, {current}).dropped, IsEmpty());
  EXPECT_TRUE(succeed(w2, current));
}

TEST_F(BrokerTest, AWorkerThatIsBackTooLateIsNotAdoptedAlsoWhenTheOneAfterItHandedTheTaskBack) {
  submit(function("f"));
  worker(w1, "one");
  const Fence lost = out.grants[0].fence;
  restart();
  pass(limits.lease);  // it does not come back in time
  worker(w2, "two");
  ASSERT_THAT(out.grants, SizeIs(1));
  const Fence since = out.grants[0].fence;
  ASSERT_TRUE(broker->queue_control({client, 1}, "default", QueueAction::pause, now, out));
  broker->returned(w2, {&since, 1}, now, out);
  settle();
  EXPECT_THAT(worker(w1, "one", 1, {"f"}, {lost}).dropped, ElementsAre(lost));
}

TEST_F(BrokerTest, AWorkerThatWasAdoptedAndThenLostIsNotAdoptedAgain) {
  submit(function("f"));
  worker(w1, "one");
  const Fence held = out.grants[0].fence;
  restart();
  ASSERT_TRUE(broker->queue_control({client, 1}, "default", QueueAction::pause, now, out));
  EXPECT_THAT(worker(w1, "one", 1, {"f"}, {held}).dropped, IsEmpty());
  pass(limits.lease + 1ms);
  EXPECT_THAT(worker(w2, "one", 1, {"f"}, {held}).dropped, ElementsAre(held));
}

TEST_F(BrokerTest, ATaskAtMostOnceThatWasHandedBackBeforeItBeganRunsAlsoAfterARestart) {
  TaskSpec spec = function("f");
  spec.at_most_once = true;
  const JobId job = submit(spec);
  worker(w1, "one");
  const Fence fence = out.grants.at(0).fence;
  ASSERT_TRUE(broker->queue_control({client, 1}, "default", QueueAction::pause, now, out));
  broker->returned(w1, {&fence, 1}, now, out);
  settle();
  restart();
  pass(limits.lease);  // worker one does not come back
  EXPECT_EQ(counts(job)[TaskState::failed], 0u);
  ASSERT_TRUE(broker->queue_control({client, 1}, "default", QueueAction::resume, now, out));
  worker(w2, "two");
  ASSERT_THAT(out.grants, SizeIs(1));
  EXPECT_TRUE(succeed(w2, out.grants[0].fence));
}

TEST_F(BrokerTest, ATaskAtMostOnceIsNotRunAgainWhenItsWorkerIsLost) {
  TaskSpec spec = function("f");
  spec.at_most_once = true;
  const JobId job = submit(spec);
  worker(w1, "one");
  ASSERT_THAT(out.grants, SizeIs(1));
  EXPECT_TRUE(out.grants[0].held);
  restart();
  pass(limits.lease);
  EXPECT_EQ(counts(job)[TaskState::failed], 1u);
  EXPECT_THAT(disk.outcomes().at({job, 1}).error, HasSubstr("at most once"));
}

TEST_F(BrokerTest, ADelayedTaskThatRunsIsAdoptedThoughTheClockWasSetBack) {
  TaskSpec delayed = function("f");
  delayed.delay = 10s;
  submit(delayed, {"delayed"});
  pass(10s);
  worker(w1, "one", 1);
  ASSERT_THAT(granted_payloads(), ElementsAre("delayed"));
  const Fence held = out.grants[0].fence;
  now.wall -= 24h;
  restart();
  worker(w2, "other", 1);
  pass(10s);
  EXPECT_THAT(granted_payloads(), IsEmpty()) << "its worker may still come back with it";
  worker(w1, "one", 1, {"f"}, {held});
  EXPECT_TRUE(succeed(w1, held));
}

TEST_F(BrokerTest, TheDelayOfATaskThatWasAdoptedDoesNotCutItsBackoffShort) {
  TaskSpec spec = function("f");
  spec.delay = 5s;
  spec.retries = 1;
  spec.backoff = 20s;
  submit(spec);
  pass(5s);
  worker(w1, "one", 1);
  const Fence held = out.grants[0].fence;
  now.wall -= 24h;  // its delay seems to be ahead
  restart();
  worker(w1, "one", 1, {"f"}, {held});
  ASSERT_TRUE(fail_attempt(w1, held));
  pass_with_heartbeats(9s, w1);
  EXPECT_THAT(out.grants, IsEmpty());
  pass_with_heartbeats(11s, w1);
  EXPECT_THAT(out.grants, SizeIs(1));
}

TEST_F(BrokerTest, ACancelSurvivesAMasterRestart) {
  const JobId job = submit(function("f"));
  worker(w1, "one");
  ASSERT_TRUE(broker->cancel({client, 9}, job, {}, now, out));
  settle();
  restart();
  pass(limits.lease);
  EXPECT_EQ(counts(job)[TaskState::cancelled], 1u);
}

TEST_F(BrokerTest, AWorkerThatWasAwayWhenItsTaskWasCancelledHearsOfItWhenItIsBack) {
  const JobId job = submit(function("f"));
  worker(w1, "one");
  const Fence fence = out.grants[0].fence;
  broker->session_left(w1, now, out);
  ASSERT_TRUE(broker->cancel({client, 9}, job, {}, now, out));
  settle();
  EXPECT_THAT(out.stops, IsEmpty());
  EXPECT_THAT(worker(w2, "one", 1, {"f"}, {fence}).dropped, IsEmpty());
  EXPECT_THAT(out.stops, ElementsAre(fence));
}

TEST_F(BrokerTest, WhoCancelsAgainTellsTheWorkerAgain) {
  const JobId job = submit(function("f"));
  worker(w1, "one");
  const Fence fence = out.grants[0].fence;
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(broker->cancel({client, 9}, job, {}, now, out));
  EXPECT_THAT(out.stops, ElementsAre(fence, fence));
  EXPECT_THAT(out.held_stops, IsEmpty()) << "its grant did not wait for the disk";
}

TEST_F(BrokerTest, AStopWaitsForTheDiskIfItsGrantDid) {
  TaskSpec spec = function("f");
  spec.at_most_once = true;
  const JobId job = submit(spec);
  worker(w1, "one");
  const Fence fence = out.grants[0].fence;
  ASSERT_TRUE(out.grants[0].held);
  ASSERT_TRUE(broker->cancel({client, 9}, job, {}, now, out));
  EXPECT_THAT(out.held_stops, ElementsAre(fence));
  settle();
  broker->session_left(w1, now, out);
  worker(w2, "one", 1, {"f"}, {fence});
  EXPECT_THAT(out.held_stops, ElementsAre(fence, fence));
}

TEST_F(BrokerTest, ARestartDoesNotForgetHowErasedTasksOfAJobEnded) {
  limits.chunk_tasks_max = 1;
  restart();
  const JobId first = submit(function("f"), {"a", "b"});
  const JobId second = submit(function("f"), {"x"}, {first});
  worker(w1, "one", 2);
  fail_attempt(w1, out.grants[0].fence);
  const std::uint32_t fetched = 1;
  broker->fetched(first, {&fetched, 1}, now, out);
  settle();
  const Fence running = out.grants[1].fence;
  restart();
  EXPECT_EQ(counts(first)[TaskState::failed], 1u);
  worker(w1, "one", 2, {"f"}, {running});
  succeed(w1, running);
  EXPECT_EQ(counts(second)[TaskState::cancelled], 1u) << "the job it waited for did not succeed";
}

// Grants do not wait for the disk, so a task may run whose submission is lost; its number is then given again.
TEST_F(BrokerTest, WhatRunsForASubmissionThatWasLostIsNotTakenForAnotherOne) {
  worker(w1, "one");
  ASSERT_TRUE(broker->submit({client, 1}, {.spec = function("f"), .payloads = payloads({"lost"})}, now, out));
  broker->dispatch(now, out);  // and then nothing reaches the disk any more
  ASSERT_THAT(out.grants, SizeIs(1));
  const Fence lost = out.grants[0].fence;
  restart();
  const JobId other = submit(function("f"), {"another"});
  ASSERT_EQ(other, lost.task.job);
  EXPECT_THAT(worker(w1, "one", 1, {"f"}, {lost}).dropped, ElementsAre(lost));
  restart();
  EXPECT_THAT(worker(w1, "one", 1, {"f"}, {lost}).dropped, ElementsAre(lost)) << "nor after another restart";
}

TEST_F(BrokerTest, ATaskWhoseResultIsMissingFromTheStoreRunsAgain) {
  const JobId job = submit(function("f"));
  worker(w1, "one");
  broker->complete(w1, out.grants[0].fence, {}, now, out);
  std::erase_if(out.records,
                [](const Record& record) { return std::holds_alternative<OutcomeRecord>(record); });
  settle();
  restart();
  worker(w2, "two");
  pass(limits.lease + limits.results_kept_for + limits.retention_interval);
  worker(w1, "three");
  ASSERT_THAT(out.grants, SizeIs(1));
  succeed(w1, out.grants[0].fence);
  EXPECT_EQ(counts(job)[TaskState::succeeded], 1u);
}

TEST_F(BrokerTest, AWorkerThatWasAwayHearsWhetherItDrainsWhenItIsBack) {
  worker(w1, "one");
  broker->session_left(w1, now, out);
  ASSERT_TRUE(broker->worker_drain({client, 1}, "one", true, out));
  EXPECT_THAT(out.drains, IsEmpty());
  worker(w2, "one");
  EXPECT_THAT(out.drains, ElementsAre(std::pair{w2, true}));
}

TEST_F(BrokerTest, AMasterThatRestartedLearnsFromItsWorkersWhichOfThemDrain) {
  submit(function("f"));
  ASSERT_TRUE(broker->worker_joined(w1, {.key = "one", .name = "one", .functions = {"f"}, .draining = true},
                                    now, out));
  broker->worker_capacity(w1, 1);
  settle();
  EXPECT_THAT(out.grants, IsEmpty());
  ASSERT_TRUE(broker->worker_drain({client, 1}, "one", false, out));
  EXPECT_THAT(out.drains, ElementsAre(std::pair{w1, false}));
  settle();
  EXPECT_THAT(out.grants, SizeIs(1));
}

}  // namespace
}  // namespace reeve::master
