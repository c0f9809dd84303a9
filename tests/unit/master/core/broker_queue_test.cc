// Values: put, get, bounded queues, join and task_done.
#include "tests/unit/master/core/broker_fixture.h"

namespace reeve::master {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr SessionId other{2};

class BrokerQueueTest : public BrokerTest {
 protected:
  std::vector<std::string> last_values() const {
    std::vector<std::string> values;
    for (const auto& value : *out.gots.back().answer) values.push_back(value.value);
    return values;
  }
  void bounded(std::string name, std::uint64_t maxsize) {
    ASSERT_TRUE(
        broker->queue_create({client, ++request}, {.name = std::move(name), .maxsize = maxsize}, out));
  }
  QueueView queue(std::string_view name) const { return (*broker->queues(name))[0]; }
};

TEST_F(BrokerQueueTest, ValuesComeOutInTheOrderInWhichTheyWentIn) {
  ASSERT_TRUE(put("q", {"a", "b", "c"}));
  ASSERT_TRUE(get("q", true, 0s, client, 2));
  EXPECT_THAT(last_values(), ElementsAre("a", "b"));
}

TEST_F(BrokerQueueTest, AnAnswerHoldsNoMoreBytesThanItMayButAtLeastOneValue) {
  limits.answer_max_bytes = 10;
  restart();
  ASSERT_TRUE(put("q", {"four", "four", "four", "more than ten bytes"}));
  ASSERT_TRUE(broker->peek({client, ++request}, "q", 10, out));
  EXPECT_THAT(last_values(), SizeIs(2));
  ASSERT_TRUE(get("q", true, 0s, client, 10));
  EXPECT_THAT(last_values(), SizeIs(2));
  ASSERT_TRUE(get("q", true, 0s, client, 10));
  EXPECT_THAT(last_values(), ElementsAre("four"));
  ASSERT_TRUE(get("q", true, 0s, client, 10));
  EXPECT_THAT(last_values(), ElementsAre("more than ten bytes"));
}

TEST_F(BrokerQueueTest, AGetFromAnEmptyQueueWaitsForAPut) {
  ASSERT_TRUE(get("q"));
  EXPECT_THAT(out.gots, IsEmpty());
  ASSERT_TRUE(put("q", {"a"}));
  ASSERT_THAT(out.gots, SizeIs(1));
  EXPECT_THAT(last_values(), ElementsAre("a"));
}

TEST_F(BrokerQueueTest, AGetThatMustNotWaitFailsOnAnEmptyQueue) {
  const auto refused = get("q", false);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::queue_empty);
}

TEST_F(BrokerQueueTest, AGetGivesUpAfterItsTime) {
  ASSERT_TRUE(get("q", true, 5s));
  pass(5s);
  ASSERT_THAT(out.gots, SizeIs(1));
  EXPECT_EQ(out.gots[0].answer.error().code, Errc::queue_empty);
  ASSERT_TRUE(put("q", {"a"}));
  EXPECT_EQ(queue("q").ready, 1u) << "it went to nobody";
}

TEST_F(BrokerQueueTest, AValueThatItsTakerDidNotAcknowledgeGoesBackToTheFront) {
  broker->client_joined(other, "client-2", now);
  ASSERT_TRUE(put("q", {"a", "b", "c"}));
  ASSERT_TRUE(get("q", true, 0s, other, 2));
  broker->session_left(other, now, out);
  ASSERT_TRUE(get("q", true, 0s, client, 3));
  EXPECT_THAT(last_values(), ElementsAre("a", "b", "c"));
}

TEST_F(BrokerQueueTest, ValuesOfAClientThatLeftComeInTheirOrderToThoseWhoWait) {
  broker->client_joined(other, "client-2", now);
  ASSERT_TRUE(put("q", {"a", "b", "c"}));
  ASSERT_TRUE(get("q", true, 0s, client, 3));
  ASSERT_TRUE(get("q", true, 0s, other));
  ASSERT_TRUE(get("q", true, 0s, other, 2));
  broker->session_left(client, now, out);
  settle();
  ASSERT_EQ(out.gots.size(), 3u);
  EXPECT_EQ(out.gots[1].answer->front().value, "a");
  EXPECT_THAT(last_values(), ElementsAre("b", "c"));
}

