// Commands that concern more tasks than one turn has time for: what holds between the slices.
#include <set>

#include "tests/unit/master/core/broker_fixture.h"

namespace reeve::master {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr SessionId w1{101}, w2{102}, other{2};

class BrokerSliceTest : public BrokerTest {
 protected:
  static constexpr std::uint64_t many = 40;

  BrokerSliceTest() {
    limits.slice_tasks_max = 10;
    limits.chunk_tasks_max = 4;
    start();
  }

  JobId submit_many(TaskSpec spec, std::vector<JobId> after = {}) {
    return submit(std::move(spec), std::vector<std::string>(many, "x"), std::move(after));
  }

  std::uint64_t cancel(JobId job, SessionId by = client) {
    EXPECT_TRUE(broker->cancel({by, ++request}, job, {}, now, out));
    return request;
  }

  void settle_all() {
    while (broker->has_more()) settle();
  }

  std::uint64_t turns() {
    std::uint64_t turns = 0;
    for (; broker->has_more(); ++turns) settle();
    return turns;
  }

  std::optional<std::uint64_t> answer_to(std::uint64_t asked) const {
    for (const auto& done : out.dones)
      if (done.request == asked && done.answer) return *done.answer;
    return std::nullopt;
  }
};

TEST_F(BrokerSliceTest, ACancelTakesAsManyTurnsAsItHasSlicesAndIsAnsweredAfterTheLast) {
  const JobId job = submit_many(function("f"));
  const std::uint64_t asked = cancel(job);
  const std::uint64_t first = counts(job)[TaskState::cancelled];
  EXPECT_GT(first, 0u);
  EXPECT_LE(first, limits.slice_tasks_max + limits.chunk_tasks_max);
  EXPECT_FALSE(answer_to(asked));
  EXPECT_GE(turns(), 2u);
  EXPECT_EQ(counts(job)[TaskState::cancelled], many);
  EXPECT_EQ(answer_to(asked), many);
  EXPECT_NE(broker->job(job)->finished, WallTime{});
}

TEST_F(BrokerSliceTest, OthersAreServedBetweenTheSlices) {
  const JobId job = submit_many(function("f"));
  const std::uint64_t asked = cancel(job);
  submit(function("g"), {"another"});
  worker(w1, "one", 1, {"f", "g"});
  ASSERT_TRUE(put("q", {"a"}));
  ASSERT_FALSE(answer_to(asked)) << "it is under way";
  ASSERT_EQ(out.grants.size(), 1u);
  EXPECT_EQ(out.grants[0].function, "g") << "though the others are older";
  EXPECT_TRUE(succeed(w1, out.grants[0].fence));
  settle_all();
}

TEST_F(BrokerSliceTest, NothingOfTheJobIsGrantedWhileItIsBeingCancelled) {
  TaskSpec urgent = function("f"), delayed = function("f");
  urgent.priority = 9;
  urgent.queue = "urgent";
  ASSERT_TRUE(broker->queue_create({client, 1}, {.name = "urgent", .kind = QueueKind::priority}, out));
  delayed.delay = 1s;
  for (const JobId job : {submit_many(function("f")), submit_many(urgent), submit_many(delayed)}) cancel(job);
  worker(w1, "one", 5);
  pass(2s);
  EXPECT_TRUE(broker->has_more()) << "else this proves nothing";
  settle_all();
  EXPECT_THAT(out.grants, IsEmpty());
}

TEST_F(BrokerSliceTest, WhatRunsIsToldToStopBeforeAnythingElseHappens) {
  const JobId job = submit_many(function("f"));
  worker(w1, "one", 3);
  ASSERT_EQ(out.grants.size(), 3u);
  const JobId big = submit_many(function("f"));
  cancel(big);  // nothing is left of this turn
  const std::uint64_t asked = cancel(job);
  EXPECT_EQ(out.stops.size(), 3u);
  settle_all();
  EXPECT_EQ(out.stops.size(), 3u) << "once each";
  EXPECT_EQ(answer_to(asked), many) << "those that were told to stop are among them";
  EXPECT_EQ(counts(job)[TaskState::leased], 3u);
  for (const auto& grant : out.grants)
    EXPECT_TRUE(broker->complete(w1, grant.fence, {.state = TaskState::cancelled}, now, out));
  EXPECT_NE(broker->job(job)->finished, WallTime{});
}

TEST_F(BrokerSliceTest, WhatEndsByItselfMeanwhileKeepsItsResult) {
  const JobId job = submit_many(function("f"));
  worker(w1, "one", 2);
  cancel(job);
  EXPECT_TRUE(succeed(w1, out.grants.at(0).fence));
  EXPECT_TRUE(fail_attempt(w1, out.grants.at(1).fence));
  settle_all();
  EXPECT_EQ(counts(job)[TaskState::succeeded], 1u);
  EXPECT_EQ(counts(job)[TaskState::cancelled], many - 1);
}

TEST_F(BrokerSliceTest, ASecondCancelJoinsInAndCountsWhatWasLeft) {
  const JobId job = submit_many(function("f"));
  worker(w1, "one", 1);
  broker->client_joined(other, "client-2", now);
  const std::uint64_t first = cancel(job);
  settle();
  const std::uint64_t left = counts(job).unfinished();
  const std::uint64_t second = cancel(job, other);
  EXPECT_EQ(out.stops.size(), 2u) << "whoever asks again may know better";
  EXPECT_FALSE(answer_to(second));
  settle_all();
  EXPECT_EQ(answer_to(first), many);
  EXPECT_EQ(answer_to(second), left);
}

TEST_F(BrokerSliceTest, ItGoesOnWhenWhoAskedIsGone) {
  const JobId job = submit_many(function("f"));
  broker->client_joined(other, "client-2", now);
  const std::uint64_t asked = cancel(job, other);
  broker->session_left(other, now, out);
  settle_all();
  EXPECT_EQ(counts(job)[TaskState::cancelled], many);
  EXPECT_FALSE(answer_to(asked)) << "there is nobody to hear it";
}

TEST_F(BrokerSliceTest, ASmallJobIsNotBehindALargeOne) {
  const JobId large = submit(function("f"), std::vector<std::string>(1000, "x"));
  const JobId small = submit(function("f"));
  cancel(large);
  const std::uint64_t asked = cancel(small);
  for (int turn = 0; turn < 3; ++turn) settle();
  EXPECT_EQ(answer_to(asked), 1u);
  EXPECT_TRUE(broker->has_more());
  settle_all();
}

TEST_F(BrokerSliceTest, AMasterThatDiesInTheMiddleGoesOnAfterItsRestart) {
  const JobId job = submit_many(function("f"));
  worker(w1, "one", 2);
  const auto running = out.grants;
  cancel(job);
  settle();
  restart();
  ASSERT_GT(counts(job).unfinished(), 2u) << "else this proves nothing";
  worker(w2, "two", 5);
  settle_all();
  pass_with_heartbeats(limits.lease + 1s, w2);
  EXPECT_THAT(out.grants, IsEmpty());
  EXPECT_EQ(counts(job)[TaskState::cancelled], many);
  EXPECT_NE(broker->job(job)->finished, WallTime{});
}

TEST_F(BrokerSliceTest, AfterTheRestartWhatRunsIsToldToStopWhenItsWorkerIsBack) {
  const JobId job = submit_many(function("f"));
  worker(w1, "one", 2);
  const std::vector<Fence> held{out.grants.at(0).fence, out.grants.at(1).fence};
  cancel(job);
  settle();
  restart();
  settle_all();
  EXPECT_EQ(counts(job).unfinished(), 2u) << "they may be running";
  EXPECT_THAT(worker(w2, "one", 2, {"f"}, held).dropped, IsEmpty());
  EXPECT_EQ(std::set(out.stops.begin(), out.stops.end()), std::set(held.begin(), held.end()));
  for (const Fence& fence : held)
    EXPECT_TRUE(broker->complete(w2, fence, {.state = TaskState::cancelled}, now, out));
  EXPECT_NE(broker->job(job)->finished, WallTime{});
}

TEST_F(BrokerSliceTest, ATaskThatItsWorkerBringsBackIsToldToStopBeforeItsTurnComes) {
  const JobId job = submit_many(function("f"));
  worker(w1, "one", many);
  const Fence last = out.grants.back().fence;
  restart();
  cancel(job);  // as far as this master knows nothing of it runs
  EXPECT_THAT(worker(w2, "one", 1, {"f"}, {last}).dropped, IsEmpty());
  EXPECT_THAT(out.stops, ElementsAre(last));
  settle_all();
  EXPECT_TRUE(broker->complete(w2, last, {.state = TaskState::cancelled}, now, out));
  EXPECT_EQ(counts(job)[TaskState::cancelled], many);
}

// Its submission waited for room, so that none of its tasks was kept.
TEST_F(BrokerSliceTest, AJobOfWhichNothingWasKeptIsGoneAfterTheRestartThatCutOffItsCancel) {
  ASSERT_TRUE(broker->queue_create({client, ++request}, {.name = "narrow", .maxsize = 1}, out));
  TaskSpec narrow = function("f");
  narrow.queue = "narrow";
  submit(narrow, {"full"});
  Submission submission{
      .number = 77, .spec = narrow, .payloads = payloads({"1", "2"}), .wait_for_room = true};
  ASSERT_TRUE(broker->submit({client, ++request}, std::move(submission), now, out));
  const JobId nobodys{broker->jobs(true, 1).front().id};
  const JobId before = submit_many(function("f"));
  settle();
  cancel(before);  // takes the whole turn
  cancel(nobodys);
  disk.apply(out.records);
  restart();
  worker(w1, "one", 1);
  pass_with_heartbeats(limits.lease + 1s, w1);
  settle_all();
  EXPECT_FALSE(broker->job(nobodys));
  EXPECT_EQ(counts(before)[TaskState::cancelled], many);
}

TEST_F(BrokerSliceTest, JobsThatWaitForItAreCancelledInTheirTurnAlsoAfterARestart) {
  const JobId first = submit_many(function("f"));
  const JobId second = submit_many(function("f"), {first});
  const JobId third = submit_many(function("f"), {second});
  cancel(first);
  while (broker->job(first)->finished == WallTime{}) settle();
  settle();
  ASSERT_EQ(broker->job(second)->finished, WallTime{});
  restart();
  worker(w1, "one", 5);
  settle_all();
  pass_with_heartbeats(limits.lease + 1s, w1);
  EXPECT_THAT(out.grants, IsEmpty());
  for (const JobId job : {second, third}) EXPECT_EQ(counts(job)[TaskState::cancelled], many);
  EXPECT_EQ(disk.outcomes().at({second, many}).error, fmt::format("job {} did not succeed", first));
}

TEST_F(BrokerSliceTest, WhatTheJobWaitedForEndsMeanwhileAndStartsNothing) {
  const JobId first = submit(function("f"), {"first"});
  const JobId second = submit_many(function("f"), {first});
  worker(w1, "one", 5);
  cancel(second);
  EXPECT_TRUE(succeed(w1, out.grants.at(0).fence));
  settle_all();
  EXPECT_EQ(out.grants.size(), 1u);
  EXPECT_EQ(counts(second)[TaskState::cancelled], many);
}

TEST_F(BrokerSliceTest, WhatWaitsForRoomIsLetInAndCancelledWithTheRest) {
  ASSERT_TRUE(broker->queue_create({client, 1}, {.name = "narrow", .maxsize = 30}, out));
  TaskSpec spec = function("f");
  spec.queue = "narrow";
  submit(spec, std::vector<std::string>(20, "x"));
  Submission submission;
  submission.spec = spec;
  submission.payloads = payloads(std::vector<std::string>(many, "x"));
  submission.wait_for_room = true;
  ASSERT_TRUE(broker->submit({client, ++request}, std::move(submission), now, out));
  settle();
  const JobId job = broker->jobs(true, 1).front().id;
  ASSERT_EQ(counts(job).total(), 10u);
  const std::uint64_t asked = cancel(job);
  settle_all();
  EXPECT_EQ(answer_to(asked), many);
  EXPECT_EQ(counts(job)[TaskState::cancelled], many);
  EXPECT_EQ(out.submissions.back().answer->count, many);
  EXPECT_EQ(broker->queue("narrow")->size(), 20u);
}

TEST_F(BrokerSliceTest, AnOpenJobTakesNoMoreAndEnds) {
  Submission submission;
  submission.open = true;
  submission.spec = function("f");
  submission.payloads = payloads(std::vector<std::string>(many, "x"));
  ASSERT_TRUE(broker->submit({client, ++request}, submission, now, out));
  settle();
  const JobId job = out.submissions.back().answer->job;
  cancel(job);
  submission.job = job;
  EXPECT_FALSE(broker->submit({client, ++request}, submission, now, out));
  settle_all();
  EXPECT_NE(broker->job(job)->finished, WallTime{});
  EXPECT_TRUE(broker->job(job)->incomplete);
}

TEST_F(BrokerSliceTest, RetryAndForgetAreRefusedUntilItIsOver) {
  const JobId job = submit_many(function("f"));
  cancel(job);
  const auto plan = broker->plan_retry(job, {});
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().code, Errc::wrong_state);
  RetryPlan none;
  EXPECT_FALSE(broker->retry({client, ++request}, job, none, {}, now, out));
  EXPECT_FALSE(broker->forget({client, ++request}, job, out));
  settle_all();
  EXPECT_TRUE(broker->forget({client, ++request}, job, out));
}

