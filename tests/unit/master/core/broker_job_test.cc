// Jobs: submitting, waiting, cancelling, retrying, results.
#include "tests/unit/master/core/broker_fixture.h"

namespace reeve::master {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr SessionId w1{101}, w2{102};

TEST_F(BrokerTest, AJobIsFinishedWhenAllItsTasksAre) {
  const JobId job = submit(function("f"), {"a", "b"});
  worker(w1, "one", 2);
  succeed(w1, out.grants[0].fence);
  EXPECT_EQ(broker->job(job)->finished, WallTime{});
  succeed(w1, out.grants[1].fence);
  EXPECT_NE(broker->job(job)->finished, WallTime{});
  EXPECT_EQ(counts(job)[TaskState::succeeded], 2u);
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

TEST_F(BrokerTest, AJobRunsAfterTheJobsItNames) {
  const JobId first = submit(function("f"), {"first"});
  submit(function("f"), {"second"}, {first});
  worker(w1, "one", 2);
  EXPECT_THAT(granted_payloads(), ElementsAre("first"));
  succeed(w1, out.grants[0].fence);
  EXPECT_THAT(granted_payloads(), ElementsAre("first", "second"));
}

TEST_F(BrokerTest, AJobThatNamesTwoJobsWaitsForBothAlsoAfterARestart) {
  for (const bool restarts : {false, true}) {
    out.clear();
    const JobId first = submit(function("f"), {"first"});
    const JobId second = submit(function("g"), {"second"});
    const JobId third = submit(function("f"), {"third"}, {first, second});
    if (restarts) restart();
    worker(w1, "one", 1, {"f"});
    ASSERT_TRUE(succeed(w1, out.grants.at(0).fence));
    EXPECT_EQ(counts(third)[TaskState::waiting], 1u) << "the second one has not even begun";
    worker(w2, "two", 1, {"g"});
    ASSERT_TRUE(succeed(w2, out.grants.at(1).fence));
    EXPECT_EQ(counts(third)[TaskState::leased], 1u);
    ASSERT_TRUE(succeed(w1, out.grants.at(2).fence));
    broker->worker_goodbye(w1, now, out);
    broker->worker_goodbye(w2, now, out);
    settle();
  }
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

TEST_F(BrokerTest, FailedTasksCanBeRetriedAndTheOthersStayAsTheyAre) {
  const JobId job = submit(function("f"), {"a", "b"});
  worker(w1, "one", 2);
  succeed(w1, out.grants[0].fence);
  fail_attempt(w1, out.grants[1].fence);
  auto plan = broker->plan_retry(job, {});
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

TEST_F(BrokerTest, ARetryByHandIsNotHurriedByABackoffFromBeforeIt) {
  TaskSpec spec = function("f");
  spec.retries = 1;
  spec.backoff = 4s;
  const JobId job = submit(spec);
  worker(w1, "one");
  fail_attempt(w1, out.grants[0].fence);
  ASSERT_TRUE(broker->cancel({client, 9}, job, {}, now, out));
  settle();
  auto plan = broker->plan_retry(job, {});
  ChunkRecord chunk{.job = job, .first = 1, .payloads = std::make_shared<Payloads>(payloads({"x"}))};
  pass(1900ms);
  ASSERT_TRUE(broker->retry({client, 9}, job, *plan, {chunk}, now, out));
  settle();
  ASSERT_THAT(out.grants, SizeIs(2));
  fail_attempt(w1, out.grants[1].fence);
  pass_with_heartbeats(1900ms, w1);  // a backoff of 4 s lasts 2 s at least
  EXPECT_THAT(out.grants, SizeIs(2));
  pass_with_heartbeats(2100ms, w1);
  EXPECT_THAT(out.grants, SizeIs(3));
}

TEST_F(BrokerTest, ATaskThatIsNamedTwiceIsRetriedOnce) {
  const JobId job = submit(function("f"), {"a", "b"});
  worker(w1, "one", 2);
  fail_attempt(w1, out.grants[0].fence);
  fail_attempt(w1, out.grants[1].fence);
  const std::vector<std::uint32_t> indices{2, 1, 2, 2};
  auto plan = broker->plan_retry(job, indices);
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

TEST_F(BrokerTest, TheOldestResultsAreForgottenWhenThereAreTooManyButNeverTheLastJobs) {
  limits.results_max = 2;
  restart();
  worker(w1, "one", 10);
  const JobId first = submit(function("f"), {"a", "b"});
  const JobId second = submit(function("f"), {"a", "b", "c"});
  for (std::size_t i = 0; i < 5; ++i) succeed(w1, out.grants.at(i).fence);
  pass_with_heartbeats(2min, w1);
  EXPECT_FALSE(broker->job(first));
  EXPECT_TRUE(broker->job(second));
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
  EXPECT_EQ(outcome.error, "the result has 1001 bytes; result-max-bytes is 1000");
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

TEST_F(NarrowQueueTest, WhatWaitsForAJobWaitsForTheRestOfItAlsoAfterARestart) {
  const Submission first = tasks(++number, {"a", "b", "c"});
  submit_as(client, first);
  const JobId job = broker->jobs(true, 1).front().id;
  broker->session_left(client, now, out);  // before the last one got in
  worker(w1, "one", 1);
  for (std::size_t i = 0; i < 2; ++i) ASSERT_TRUE(succeed(w1, out.grants[i].fence));
  broker->client_joined(client, "client-1", now);
  ASSERT_TRUE(broker->queue_control({client, 1}, "narrow", QueueAction::pause, now, out));
  submit_as(client, first);
  const JobId dependent = submit(function("f"), {"x"}, {job});
  EXPECT_EQ(counts(dependent)[TaskState::waiting], 1u);
  restart();
  EXPECT_EQ(counts(dependent)[TaskState::waiting], 1u);
}

TEST_F(NarrowQueueTest, AJobOfWhichNothingGotInBeforeTheMasterEndedIsNobodys) {
  submit_as(client, tasks(++number, {"a", "b"}));
  submit_as(other, tasks(1, {"c"}));
  const JobId waiting = broker->jobs(true, 1).front().id;
  const JobId dependent = submit(function("f"), {"x"}, {waiting});
  restart();
  EXPECT_FALSE(broker->job(waiting));
  EXPECT_EQ(counts(dependent)[TaskState::cancelled], 1u) << "it can never run";
}

TEST_F(NarrowQueueTest, WhatWaitsForRoomAfterARestartGetsInWhenAWorkerComesBackWithItsTask) {
  submit_as(client, tasks(++number, {"a", "b"}));
  worker(w1, "one", 1);
  const Fence held = out.grants.at(0).fence;
  restart();
  broker->client_joined(other, "client-9", now);
  submit_as(other, tasks(1, {"c"}));
  EXPECT_THAT(out.submissions, IsEmpty()) << "nobody knows yet that a is no longer in the queue";
  worker(w1, "one", 1, {"f"}, {held});
  EXPECT_THAT(out.submissions, SizeIs(1));
}

TEST_F(NarrowQueueTest, TheTasksOfAJobWaitForRoomAtOneQueueOnly) {
  submit_as(client, tasks(1, {"a", "b", "c"}));
  const JobId job = broker->jobs(true, 1).front().id;
  ASSERT_TRUE(broker->queue_create({client, 1}, {.name = "elsewhere", .maxsize = 1}, out));
  Submission elsewhere = tasks(1, {"x", "y"});
  elsewhere.spec.queue = "elsewhere";
  submit_as(other, elsewhere);  // somebody waits there too
  elsewhere.number = 0;
  elsewhere.job = job;
  const Result<void> refused = broker->submit({client, ++request}, std::move(elsewhere), now, out);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::wrong_state);
  ASSERT_TRUE(broker->cancel({client, ++request}, job, {}, now, out));
  settle();
  EXPECT_EQ(counts(job)[TaskState::cancelled], 3u);
}

TEST_F(BrokerTest, AJobIsRetriedByHandWhateverItWaitedFor) {
  const JobId first = submit(function("f"));
  TaskSpec spec = function("f");
  spec.retries = 1;
  const JobId second = submit(spec, {"x"}, {first});
  worker(w1, "one");
  fail_attempt(w1, out.grants[0].fence);
  ASSERT_EQ(counts(second)[TaskState::cancelled], 1u);
  auto plan = broker->plan_retry(second, {});
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

TEST_F(BrokerTest, AJobThatWasRetriedByHandWaitsForNobodyAlsoAfterARestart) {
  const JobId fails = submit(function("f"));
  const JobId goes_on = submit(function("g"));
  const JobId retried = submit(function("h"), {"x"}, {fails, goes_on});
  worker(w1, "one");
  fail_attempt(w1, out.grants[0].fence);
  auto plan = broker->plan_retry(retried, {});
  ChunkRecord chunk{.job = retried, .first = 1, .payloads = std::make_shared<Payloads>(payloads({"x"}))};
  ASSERT_TRUE(broker->retry({client, 9}, retried, *plan, {chunk}, now, out));
  settle();
  restart();
  EXPECT_EQ(counts(retried)[TaskState::ready], 1u);
  ASSERT_TRUE(broker->cancel({client, 9}, goes_on, {}, now, out));
  settle();
  EXPECT_EQ(counts(retried)[TaskState::ready], 1u);
}

TEST_F(BrokerTest, AnOpenJobWhoseTasksWereCancelledTakesMoreAlsoAfterARestart) {
  Submission submission{.spec = function("f"), .payloads = payloads({"a"})};
  submission.open = true;
  ASSERT_TRUE(broker->submit({client, ++request}, submission, now, out));
  const JobId job = out.submissions.back().answer->job;
  const std::uint32_t first = 1;
  ASSERT_TRUE(broker->cancel({client, ++request}, job, {&first, 1}, now, out));
  settle();
  restart();
  submission.open = false;
  submission.job = job;
  ASSERT_TRUE(broker->submit({client, ++request}, submission, now, out));
  settle();
  EXPECT_EQ(counts(job)[TaskState::ready], 1u);
  EXPECT_TRUE(broker->job(job)->open);
}

class OpenJobTest : public BrokerTest {
 protected:
  OpenJobTest() {
    Submission submission{.spec = function("f"), .payloads = payloads({"a"})};
    submission.open = true;
    EXPECT_TRUE(broker->submit({client, ++request}, std::move(submission), now, out));
    settle();
    job = out.submissions.back().answer->job;
    dependent = submit(function("g"), {"x"}, {job});
    worker(w1, "one");
  }

  void expect_that_it_did_not_succeed() {
    EXPECT_FALSE(broker->job(job)->open);
    EXPECT_TRUE(broker->job(job)->incomplete);
    EXPECT_EQ(counts(dependent)[TaskState::cancelled], 1u);
    EXPECT_FALSE(broker->submit(
        {client, ++request}, {.spec = function("g"), .payloads = payloads({"y"}), .after = {job}}, now, out));
  }

  JobId job, dependent;
};

TEST_F(OpenJobTest, DoesNotSucceedWhenItIsCancelledThoughAllItsTasksDid) {
  succeed(w1, out.grants.at(0).fence);
  ASSERT_TRUE(broker->cancel({client, ++request}, job, {}, now, out));
  settle();
  expect_that_it_did_not_succeed();
  restart();
  expect_that_it_did_not_succeed();
}

TEST_F(OpenJobTest, IsClosedAndDoesNotSucceedWhenItsClientStaysAway) {
  const Fence fence = out.grants.at(0).fence;
  broker->session_left(client, now, out);
  pass_with_heartbeats(limits.client_grace + 1s, w1);
  EXPECT_FALSE(broker->job(job)->open);
  succeed(w1, fence);
  ASSERT_TRUE(broker->job(job)->incomplete);
  EXPECT_NE(broker->job(job)->finished, WallTime{});
  EXPECT_EQ(counts(dependent)[TaskState::cancelled], 1u);
}

TEST_F(OpenJobTest, SucceedsWhenItsClientSaidThatThisWasAll) {
  ASSERT_TRUE(broker->close_job({client, ++request}, job, now, out));
  succeed(w1, out.grants.at(0).fence);
  EXPECT_FALSE(broker->job(job)->incomplete);
  EXPECT_EQ(counts(dependent)[TaskState::cancelled], 0u);
}

}  // namespace
}  // namespace reeve::master