TEST_F(BrokerQueueTest, AWaiterThatLeftTakesNothing) {
  broker->client_joined(other, "client-2", now);
  ASSERT_TRUE(get("q", true, 0s, other));
  broker->session_left(other, now, out);
  ASSERT_TRUE(put("q", {"a"}));
  EXPECT_EQ(queue("q").ready, 1u);
}

TEST_F(BrokerQueueTest, AValueThatWasTakenStaysTakenAcrossARestart) {
  ASSERT_TRUE(put("q", {"a", "b"}));
  ASSERT_TRUE(get("q"));
  take_last();
  restart();
  ASSERT_TRUE(get("q"));
  EXPECT_THAT(last_values(), ElementsAre("b"));
}

TEST_F(BrokerQueueTest, ARestartKeepsTheOrderAlsoWhenTheClockWasSetBackBetweenTwoPuts) {
  ASSERT_TRUE(put("q", {"a"}));
  now.wall -= 1h;
  ASSERT_TRUE(put("q", {"b"}));
  restart();
  ASSERT_TRUE(get("q"));
  EXPECT_THAT(last_values(), ElementsAre("a"));
  now.wall -= 1h;
  ASSERT_TRUE(put("q", {"c"}));
  restart();
  ASSERT_TRUE(get("q", true, 0s, client, 3));
  EXPECT_THAT(last_values(), ElementsAre("a", "b", "c"));
}

TEST_F(BrokerQueueTest, TheIndicesOfValuesAreNeverGivenTwice) {
  ASSERT_TRUE(put("q", {"a"}));
  ASSERT_TRUE(get("q"));
  const TaskId first = (*out.gots.back().answer)[0].id;
  take_last();
  restart();
  ASSERT_TRUE(put("q", {"b"}));
  ASSERT_TRUE(get("q"));
  EXPECT_NE((*out.gots.back().answer)[0].id, first);
}

TEST_F(BrokerQueueTest, APutIntoAFullQueueWaitsForRoom) {
  bounded("q", 2);
  ASSERT_TRUE(put("q", {"a", "b", "c"}));
  EXPECT_THAT(out.submissions, IsEmpty());
  EXPECT_EQ(queue("q").ready, 2u);
  ASSERT_TRUE(get("q"));
  EXPECT_THAT(out.submissions, SizeIs(1));
  EXPECT_EQ(queue("q").ready, 2u);
}

TEST_F(BrokerQueueTest, APutThatMustNotWaitFailsOnAFullQueueAndLeavesNothingBehind) {
  bounded("q", 2);
  const auto refused = put("q", {"a", "b", "c"}, false);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::queue_full);
  EXPECT_EQ(queue("q").ready, 0u);
}

TEST_F(BrokerQueueTest, APutGivesUpAfterItsTime) {
  bounded("q", 1);
  ASSERT_TRUE(put("q", {"a"}));
  out.clear();
  ASSERT_TRUE(put("q", {"b"}, true, 5s));
  pass(5s);
  ASSERT_THAT(out.submissions, SizeIs(1));
  EXPECT_EQ(out.submissions[0].answer.error().code, Errc::queue_full);
}

TEST_F(BrokerQueueTest, BlockedPutsGetInInTheirOrder) {
  bounded("q", 1);
  ASSERT_TRUE(put("q", {"a"}));
  ASSERT_TRUE(put("q", {"b", "c"}));
  ASSERT_TRUE(put("q", {"d"}));
  std::vector<std::string> seen;
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(get("q"));
    seen.push_back(last_values().at(0));
    take_last();
  }
  EXPECT_THAT(seen, ElementsAre("a", "b", "c", "d"));
}

TEST_F(BrokerQueueTest, APutGoesOnWhenThoseWhoWaitForValuesMakeRoomForTheRestOfIt) {
  bounded("q", 1);
  ASSERT_TRUE(get("q"));
  ASSERT_TRUE(get("q"));
  ASSERT_TRUE(put("q", {"a", "b", "c"}));
  ASSERT_THAT(out.gots, SizeIs(2));
  EXPECT_THAT(last_values(), ElementsAre("b"));
  EXPECT_EQ(queue("q").ready, 1u);
  EXPECT_THAT(out.submissions, SizeIs(1)) << "all of it is in";
}