TEST_F(BrokerSliceTest, WhatIsRetriedAfterwardsRunsAlsoWhenTheMasterRestarts) {
  const JobId job = submit_many(function("f"));
  worker(w1, "one", 1);
  cancel(job);
  settle_all();
  ASSERT_EQ(broker->job(job)->finished, WallTime{}) << "one of it has not stopped yet";
  const std::vector<std::uint32_t> last{many};
  auto plan = broker->plan_retry(job, last);
  ASSERT_TRUE(plan);
  std::vector<ChunkRecord> stored{
      {.job = job,
       .first = many - 3,
       .payloads = std::make_shared<Payloads>(payloads({"x", "x", "x", "again"}))}};
  ASSERT_TRUE(broker->retry({client, ++request}, job, *plan, std::move(stored), now, out));
  settle();
  restart();
  worker(w2, "two", 5);
  pass_with_heartbeats(limits.lease + 1s, w2);
  EXPECT_THAT(granted_payloads(), ElementsAre("x")) << "as the store has it";
  EXPECT_EQ(counts(job)[TaskState::cancelled], many - 1);
}

TEST_F(BrokerSliceTest, ALargeJobIsRetriedInPortionsAndDoesNotEndBetweenThem) {
  const JobId job = submit_many(function("f"));
  cancel(job);
  settle_all();
  worker(w1, "one", many);
  const auto chunks_of = [job](const RetryPlan& plan) {
    std::vector<ChunkRecord> stored;
    for (const auto& [first, last] : plan.chunks)
      stored.push_back({.job = job,
                        .first = first,
                        .payloads = std::make_shared<Payloads>(payloads({"x", "x", "x", "x"}))});
    return stored;
  };
  auto plan = broker->plan_retry(job, {});
  ASSERT_TRUE(plan);
  const std::uint64_t asked = ++request;
  std::uint64_t portions = 1;
  for (;; ++portions) {
    EXPECT_LE(plan->indices.size(), limits.slice_tasks_max + limits.chunk_tasks_max);
    ASSERT_TRUE(broker->retry({client, asked}, job, *plan, chunks_of(*plan), now, out));
    settle();
    if (plan->next == 0) break;
    EXPECT_FALSE(answer_to(asked));
    for (const auto& grant : std::exchange(out.grants, {})) ASSERT_TRUE(succeed(w1, grant.fence));
    EXPECT_EQ(counts(job).unfinished(), 0u);
    EXPECT_EQ(broker->job(job)->finished, WallTime{}) << "there is more to come";
    ASSERT_TRUE(broker->plan_next(job, *plan));
  }
  EXPECT_GE(portions, 3u);
  EXPECT_EQ(answer_to(asked), many);
  for (const auto& grant : std::exchange(out.grants, {})) ASSERT_TRUE(succeed(w1, grant.fence));
  EXPECT_EQ(counts(job)[TaskState::succeeded], many);
  EXPECT_NE(broker->job(job)->finished, WallTime{});
}

