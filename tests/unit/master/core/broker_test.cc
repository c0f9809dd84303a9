// Tasks, leases, workers and jobs.
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

TEST_F(BrokerTest, AJobIsFinishedWhenAllItsTasksAre) {
  const JobId job = submit(function("f"), {"a", "b"});
  worker(w1, "one", 2);
  succeed(w1, out.grants[0].fence);
  EXPECT_EQ(broker->job(job)->finished, WallTime{});
  succeed(w1, out.grants[1].fence);
  EXPECT_NE(broker->job(job)->finished, WallTime{});
  EXPECT_EQ(counts(job)[TaskState::succeeded], 2u);
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

TEST_F(BrokerTest, AResultAndItsPlaceInAResultQueueAreKeptTogetherAlsoWhileNothingIsHandedOut) {
  TaskSpec spec = function("f");
  spec.result_queue = "results";
  submit(spec, {"a", "b"});
  worker(w1, "one", 1);
  ASSERT_TRUE(broker->complete(w1, out.grants[0].fence, {.value = "done"}, now, out));
  broker->deliver(now, out);
  disk.apply(out.records);
  EXPECT_THAT(out.grants, SizeIs(1)) << "nothing more was handed out";
  restart();
  ASSERT_TRUE(get("results", false));
  EXPECT_EQ((*out.gots.back().answer)[0].value, "done");
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

TEST_F(BrokerTest, AJobRunsAfterTheJobsItNames) {
  const JobId first = submit(function("f"), {"first"});
  submit(function("f"), {"second"}, {first});
  worker(w1, "one", 2);
  EXPECT_THAT(granted_payloads(), ElementsAre("first"));
  succeed(w1, out.grants[0].fence);
  EXPECT_THAT(granted_payloads(), ElementsAre("first", "second"));
}

TEST_F(BrokerTest, AJobIsCancelledWhenAJobItWaitsForFails) {
  const JobId first = submit(function("f"));
  const JobId second = submit(function("f"), {"b"}, {first});
  worker(w1, "one");
  fail_attempt(w1, out.grants[0].fence);
  EXPECT_EQ(counts(second)[TaskState::cancelled], 1u);
  EXPECT_THAT(disk.outcomes().at({second, 1}).error, HasSubstr("did not succeed"));
}

TEST_F(BrokerTest, CancelEndsReadyTasksAtOnceAndStopsRunningOnes) {
  const JobId job = submit(function("f"), {"a", "b"});
  worker(w1, "one");
  ASSERT_TRUE(broker->cancel({client, 9}, job, {}, now, out));
  settle();
  EXPECT_EQ(counts(job)[TaskState::cancelled], 1u);
  EXPECT_THAT(out.stops, ElementsAre(out.grants[0].fence));
  broker->complete(w1, out.grants[0].fence, {.state = TaskState::cancelled}, now, out);
  settle();
  EXPECT_EQ(counts(job)[TaskState::cancelled], 2u);
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

TEST_F(BrokerTest, FailedTasksCanBeRetriedAndTheOthersStayAsTheyAre) {
  const JobId job = submit(function("f"), {"a", "b"});
  worker(w1, "one", 2);
  succeed(w1, out.grants[0].fence);
  fail_attempt(w1, out.grants[1].fence);
  const auto plan = broker->plan_retry(job, {});
  ASSERT_TRUE(plan);
  EXPECT_THAT(plan->indices, ElementsAre(2u));
  ASSERT_THAT(plan->chunks, SizeIs(1));
  ChunkRecord chunk{.job = job, .first = 1, .payloads = std::make_shared<Payloads>(payloads({"a", "b"}))};
  ASSERT_TRUE(broker->retry({client, 9}, job, *plan, {chunk}, now, out));
  settle();
  ASSERT_THAT(out.grants, SizeIs(3));
  EXPECT_EQ(out.grants[2].payload, "b");
  EXPECT_GT(out.grants[2].fence.attempt, out.grants[1].fence.attempt);
  succeed(w1, out.grants[2].fence);
  EXPECT_EQ(counts(job)[TaskState::succeeded], 2u);
  EXPECT_THAT(disk.recorded_twice, IsEmpty());
}

TEST_F(BrokerTest, ATaskThatIsNamedTwiceIsRetriedOnce) {
  const JobId job = submit(function("f"), {"a", "b"});
  worker(w1, "one", 2);
  fail_attempt(w1, out.grants[0].fence);
  fail_attempt(w1, out.grants[1].fence);
  const std::vector<std::uint32_t> indices{2, 1, 2, 2};
  const auto plan = broker->plan_retry(job, indices);
  ASSERT_TRUE(plan);
  EXPECT_THAT(plan->indices, ElementsAre(1u, 2u));
  ChunkRecord chunk{.job = job, .first = 1, .payloads = std::make_shared<Payloads>(payloads({"a", "b"}))};
  ASSERT_TRUE(broker->retry({client, 9}, job, *plan, {chunk}, now, out));
  settle();
  EXPECT_THAT(out.grants, SizeIs(4));
}

TEST_F(BrokerTest, ARepeatedSubmissionIsAcceptedOnceAlsoAcrossARestart) {
  Submission submission;
  submission.number = 77;
  submission.spec = function("f");
  submission.payloads = payloads({"a"});
  ASSERT_TRUE(broker->submit({client, 1}, submission, now, out));
  settle();
  const JobId job = out.submissions.back().answer->job;
  ASSERT_TRUE(broker->submit({client, 2}, submission, now, out));
  EXPECT_EQ(out.submissions.back().answer->job, job);
  restart();
  ASSERT_TRUE(broker->submit({client, 3}, submission, now, out));
  EXPECT_EQ(out.submissions.back().answer->job, job);
  EXPECT_EQ(counts(job).total(), 1u);
}

TEST_F(BrokerTest, AWatcherHearsOutcomesAndTheEnd) {
  Submission submission;
  submission.spec = function("f");
  submission.payloads = payloads({"a"});
  submission.watch = true;
  ASSERT_TRUE(broker->submit({client, 1}, std::move(submission), now, out));
  settle();
  worker(w1, "one");
  succeed(w1, out.grants[0].fence, "result");
  ASSERT_THAT(out.outcomes, SizeIs(1));
  EXPECT_EQ(out.outcomes[0].outcome.value, "result");
  ASSERT_FALSE(out.job_changes.empty());
  EXPECT_NE(out.job_changes.back().finished, WallTime{});
}

TEST_F(BrokerTest, AWatcherThatReadsTooSlowlyIsToldToAskForWhatItMissed) {
  Submission submission;
  submission.spec = function("f");
  submission.payloads = payloads({"a"});
  submission.watch = true;
  ASSERT_TRUE(broker->submit({client, 1}, std::move(submission), now, out));
  settle();
  out.slow.insert(client);
  worker(w1, "one");
  succeed(w1, out.grants[0].fence);
  EXPECT_THAT(out.outcomes, IsEmpty());
  out.slow.clear();
  broker->session_writable(client, out);
  EXPECT_THAT(out.laggings, SizeIs(1));
}

TEST_F(BrokerTest, AJobWhoseResultsAreAllFetchedIsForgotten) {
  const JobId job = submit(function("f"), {"a", "b"});
  worker(w1, "one", 2);
  succeed(w1, out.grants[0].fence);
  succeed(w1, out.grants[1].fence);
  const std::vector<std::uint32_t> both{1, 2};
  broker->fetched(job, both, now, out);
  settle();
  EXPECT_FALSE(broker->job(job));
  EXPECT_FALSE(disk.knows({job, 1}));
}

TEST_F(BrokerTest, ResultsAreForgottenAfterTheirRetention) {
  const JobId job = submit(function("f"));
  worker(w1, "one");
  succeed(w1, out.grants[0].fence);
  pass(limits.results_kept_for);
  EXPECT_TRUE(broker->job(job));
  pass(2min);
  EXPECT_FALSE(broker->job(job));
}

TEST_F(BrokerTest, AnUnfinishedJobCannotBeForgotten) {
  const JobId job = submit(function("f"));
  const auto refused = broker->forget({client, 1}, job, out);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::wrong_state);
}

TEST_F(BrokerTest, ResultsGoToTheResultQueueAsWell) {
  TaskSpec spec = function("f");
  spec.result_queue = "results";
  const JobId job = submit(spec);
  worker(w1, "one");
  succeed(w1, out.grants[0].fence, "144");
  ASSERT_TRUE(get("results"));
  ASSERT_THAT(*out.gots.back().answer, SizeIs(1));
  EXPECT_EQ((*out.gots.back().answer)[0].value, "144");
  EXPECT_EQ((*out.gots.back().answer)[0].from, (TaskId{job, 1}));
}

TEST_F(BrokerTest, AJobLargerThanAChunkKeepsItsOrderAndSurvivesARestart) {
  std::vector<std::string> texts;
  for (int i = 0; i < 1000; ++i) texts.push_back(std::to_string(i));
  const JobId job = submit(function("f"), texts);
  restart();
  EXPECT_EQ(counts(job).total(), 1000u);
  worker(w1, "one", 1000);
  EXPECT_EQ(granted_payloads(), texts);
}

TEST_F(BrokerTest, AResultOverTheLimitIsAFailureThatSaysSo) {
  limits.result_max_bytes = 1000;
  restart();
  submit(function("f"));
  worker(w1, "w1");
  succeed(w1, out.grants.back().fence, std::string(1001, 'x'));
  ASSERT_THAT(disk.outcomes(), SizeIs(1));
  const Outcome& outcome = disk.outcomes().begin()->second;
  EXPECT_EQ(outcome.state, TaskState::failed);
  EXPECT_EQ(outcome.error, "the result has 1001 bytes; result_max_bytes is 1000");
  EXPECT_TRUE(outcome.value.empty());
}

TEST_F(BrokerTest, ADescriptionOverTheLimitIsRefused) {
  limits.spec_max_bytes = 1000;
  restart();
  Submission submission{.spec = function("f"), .payloads = payloads({"x"})};
  submission.spec.command = {.args = {"cat"}, .stdin_bytes = std::string(1000, 'x')};
  submission.spec.function.clear();
  const auto refused = broker->submit({client, ++request}, std::move(submission), now, out);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::too_large);
}

// A queue of tasks with room for two, which another client's tasks wait to get into.
struct NarrowQueueTest : BrokerTest {
  static constexpr SessionId other{9};
  NarrowQueueTest() {
    EXPECT_TRUE(broker->queue_create({client, 1}, {.name = "narrow", .maxsize = 2}, out));
    broker->client_joined(other, "client-9", now);
  }
  Submission tasks(std::uint64_t submission, const std::vector<std::string>& texts) {
    Submission made{.number = submission, .spec = function("f"), .payloads = payloads(texts)};
    made.spec.queue = "narrow";
    made.wait_for_room = true;
    return made;
  }
  void submit_as(SessionId session, Submission submission) {
    ASSERT_TRUE(broker->submit({session, ++request}, std::move(submission), now, out));
    settle();
  }
};

TEST_F(NarrowQueueTest, ASubmissionThatIsRepeatedBeforeAnyOfItGotInIsToldItsJob) {
  submit_as(client, tasks(1, {"a", "b"}));
  submit_as(other, tasks(1, {"c"}));
  broker->session_left(other, now, out);
  broker->client_joined(other, "client-9", now);
  submit_as(other, tasks(1, {"c"}));
  worker(w1, "one", 3);
  ASSERT_THAT(out.submissions, SizeIs(2));
  ASSERT_TRUE(out.submissions[1].answer);
  EXPECT_EQ(out.submissions[1].answer->job, out.grants.at(2).fence.task.job);
}

TEST_F(NarrowQueueTest, WhatStillWaitsForRoomIsCancelledWithItsJob) {
  submit_as(client, tasks(1, {"a", "b", "c", "d"}));
  ASSERT_TRUE(broker->cancel({other, 1}, JobId{1}, {}, now, out));
  settle();
  ASSERT_THAT(out.submissions, SizeIs(1));
  EXPECT_EQ(out.submissions[0].answer->count, 4u);
  EXPECT_EQ(counts(JobId{1})[TaskState::cancelled], 4u);
  worker(w1, "one", 4);
  EXPECT_THAT(out.grants, IsEmpty());
}

TEST_F(NarrowQueueTest, TheRestOfAJobThatWasCancelledMeanwhileIsCancelledAlsoAfterARestart) {
  for (const bool restarts : {false, true}) {
    const std::uint64_t submission = restarts ? 2 : 1;
    submit_as(client, tasks(submission, {"a", "b", "c"}));
    const JobId job = broker->jobs(true, 1).front().id;
    broker->session_left(client, now, out);
    ASSERT_TRUE(broker->cancel({other, 1}, job, {}, now, out));
    settle();
    if (restarts)
      restart();
    else
      broker->client_joined(client, "client-1", now);
    submit_as(client, tasks(submission, {"a", "b", "c"}));
    EXPECT_EQ(counts(job)[TaskState::cancelled], 3u);
    EXPECT_EQ(out.submissions.back().answer->count, 3u);
  }
}

TEST_F(BrokerTest, AJobIsRetriedByHandWhateverItWaitedFor) {
  const JobId first = submit(function("f"));
  TaskSpec spec = function("f");
  spec.retries = 1;
  const JobId second = submit(spec, {"x"}, {first});
  worker(w1, "one");
  fail_attempt(w1, out.grants[0].fence);
  ASSERT_EQ(counts(second)[TaskState::cancelled], 1u);
  const auto plan = broker->plan_retry(second, {});
  ChunkRecord chunk{.job = second, .first = 1, .payloads = std::make_shared<Payloads>(payloads({"x"}))};
  ASSERT_TRUE(broker->retry({client, 9}, second, *plan, {chunk}, now, out));
  settle();
  ASSERT_THAT(out.grants, SizeIs(2));
  fail_attempt(w1, out.grants[1].fence);
  pass_with_heartbeats(limits.retry_backoff.max, w1);
  ASSERT_THAT(out.grants, SizeIs(3)) << "the backoff of a retried task ends";
  succeed(w1, out.grants[2].fence);
  EXPECT_EQ(counts(second)[TaskState::succeeded], 1u);
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

TEST_F(BrokerTest, ADrainingWorkerGetsNothingNew) {
  worker(w1, "one");
  ASSERT_TRUE(broker->worker_drain({client, 1}, "one", true, out));
  submit(function("f"));
  EXPECT_THAT(out.grants, IsEmpty());
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

TEST_F(BrokerTest, AnOpenJobIsClosedWhenItsClientStaysAway) {
  Submission submission;
  submission.spec = function("f");
  submission.open = true;
  submission.payloads = payloads({"a"});
  ASSERT_TRUE(broker->submit({client, 1}, std::move(submission), now, out));
  const JobId job = out.submissions.back().answer->job;
  broker->session_left(client, now, out);
  pass(limits.client_grace + 1s);
  EXPECT_FALSE(broker->job(job)->open);
}

}  // namespace
}  // namespace reeve::master