TEST_F(BrokerQueueTest, TheRestOfABlockedPutGoesBeforeTheNextOneAlsoWhenThoseWhoWaitForValuesMakeTheRoom) {
  bounded("q", 1);
  TaskSpec spec = function("f");
  spec.queue = "q";
  submit(spec);
  ASSERT_TRUE(get("q"));
  ASSERT_TRUE(put("q", {"a", "b"}));
  ASSERT_TRUE(put("q", {"c"}));
  worker(SessionId{101}, "one");  // takes the task, which makes room
  EXPECT_THAT(last_values(), ElementsAre("a"));
  ASSERT_TRUE(get("q"));
  EXPECT_THAT(last_values(), ElementsAre("b"));
  ASSERT_TRUE(get("q"));
  EXPECT_THAT(last_values(), ElementsAre("c"));
}

TEST_F(BrokerQueueTest, ABlockedSubmissionFinishesItsJobOnlyWithAllItsTasks) {
  bounded("q", 1);
  TaskSpec spec = function("f");
  spec.queue = "q";
  Submission submission;
  submission.number = ++number;
  submission.spec = spec;
  submission.payloads = payloads({"a", "b"});
  submission.wait_for_room = true;
  ASSERT_TRUE(broker->submit({client, 1}, std::move(submission), now, out));
  settle();
  worker(SessionId{101}, "one");
  ASSERT_THAT(out.submissions, SizeIs(1)) << "the first task left the queue";
  succeed(SessionId{101}, out.grants[0].fence);
  ASSERT_THAT(out.grants, SizeIs(2));
  const JobId job = out.submissions[0].answer->job;
  EXPECT_EQ(broker->job(job)->finished, WallTime{});
  succeed(SessionId{101}, out.grants[1].fence);
  EXPECT_NE(broker->job(job)->finished, WallTime{});
}

TEST_F(BrokerQueueTest, JoinWakesWhenEverythingTakenIsDone) {
  ASSERT_TRUE(put("q", {"a", "b"}));
  ASSERT_TRUE(broker->join({client, 50}, "q", 0s, now, out));
  ASSERT_TRUE(get("q", true, 0s, client, 2));
  take_last();
  ASSERT_TRUE(broker->task_done({client, 51}, "q", 1, now, out));
  ASSERT_THAT(out.dones, SizeIs(1));
  ASSERT_TRUE(broker->task_done({client, 52}, "q", 1, now, out));
  ASSERT_THAT(out.dones, SizeIs(3));
  EXPECT_EQ(out.dones.back().request, 50u);
}

TEST_F(BrokerQueueTest, WhatWasTakenAndIsNotDoneIsUnfinishedAlsoAfterARestart) {
  ASSERT_TRUE(put("q", {"a"}));
  ASSERT_TRUE(get("q"));
  take_last();
  restart();
  EXPECT_EQ(queue("q").unfinished, 1u);
  ASSERT_TRUE(broker->join({client, 50}, "q", 0s, now, out));
  EXPECT_THAT(out.dones, IsEmpty());
  ASSERT_TRUE(broker->task_done({client, 51}, "q", 1, now, out));
  EXPECT_THAT(out.dones, SizeIs(2));
}

TEST_F(BrokerQueueTest, TaskDoneOncTooOftenIsAnError) {
  ASSERT_TRUE(put("q", {"a"}));
  const auto refused = broker->task_done({client, 1}, "q", 1, now, out);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::wrong_state);
}

TEST_F(BrokerQueueTest, JoinGivesUpAfterItsTime) {
  ASSERT_TRUE(put("q", {"a"}));
  ASSERT_TRUE(broker->join({client, 50}, "q", 5s, now, out));
  pass(5s);
  ASSERT_THAT(out.dones, SizeIs(1));
  EXPECT_EQ(out.dones[0].answer.error().code, Errc::timed_out);
}

TEST_F(BrokerQueueTest, PeekShowsAndTakesNothing) {
  ASSERT_TRUE(put("q", {"a", "b"}));
  ASSERT_TRUE(broker->peek({client, 1}, "q", 5, out));
  EXPECT_THAT(last_values(), ElementsAre("a", "b"));
  EXPECT_EQ(queue("q").ready, 2u);
}

TEST_F(BrokerQueueTest, PurgeEmptiesAQueueAndThenItCanBeRemoved) {
  ASSERT_TRUE(put("q", {"a", "b"}));
  EXPECT_FALSE(broker->queue_control({client, 1}, "q", QueueAction::remove, now, out));
  ASSERT_TRUE(broker->queue_control({client, 2}, "q", QueueAction::purge, now, out));
  settle();
  ASSERT_TRUE(broker->queue_control({client, 3}, "q", QueueAction::remove, now, out));
  settle();
  EXPECT_FALSE(broker->queues("q"));
  restart();
  EXPECT_FALSE(broker->queues("q"));
}