TEST_F(BrokerSliceTest, ACancelEndsARetryThatIsUnderWay) {
  const JobId job = submit_many(function("f"));
  cancel(job);
  settle_all();
  auto plan = broker->plan_retry(job, {});
  ASSERT_TRUE(plan);
  std::vector<ChunkRecord> stored;
  for (const auto& [first, last] : plan->chunks)
    stored.push_back(
        {.job = job, .first = first, .payloads = std::make_shared<Payloads>(payloads({"x", "x", "x", "x"}))});
  ASSERT_TRUE(broker->retry({client, ++request}, job, *plan, std::move(stored), now, out));
  ASSERT_NE(plan->next, 0u);
  cancel(job);
  settle_all();
  EXPECT_FALSE(broker->plan_next(job, *plan));
  EXPECT_FALSE(broker->retry({client, ++request}, job, *plan, {}, now, out));
  broker->give_up_retry(job, *plan, now, out);
  EXPECT_EQ(counts(job)[TaskState::cancelled], many);
  EXPECT_NE(broker->job(job)->finished, WallTime{});
}

TEST_F(BrokerSliceTest, WatchersHearOfEachEndAndTheResultsKeepTheirOrder) {
  TaskSpec spec = function("f");
  spec.result_queue = "results";
  const JobId job = submit_many(spec);
  ASSERT_TRUE(broker->watch({client, ++request}, job, true, false, now, out));
  cancel(job);
  settle_all();
  std::vector<std::uint32_t> told, wanted;
  for (const auto& outcome : out.outcomes) told.push_back(outcome.task.index);
  for (std::uint32_t i = 1; i <= many; ++i) wanted.push_back(i);
  EXPECT_EQ(told, wanted);
  EXPECT_NE(out.job_changes.back().finished, WallTime{});
  out.clear();
  ASSERT_TRUE(get("results", false, 0s, client, 100));
  std::vector<std::uint32_t> order;
  for (const auto& value : *out.gots.back().answer) order.push_back(value.from.index);
  EXPECT_EQ(order, wanted);
}

