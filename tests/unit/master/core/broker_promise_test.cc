// Promises of which each was once broken on purpose, and no other test of the Broker noticed.
#include <map>

#include "tests/unit/master/core/broker_fixture.h"

namespace reeve::master {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr SessionId first{10}, second{11}, other{2};

class PromiseTest : public BrokerTest {
 protected:
  void queue_of_kind(std::string name, QueueKind kind, std::uint64_t maxsize = 0) {
    ASSERT_TRUE(broker->queue_create({client, ++request},
                                     {.name = std::move(name), .kind = kind, .maxsize = maxsize}, out));
    settle();
  }
  TaskSpec with_priority(std::int32_t priority) {
    TaskSpec spec = function("f");
    spec.priority = priority;
    return spec;
  }
  void watch(JobId job) {
    ASSERT_TRUE(broker->watch({client, ++request}, job, true, false, now, out));
    settle();
  }
  std::vector<std::string> last_values() const {
    std::vector<std::string> values;
    for (const auto& value : *out.gots.back().answer) values.push_back(value.value);
    return values;
  }
  // All of them, one after the other.
  std::vector<std::string> order_of_tasks(SessionId session, std::size_t count) {
    std::vector<std::string> order;
    for (std::size_t i = 0; i < count && !out.grants.empty(); ++i) {
      order.push_back(out.grants.back().payload);
      succeed(session, out.grants.back().fence);
    }
    return order;
  }
};

// ---- who is told what

TEST_F(PromiseTest, AWatcherHearsOfEveryOutcomeAsItIsKept) {
  const JobId job = submit(function("f"), {"a", "b", "c"});
  watch(job);
  worker(first, "w", 3);
  for (const auto& grant : std::vector{out.grants}) succeed(first, grant.fence, "result of " + grant.payload);
  ASSERT_THAT(out.outcomes, SizeIs(3));
  for (const auto& told : out.outcomes) {
    const Outcome& kept = disk.outcomes().at(told.task);
    EXPECT_EQ(told.outcome.value, kept.value);
    EXPECT_EQ(told.outcome.state, kept.state);
    EXPECT_EQ(told.outcome.attempt, kept.attempt);
  }
}

TEST_F(PromiseTest, WhoeverWatchesAJobTwiceHearsOfEachOutcomeOnce) {
  const JobId job = submit(function("f"));
  watch(job);
  watch(job);
  worker(first, "w");
  succeed(first, out.grants.back().fence);
  EXPECT_THAT(out.outcomes, SizeIs(1));
}

TEST_F(PromiseTest, ResultsThatEndInOneTurnStandInTheirQueueEachAsItsOwn) {
  TaskSpec spec = function("f");
  spec.result_queue = "results";
  submit(spec, {"a", "b"});
  worker(first, "w", 2);
  for (const auto& grant : std::vector{out.grants})
    ASSERT_TRUE(broker->complete(first, grant.fence, {.value = "result of " + grant.payload}, now, out));
  settle();
  ASSERT_TRUE(get("results", false, 0s, client, 2));
  EXPECT_THAT(last_values(), ElementsAre("result of a", "result of b"));
}

// ---- order

TEST_F(PromiseTest, ALifoIsALifoAfterARestart) {
  queue_of_kind("stack", QueueKind::lifo);
  TaskSpec spec = function("f");
  spec.queue = "stack";
  submit(spec, {"a", "b", "c"});
  restart();
  worker(first, "w");
  EXPECT_THAT(order_of_tasks(first, 3), ElementsAre("c", "b", "a"));
}

TEST_F(PromiseTest, PrioritiesCountAfterARestart) {
  submit(with_priority(1), {"low"});
  submit(with_priority(2), {"high"});
  restart();
  worker(first, "w");
  EXPECT_THAT(order_of_tasks(first, 2), ElementsAre("high", "low"));
}

TEST_F(PromiseTest, ATaskThatIsTriedAgainKeepsItsPriority) {
  TaskSpec spec = with_priority(2);
  spec.retries = 1;
  spec.backoff = 1s;
  submit(spec, {"again"});
  worker(first, "w");
  fail_attempt(first, out.grants.back().fence);
  broker->worker_capacity(first, 0);
  submit(with_priority(1), {"low"});
  pass(2s);
  broker->worker_capacity(first, 1);
  settle();
  EXPECT_EQ(out.grants.back().payload, "again");
}

TEST_F(PromiseTest, WhatALostWorkerHeldGoesFirst) {
  submit(function("f"), {"held", "next"});
  worker(first, "w");
  broker->session_left(first, now, out);
  pass(limits.lease + 1s);
  worker(second, "v");
  EXPECT_EQ(out.grants.back().payload, "held");
}

TEST_F(PromiseTest, BetweenQueuesOfOnePriorityTheOldestGoesFirst) {
  TaskSpec spec = function("f");
  spec.queue = "a";
  submit(spec, {"old"});
  spec.queue = "b";
  submit(spec, {"new"});
  worker(first, "w");
  EXPECT_THAT(order_of_tasks(first, 2), ElementsAre("old", "new"));
}

TEST_F(PromiseTest, ValuesOfHigherPriorityComeOutFirst) {
  PutValues values;
  values.queue = "q";
  for (const auto& [priority, text] : {std::pair{0, "low"}, std::pair{5, "high"}}) {
    values.number = ++number;
    values.priority = priority;
    values.items = payloads({text});
    ASSERT_TRUE(broker->put({client, ++request}, values, now, out));
  }
  settle();
  ASSERT_TRUE(get("q", false, 0s, client, 2));
  EXPECT_THAT(last_values(), ElementsAre("high", "low"));
}

// ---- waiting

TEST_F(PromiseTest, WhoWaitsLongestForAValueGetsTheFirst) {
  broker->client_joined(other, "client-2", now);
  ASSERT_TRUE(get("q", true, 0s, other));
  ASSERT_TRUE(get("q"));
  ASSERT_TRUE(put("q", {"a"}));
  ASSERT_THAT(out.gots, SizeIs(1));
  EXPECT_EQ(out.gots.back().to, other);
}

TEST_F(PromiseTest, AJoinWakesEverybodyWhoWaits) {
  broker->client_joined(other, "client-2", now);
  ASSERT_TRUE(put("q", {"a"}));
  ASSERT_TRUE(broker->join({client, ++request}, "q", 0s, now, out));
  ASSERT_TRUE(broker->join({other, ++request}, "q", 0s, now, out));
  ASSERT_TRUE(get("q"));
  take_last();
  out.dones.clear();
  ASSERT_TRUE(broker->task_done({client, ++request}, "q", 1, now, out));
  EXPECT_THAT(out.dones, SizeIs(3));  // of both joins, and of task_done
}

TEST_F(PromiseTest, APutThatWaitsDoesNotGiveUpBeforeItsTime) {
  queue_of_kind("small", QueueKind::fifo, 1);
  ASSERT_TRUE(put("small", {"a"}));
  out.submissions.clear();
  ASSERT_TRUE(put("small", {"b"}, true, 10s));
  pass(9s);
  EXPECT_THAT(out.submissions, IsEmpty());
  pass(1s);
  EXPECT_THAT(out.submissions, SizeIs(1));
}

TEST_F(PromiseTest, NothingIsTakenOutOfAPausedQueue) {
  ASSERT_TRUE(put("q", {"a"}));
  ASSERT_TRUE(broker->queue_control({client, ++request}, "q", QueueAction::pause, now, out));
  EXPECT_FALSE(get("q", false));
  ASSERT_TRUE(get("q"));
  EXPECT_THAT(out.gots, IsEmpty());
  ASSERT_TRUE(broker->queue_control({client, ++request}, "q", QueueAction::resume, now, out));
  EXPECT_THAT(last_values(), ElementsAre("a"));
}

TEST_F(PromiseTest, APausedQueueIsPausedAfterARestart) {
  submit(function("f"));
  ASSERT_TRUE(broker->queue_control({client, ++request}, "default", QueueAction::pause, now, out));
  settle();
  restart();
  worker(first, "w");
  EXPECT_THAT(out.grants, IsEmpty());
}

TEST_F(PromiseTest, TasksThatWaitForTheirTimeTakeRoomInABoundedQueue) {
  queue_of_kind("small", QueueKind::fifo, 2);
  TaskSpec spec = function("f");
  spec.queue = "small";
  spec.delay = 1h;
  submit(spec, {"a", "b"});
  EXPECT_FALSE(put("small", {"c"}, false));
}

// ---- how tasks end

TEST_F(PromiseTest, ATaskThatWasCancelledIsNotTriedAgainWhenItFails) {
  TaskSpec spec = function("f");
  spec.retries = 5;
  const JobId job = submit(spec);
  worker(first, "w");
  ASSERT_TRUE(broker->cancel({client, ++request}, job, {}, now, out));
  fail_attempt(first, out.grants.back().fence);
  EXPECT_EQ(counts(job)[TaskState::cancelled], 1u);
}

TEST_F(PromiseTest, ATaskSurvivesAsManyLostWorkersAsItsLimitSays) {
  const JobId job = submit(function("f"));
  for (std::uint32_t lost = 1; lost <= limits.crash_limit; ++lost) {
    EXPECT_EQ(counts(job)[TaskState::failed], 0u) << "after " << lost - 1;
    const SessionId session{100 + lost};
    worker(session, fmt::format("w{}", lost));
    broker->worker_goodbye(session, now, out);
    settle();
  }
  EXPECT_EQ(counts(job)[TaskState::failed], 1u);
}

// ---- who is there

TEST_F(PromiseTest, AClientThatIsBackIsRememberedForAsLongAsItStays) {
  Submission submission;
  submission.number = ++number;
  submission.spec = function("f");
  submission.payloads = payloads({"x"});
  ASSERT_TRUE(broker->submit({client, ++request}, submission, now, out));
  broker->session_left(client, now, out);
  pass(limits.client_grace / 2);
  broker->client_joined(client, "client-1", now);
  pass(limits.client_grace * 2);
  broker->client_joined(other, "client-1", now);
  ASSERT_TRUE(broker->submit({other, ++request}, submission, now, out));
  EXPECT_EQ(out.submissions.front().answer->job, out.submissions.back().answer->job);
}

TEST_F(PromiseTest, WhatIsNotSettledIsRememberedAcrossARestart) {
  constexpr std::uint64_t unsettled = 10;
  Submission submission;
  submission.spec = function("f");
  submission.payloads = payloads({"x"});
  std::map<std::uint64_t, JobId> jobs;
  const auto submit_number = [&](std::uint64_t n) {
    submission.number = n;
    EXPECT_TRUE(broker->submit({client, ++request}, submission, now, out));
    settle();
    return out.submissions.back().answer->job;
  };
  for (std::uint64_t n = 1; n <= 600; ++n) {
    submission.settled = n > unsettled ? n - unsettled : 0;
    jobs[n] = submit_number(n);
    if (n % 3 != 0) continue;  // now and then all that may be repeated is repeated
    restart();
    for (std::uint64_t again = submission.settled + 1; again <= n; ++again)
      ASSERT_EQ(submit_number(again), jobs[again]) << "submission " << again;
  }
}

TEST_F(PromiseTest, AWorkerThatIsBackIsNotLostWithItsOldConnection) {
  worker(first, "w");
  worker(second, "w");
  broker->session_left(first, now, out);
  settle();
  submit(function("f"));
  ASSERT_THAT(out.grants, SizeIs(1));
  EXPECT_EQ(out.grants.back().to, second);
}

TEST_F(PromiseTest, WorkersHaveAWholeLeaseToComeBackAfterARestart) {
  submit(function("f"));
  worker(first, "w");
  const Fence held = out.grants.back().fence;
  restart();
  worker(second, "v");
  pass_with_heartbeats(limits.lease - 1s, second);
  EXPECT_THAT(out.grants, IsEmpty());
  EXPECT_THAT(worker(first, "w", 1, {"f"}, {held}).dropped, IsEmpty());
}

}  // namespace
}  // namespace reeve::master
