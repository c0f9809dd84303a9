// What one command takes with it: jobs that wait for jobs, queues and clients that go.
#include "tests/unit/master/core/broker_fixture.h"

namespace reeve::master {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr SessionId w1{101}, other_client{2};

TEST_F(BrokerTest, PurgingAQueueCancelsJobsTogetherWithThoseThatWaitForThem) {
  std::vector<JobId> jobs{submit(function("f"))};
  for (int i = 1; i < 30; ++i) jobs.push_back(submit(function("f"), {"x"}, {jobs.back()}));
  ASSERT_TRUE(broker->queue_control({client, 9}, TaskSpec{}.queue, QueueAction::purge, now, out));
  settle();
  for (const JobId job : jobs) EXPECT_EQ(counts(job)[TaskState::cancelled], 1u) << job.value;
}

TEST_F(BrokerTest, ALongChainOfJobsIsCancelledWhenItsFirstOneFails) {
  constexpr int length = 30'000;
  const JobId first = submit(function("f"));
  JobId last = first;
  for (int i = 1; i < length; ++i) {
    Submission submission;
    submission.spec = function("f");
    submission.payloads = payloads({"x"});
    submission.after = {last};
    ASSERT_TRUE(broker->submit({client, ++request}, std::move(submission), now, out));
    last = out.submissions.back().answer->job;
    out.clear();
  }
  worker(w1, "one");
  fail_attempt(w1, out.grants.at(0).fence);
  while (broker->has_more()) settle();
  EXPECT_EQ(counts(last)[TaskState::cancelled], 1u);
}

// The client was given another master's time meanwhile: nobody claims the jobs that it left open.
TEST_F(BrokerTest, OpenJobsOfNobodyEndOnceAlsoWhenOneTakesTheOtherWithIt) {
  const auto open_job = [this](std::vector<JobId> after) {
    Submission submission;
    submission.open = true;
    submission.spec = function("f");
    submission.payloads = payloads({"x"});
    submission.after = std::move(after);
    EXPECT_TRUE(broker->submit({client, ++request}, std::move(submission), now, out));
    settle();
    return out.submissions.back().answer->job;
  };
  const JobId first = open_job({});
  std::vector<JobId> others;
  for (int i = 0; i < 20; ++i) others.push_back(open_job({first}));
  const std::vector<std::uint32_t> one{1};
  for (const JobId job : others) {  // empty and open: its only task was cancelled and fetched
    ASSERT_TRUE(broker->cancel({client, 9}, job, one, now, out));
    broker->fetched(job, one, now, out);
  }
  ASSERT_TRUE(broker->cancel({client, 9}, first, one, now, out));
  settle();
  broker->session_left(client, now, out);
  settle();
  out.clear();
  broker = std::make_unique<Broker>(limits, disk.open(), now, 7);  // the client does not come back
  broker->tick(now, out);
  settle();
  pass(limits.client_grace);
  EXPECT_NE(broker->job(first)->finished, WallTime{});
  for (const JobId job : others) EXPECT_FALSE(broker->job(job)) << job.value;
  restart();
  for (const JobId job : others) EXPECT_FALSE(broker->job(job)) << job.value;
}

// Rare, because what is at the front of the line gets the room of its own tasks: others must have come back meanwhile.
TEST_F(BrokerTest, AJobWhoseClientAndMasterEndedInTheMiddleOfItIsFinishedInTheEnd) {
  ASSERT_TRUE(broker->queue_create({client, 1}, {.name = "narrow", .maxsize = 1}, out));
  TaskSpec lost = function("g"), added = function("f");
  lost.queue = added.queue = "narrow";
  submit(lost, {"l"});
  worker(w1, "one", 1, {"g"});
  Submission submission;
  submission.number = 77;
  submission.spec = added;
  submission.payloads = payloads({"1", "2"});
  submission.wait_for_room = true;
  ASSERT_TRUE(broker->submit({client, ++request}, std::move(submission), now, out));
  settle();
  const JobId job{broker->jobs(true, 1).front().id};
  broker->worker_goodbye(w1, now, out);  // its task is back in the queue, and over its bound
  worker(w1, "two", 1, {"f"});
  ASSERT_TRUE(succeed(w1, out.grants.back().fence));
  ASSERT_EQ(counts(job).total(), 1u) << "the rest waits for room";
  restart();
  const Recovered stored = disk.open();
  pass(limits.client_grace);
  ASSERT_TRUE(broker->job(job));
  EXPECT_NE(broker->job(job)->finished, WallTime{});

  broker = std::make_unique<Broker>(limits, stored, now, 7);  // or as soon as it is cancelled
  broker->client_joined(client, "client-1", now);
  ASSERT_TRUE(broker->cancel({client, ++request}, job, {}, now, out));
  EXPECT_NE(broker->job(job)->finished, WallTime{});
}

TEST_F(BrokerTest, AClientThatWasAwayTwiceIsWaitedForAsLongTheSecondTime) {
  Submission submission;
  submission.number = 5;
  submission.spec = function("f");
  submission.payloads = payloads({"x"});
  ASSERT_TRUE(broker->submit({client, ++request}, submission, now, out));
  settle();
  const JobId job = out.submissions.back().answer->job;
  broker->session_left(client, now, out);
  pass(limits.client_grace - 10s);
  broker->client_joined(other_client, "client-1", now);
  pass(5s);
  broker->session_left(other_client, now, out);
  pass(10s);  // the first absence would have been too long by now, this one is not
  broker->client_joined(client, "client-1", now);
  ASSERT_TRUE(broker->submit({client, ++request}, submission, now, out));
  settle();
  EXPECT_EQ(out.submissions.back().answer->job, job) << "the repeated submission was queued twice";
}

TEST_F(BrokerTest, WhatAClientHasSettledIsForgottenByTheStoreWhenItStaysAway) {
  ASSERT_TRUE(put("q", {"a"}));
  PutValues refused{.number = ++number, .settled = 1, .queue = "", .items = payloads({"b"})};
  EXPECT_FALSE(broker->put({client, ++request}, std::move(refused), now, out));
  settle();
  broker->session_left(client, now, out);
  pass(limits.client_grace);
  EXPECT_THAT(disk.open().submissions, IsEmpty());
}

// Else results would be taken for those of other tasks.
TEST_F(BrokerTest, TheRestOfASubmissionIsRefusedWhenItsJobWasAddedToMeanwhile) {
  ASSERT_TRUE(broker->queue_create({client, 1}, {.name = "narrow", .maxsize = 1}, out));
  Submission submission;
  submission.number = 77;
  submission.open = submission.wait_for_room = true;
  submission.spec = function("f");
  submission.spec.queue = "narrow";
  submission.payloads = payloads({"1", "2"});
  ASSERT_TRUE(broker->submit({client, ++request}, submission, now, out));
  settle();
  const JobId job = broker->jobs(true, 1).front().id;
  broker->session_left(client, now, out);
  broker->client_joined(other_client, "client-2", now);
  worker(w1, "one");
  Submission more = submission;
  more.open = false;
  more.job = job;
  more.payloads = payloads({"another"});
  ASSERT_TRUE(broker->submit({other_client, ++request}, more, now, out));
  broker->client_joined(client, "client-1", now);
  const auto refused = broker->submit({client, ++request}, submission, now, out);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::wrong_state);
  settle();
}

TEST_F(BrokerTest, AfterARestartTheOldestTasksOfAllQueuesGoFirst) {
  TaskSpec a = function("f"), b = function("f");
  a.queue = "a", b.queue = "b";
  submit(a, {"1"});
  submit(b, {"2"});
  submit(a, {"3"});
  submit(b, {"4"});
  restart();
  worker(w1, "one", 4);
  EXPECT_THAT(granted_payloads(), ElementsAre("1", "2", "3", "4"));
}

}  // namespace
}  // namespace reeve::master