TEST_F(BrokerSliceTest, AQueueIsPurgedInSlicesAndGivesNothingMeanwhile) {
  const JobId running = submit(function("f"), {"first"});
  worker(w1, "one", 1);
  const JobId job = submit_many(function("f"));
  broker->worker_capacity(w1, 10);
  ASSERT_TRUE(broker->queue_control({client, ++request}, TaskSpec{}.queue, QueueAction::purge, now, out));
  const std::uint64_t asked = request;
  const JobId later = submit(function("f"), {"later"});
  ASSERT_FALSE(answer_to(asked));
  settle_all();
  EXPECT_EQ(answer_to(asked), many);
  EXPECT_EQ(counts(job)[TaskState::cancelled], many);
  EXPECT_EQ(counts(running)[TaskState::leased], 1u) << "it is in a worker's hands";
  settle();
  EXPECT_THAT(granted_payloads(), ElementsAre("first", "later")) << "what came meanwhile stays";
  EXPECT_EQ(counts(later)[TaskState::leased], 1u);
}

TEST_F(BrokerSliceTest, ValuesArePurgedInSlicesWhileOthersWaitAtTheQueue) {
  ASSERT_TRUE(broker->queue_create({client, 1}, {.name = "q", .maxsize = many}, out));
  ASSERT_TRUE(put("q", std::vector<std::string>(many, "old")));
  ASSERT_TRUE(put("q", {"new"}));  // waits for room
  ASSERT_TRUE(broker->queue_control({client, ++request}, "q", QueueAction::purge, now, out));
  const std::uint64_t asked = request;
  ASSERT_TRUE(broker->get({client, ++request}, {"q", 1, true, 0s}, now, out));
  EXPECT_FALSE(broker->queue_control({client, ++request}, "q", QueueAction::remove, now, out));
  ASSERT_FALSE(answer_to(asked));
  settle_all();
  EXPECT_EQ(answer_to(asked), many);
  ASSERT_EQ(out.gots.size(), 1u);
  EXPECT_EQ(out.gots[0].answer->at(0).value, "new");
}

TEST_F(BrokerSliceTest, ResultsAreFetchedMeanwhile) {
  const JobId job = submit_many(function("f"));
  cancel(job);
  while (broker->has_more()) {
    std::vector<std::uint32_t> ended;
    for (const auto& [task, outcome] : disk.outcomes()) ended.push_back(task.index);
    broker->fetched(job, ended, now, out);
    settle();
  }
  std::vector<std::uint32_t> all;
  for (std::uint32_t i = 1; i <= many; ++i) all.push_back(i);
  broker->fetched(job, all, now, out);
  settle();
  EXPECT_FALSE(broker->job(job)) << "nothing of it is needed any more";
}

}  // namespace
}  // namespace reeve::master