TEST_F(BrokerQueueTest, ValuesThatWereTakenAndNotReportedDoneDoNotKeepAQueueFromBeingRemoved) {
  ASSERT_TRUE(put("q", {"a"}));
  ASSERT_TRUE(get("q"));
  const auto handed_out = broker->queue_control({client, 1}, "q", QueueAction::remove, now, out);
  ASSERT_FALSE(handed_out) << "it would be lost if its taker ended before it arrived";
  EXPECT_THAT(handed_out.error().detail, testing::HasSubstr("1 are in work"));
  take_last();
  EXPECT_EQ(queue("q").unfinished, 1u);
  ASSERT_TRUE(broker->join({client, 2}, "q", 5s, now, out));
  EXPECT_FALSE(broker->queue_control({client, 3}, "q", QueueAction::remove, now, out)) << "somebody joins it";
  pass(5s);
  ASSERT_TRUE(broker->queue_control({client, 4}, "q", QueueAction::remove, now, out));
  settle();
  EXPECT_FALSE(broker->queues("q"));
  const auto late = broker->task_done({client, 5}, "q", 1, now, out);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Errc::not_found);
  restart();
  EXPECT_FALSE(broker->queues("q"));
}

TEST_F(BrokerQueueTest, AQuestionMakesNoQueueAndAGetThatWaitsDoes) {
  const auto nothing = get("q", false);
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().code, Errc::queue_empty);
  ASSERT_TRUE(broker->join({client, ++request}, "q", 0s, now, out)) << "nothing in it is unfinished";
  ASSERT_EQ(out.dones.size(), 1u);
  EXPECT_TRUE(out.dones[0].answer);
  EXPECT_FALSE(broker->queues("q"));
  ASSERT_TRUE(get("q", true));
  EXPECT_EQ(queue("q").getters, 1u);
}

TEST_F(BrokerQueueTest, CreatingAQueueTwiceFailsUnlessItIsTheSameAndThatIsFine) {
  bounded("q", 2);
  EXPECT_FALSE(broker->queue_create({client, 1}, {.name = "q", .maxsize = 2}, out));
  EXPECT_TRUE(broker->queue_create({client, 1}, {.name = "q", .maxsize = 2, .exist_ok = true}, out));
  EXPECT_FALSE(broker->queue_create({client, 1}, {.name = "q", .maxsize = 3, .exist_ok = true}, out));
}

TEST_F(BrokerQueueTest, AQueueThatExistsOtherwiseIsToldByWhatDiffersAndWhatCanBeDone) {
  bounded("q", 2);
  const auto answer_to = [this](const QueueOptions& options) {
    const auto created = broker->queue_create({client, 1}, options, out);
    return created ? std::string{} : created.error().detail;
  };
  EXPECT_EQ(answer_to({.name = "q", .maxsize = 2}),
            "queue q exists already, with these options (--exist-ok: that is fine)");
  EXPECT_EQ(
      answer_to({.name = "q", .kind = QueueKind::lifo, .maxsize = 3, .exist_ok = true}),
      "queue q exists with other options: kind is fifo, not lifo; maxsize is 2, not 3; when it is empty "
      "'reeve queue rm q' removes it");
  EXPECT_EQ(
      answer_to({.name = "q", .maxsize = 2, .function = "square", .ack_task_done = true}),
      "queue q exists with other options: function is none, not square; ack is get, not task_done; when it "
      "is empty 'reeve queue rm q' removes it, and a master that is started with [queues.q] in "
      "its configuration changes it, full or not");
}

TEST_F(BrokerQueueTest, APayloadOverItsLimitIsRefusedAndTheMessageNamesTheLimit) {
  const auto refused = put("q", {std::string(limits.payload_max_bytes + 1, 'x')});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::too_large);
  EXPECT_THAT(refused.error().detail, testing::HasSubstr("payload-max-bytes"));
}

