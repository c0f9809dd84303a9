// What clients leave behind who are well-meant and never tired: it does not gather for ever.
#include "tests/unit/master/core/broker_fixture.h"

namespace reeve::master {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

constexpr int many = 1'000;
constexpr std::size_t few = 200;

class BoundsTest : public BrokerTest {
 protected:
  BoundsTest() {
    limits.retention_interval = limits.client_grace = 1000h;  // then nothing else wakes it
    restart();
  }

  JobId submit_and_cancel(TaskSpec spec) {
    const JobId job = submit(std::move(spec));
    EXPECT_TRUE(broker->cancel({client, ++request}, job, {}, now, out));
    settle();
    return job;
  }
};

TEST_F(BoundsTest, AWaitThatWasAnsweredLeavesNoTimerBehind) {
  ASSERT_TRUE(get("q", true, 1h));
  ASSERT_TRUE(put("q", {"a"}));
  take_last();
  EXPECT_GT(*broker->wake_at(), now.mono + 2h);
}

TEST_F(BoundsTest, WhoGaveUpDoesNotStayInLineAtAQueueWhereNothingHappens) {
  ASSERT_TRUE(put("full", {"a"}));
  ASSERT_TRUE(broker->queue_create({client, 1}, {.name = "bounded", .maxsize = 1}, out));
  ASSERT_TRUE(put("bounded", {"a"}));
  for (int i = 0; i < many; ++i) {
    ASSERT_TRUE(get("idle", true, 1ms));
    ASSERT_TRUE(put("bounded", {"b"}, true, 1ms));
    ASSERT_TRUE(broker->join({client, ++request}, "full", 1ms, now, out));
    pass(1ms);
    out.clear();
  }
  EXPECT_LT(broker->queue("idle")->getters.size(), few);
  EXPECT_LT(broker->queue("bounded")->putters.size(), few);
  EXPECT_LT(broker->queue("full")->joiners.size(), few);
}

TEST_F(BoundsTest, CancelledTasksDoNotStayBehindOneThatNobodyServes) {
  submit(function("nobody"));
  for (int i = 0; i < many; ++i) submit_and_cancel(function("nobody"));
  const Queue* queue = broker->queue(TaskSpec{}.queue);
  ASSERT_THAT(queue->lanes, SizeIs(1));
  EXPECT_LT(queue->lanes.front()->entries(), few);
  worker(SessionId{101}, "one", 1, {"another"});
  const auto views = broker->queues(queue->name);
  ASSERT_THAT(views->front().stuck, SizeIs(1));
  EXPECT_EQ(views->front().stuck.front().second, 1u);
}

TEST_F(BoundsTest, PurgedValuesAreGone) {
  for (int i = 0; i < many; ++i) {
    ASSERT_TRUE(put("q", {"a"}));
    ASSERT_TRUE(broker->queue_control({client, ++request}, "q", QueueAction::purge, now, out));
    out.clear();
  }
  EXPECT_LT(broker->queue("q")->lanes.front()->entries(), few);
}

TEST_F(BoundsTest, TheTimersOfTasksThatEndedAreDropped) {
  const ChunkPtr ended{new Chunk};
  Timers timers;
  for (int i = 0; i < many; ++i) timers.add({now.mono + 1h, Timer::Kind::task_due, 1, {ended, 0}});
  timers.add({now.mono + 2h, Timer::Kind::retention, 0, {}});

  EXPECT_LT(timers.size(), few);
  while (timers.pop_due(now.mono + 1h)) {
  }
  EXPECT_EQ(timers.next(), now.mono + 2h);
}

TEST_F(BoundsTest, WhoMayNotWaitForTheRestGetsNothingIn) {
  limits.waiters_max = 1;
  restart();
  ASSERT_TRUE(broker->queue_create({client, 1}, {.name = "bounded", .maxsize = 1}, out));
  ASSERT_TRUE(get("idle"));
  const auto refused = put("bounded", {"a", "b"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::limit_reached);
  EXPECT_EQ(broker->queue("bounded")->size(), 0u);
}

TEST_F(BoundsTest, RetentionDoesNotDependOnTheClockOfTheWall) {
  limits.retention_interval = 1min;
  restart();
  worker(SessionId{101}, "one", 1);
  const auto run_one = [this] {
    const JobId job = submit(function("f"));
    EXPECT_TRUE(succeed(SessionId{101}, out.grants.back().fence));
    return job;
  };
  const WallTime right = now.wall;
  now.wall += 24h * 3650;  // wrong by ten years when the first one ends
  const JobId first = run_one();
  now.wall = right;
  const JobId second = run_one();
  now.wall += 24h * 3650;
  pass_with_heartbeats(1h, SessionId{101});
  EXPECT_TRUE(broker->job(first));
  EXPECT_TRUE(broker->job(second)) << "a clock that jumps makes nothing old";
  now.wall = right;
  pass(limits.results_kept_for);
  EXPECT_FALSE(broker->job(first));
  EXPECT_FALSE(broker->job(second)) << "behind one that seems to be of the future";
}

TEST_F(BrokerTest, OneCommandNamesSoManyTasksOnly) {
  const JobId job = submit(function("f"));
  const std::vector<std::uint32_t> too_many(limits.batch_max + 1, 1);
  const auto cancelled = broker->cancel({client, ++request}, job, too_many, now, out);
  ASSERT_FALSE(cancelled);
  EXPECT_EQ(cancelled.error().code, Errc::too_large);
  EXPECT_EQ(counts(job)[TaskState::cancelled], 0u);
  const auto planned = broker->plan_retry(job, too_many);
  ASSERT_FALSE(planned);
  EXPECT_EQ(planned.error().code, Errc::too_large);
  EXPECT_TRUE(
      broker->cancel({client, ++request}, job, std::span{too_many}.first(limits.batch_max), now, out));
}

}  // namespace
}  // namespace reeve::master