TEST_F(BrokerQueueTest, ValuesOfAQueueWithAFunctionAreTasksAndTheirResultsAreValues) {
  ASSERT_TRUE(broker->queue_create({client, 1}, {.name = "q", .function = "f", .results = "r"}, out));
  settle();
  ASSERT_TRUE(put("q", {"a", "b"}));
  restart();
  worker(SessionId{2}, "w1", 2);
  ASSERT_THAT(granted_payloads(), ElementsAre("a", "b"));
  EXPECT_TRUE(succeed(SessionId{2}, out.grants[0].fence, "A"));
  EXPECT_TRUE(fail_attempt(SessionId{2}, out.grants[1].fence));
  EXPECT_EQ(queue("q").unfinished, 0u);
  ASSERT_TRUE(get("r"));
  EXPECT_THAT(last_values(), ElementsAre("A"));
  take_last();
  ASSERT_TRUE(get("r"));
  EXPECT_EQ(out.gots.back().answer->front().from.index, 2u);
  take_last();
  restart();  // nothing of them is left
  EXPECT_EQ(queue("q").unfinished, 0u);
  EXPECT_EQ(queue("r").ready, 0u);
  EXPECT_EQ(broker->stats().tasks.total(), 0u);
}

TEST_F(BrokerQueueTest, AQueueThatIsDeclaredAgainTakesItsNewFunctionButNoOtherKind) {
  ASSERT_TRUE(broker->queue_declare({.name = "q", .function = "f"}, out));
  ASSERT_TRUE(
      broker->queue_declare({.name = "q", .function = "g", .results = "r", .ack_task_done = true}, out));
  EXPECT_FALSE(broker->queue_declare({.name = "q", .kind = QueueKind::lifo}, out));
  EXPECT_FALSE(broker->queue_declare({.name = "q", .results = "r"}, out));  // of what?
  settle();
  restart();
  EXPECT_EQ(queue("q").function, "g");
  EXPECT_EQ(queue("q").results, "r");
  EXPECT_TRUE(queue("q").ack_task_done);
}

TEST_F(BrokerQueueTest, AValueThatIsGivenBackIsTheNextOneAgain) {
  ASSERT_TRUE(put("q", {"a", "b"}));
  ASSERT_TRUE(get("q"));
  broker->give_back(client, out.gots.back().answer->front().id, now, out);
  settle();
  EXPECT_EQ(queue("q").ready, 2u);
  ASSERT_TRUE(get("q"));
  EXPECT_THAT(last_values(), ElementsAre("a"));
}

TEST_F(BrokerQueueTest, AValueThatIsSetAsideIsInTheOtherQueueAndNowhereElse) {
  ASSERT_TRUE(put("q", {"a", "b"}));
  ASSERT_TRUE(get("q"));
  const TaskId item = out.gots.back().answer->front().id;
  ASSERT_TRUE(broker->set_aside(client, item, "aside", now, out));
  settle();
  restart();
  EXPECT_EQ(queue("q").ready, 1u);
  EXPECT_EQ(queue("q").unfinished, 1u);  // nobody has to say task_done for it
  ASSERT_TRUE(get("aside"));
  EXPECT_THAT(last_values(), ElementsAre("a"));
}

TEST_F(BrokerQueueTest, AResultThatIsSetAsideTellsWhereItCameFrom) {
  ASSERT_TRUE(broker->queue_create({client, 1}, {.name = "q", .function = "f", .results = "r"}, out));
  ASSERT_TRUE(put("q", {"a"}));
  settle();
  worker(SessionId{2}, "w1", 1);
  ASSERT_EQ(out.grants.size(), 1u);
  const TaskId task = out.grants[0].fence.task;
  ASSERT_TRUE(succeed(SessionId{2}, out.grants[0].fence, "A"));
  ASSERT_TRUE(get("r"));
  ASSERT_TRUE(broker->set_aside(client, out.gots.back().answer->front().id, "aside", now, out));
  settle();
  ASSERT_TRUE(get("aside"));
  EXPECT_THAT(last_values(), ElementsAre("A"));
  EXPECT_EQ(out.gots.back().answer->front().from, task);
}

TEST_F(BrokerQueueTest, AValueThatCannotBeSetAsideStaysWithItsTaker) {
  ASSERT_TRUE(put("q", {"a"}));
  ASSERT_TRUE(get("q"));
  const TaskId item = out.gots.back().answer->front().id;
  EXPECT_FALSE(broker->set_aside(client, item, std::string(10'000, 'x'), now, out));
  broker->give_back(client, item, now, out);
  settle();
  EXPECT_EQ(queue("q").ready, 1u);
}

}  // namespace
}  // namespace reeve::master
