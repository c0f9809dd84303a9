#include "worker/pools/pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <mutex>

#include "worker/runners/functions.h"

namespace reeve::worker {
namespace {

using namespace std::chrono_literals;

// Calls what the test wants.
class LambdaRunner : public Runner {
 public:
  using Body = std::function<void(const Work&, StopSignal&, Outcome&)>;
  explicit LambdaRunner(Body body) : body_(std::move(body)) {}
  void run(const Work& work, StopSignal& stop, Outcome& outcome) override { body_(work, stop, outcome); }

 private:
  Body body_;
};

class PoolTest : public testing::Test {
 protected:
  Pool& make(unsigned slots, LambdaRunner::Body body) {
    pool = std::make_unique<Pool>(
        PoolOptions{.slots = slots, .queue_max = 100'000},
        [body](unsigned) { return std::make_unique<LambdaRunner>(body); },
        [this] {
          const std::lock_guard lock(mutex);
          notified = true;
          changed.notify_all();
        });
    return *pool;
  }

  std::vector<Attempt*> attempts(std::size_t count) {
    std::vector<Attempt*> made;
    for (std::size_t i = 0; i < count; ++i) {
      Attempt& attempt = storage.emplace_back();
      attempt.work.spec = spec;
      attempt.work.fence.task.index = static_cast<std::uint32_t>(storage.size());
      made.push_back(&attempt);
    }
    return made;
  }

  // As the loop does it: woken by notify, and by a tick of some milliseconds.
  std::vector<Attempt*> collect(std::size_t count) {
    std::vector<Attempt*> done;
    while (done.size() < count) {
      pool->collect(done);
      std::unique_lock lock(mutex);
      if (done.size() < count) changed.wait_for(lock, 20ms, [&] { return notified; });
      notified = false;
    }
    return done;
  }

  std::shared_ptr<const TaskSpec> spec = std::make_shared<TaskSpec>();
  std::deque<Attempt> storage;
  std::mutex mutex;
  std::condition_variable changed;
  bool notified = false;
  std::unique_ptr<Pool> pool;
};

TEST_F(PoolTest, RunsEveryAttemptOnce) {
  std::atomic<std::size_t> runs{0};
  make(3, [&](const Work& work, StopSignal&, Outcome& outcome) {
    ++runs;
    outcome.value = std::to_string(work.fence.task.index);
  });
  constexpr std::size_t batches = 50, each = 1000;
  for (std::size_t i = 0; i < batches; ++i) pool->start(attempts(each));
  const auto done = collect(batches * each);
  EXPECT_EQ(done.size(), batches * each);
  EXPECT_EQ(runs, batches * each);
  for (const Attempt* attempt : done)
    ASSERT_EQ(attempt->outcome.value, std::to_string(attempt->work.fence.task.index));
}

TEST_F(PoolTest, TheLoopMayRunAnAttemptItself) {
  std::atomic<unsigned> in_slots{0};
  make(1, [&](const Work&, StopSignal&, Outcome&) { ++in_slots; });
  LambdaRunner own{[](const Work&, StopSignal&, Outcome& outcome) { outcome.value = "here"; }};
  const auto made = attempts(1);
  const bool ran_here = pool->start_here(*made[0], own);
  EXPECT_THAT(collect(1),
              testing::ElementsAre(made[0]));  // a slot that was just starting may have been faster
  EXPECT_EQ(ran_here, made[0]->outcome.value == "here");
  EXPECT_EQ(in_slots, ran_here ? 0 : 1);
  EXPECT_EQ(pool->taken(), 1);
}

TEST_F(PoolTest, AFinishedAttemptIsAnnouncedAlthoughTheNextOneTakesLong) {
  std::atomic<bool> release{false};
  make(1, [&](const Work& work, StopSignal&, Outcome&) {
    if (work.fence.task.index == 2) release.wait(false);
  });
  pool->start(attempts(2));
  EXPECT_EQ(collect(1).front()->work.fence.task.index, 1u);
  release = true;
  release.notify_all();
  collect(1);
}

TEST_F(PoolTest, NothingBeginsWhenTheLeaseIsOverNotEvenWhatIsQueuedHere) {
  std::atomic<int> runs{0};
  make(1, [&](const Work&, StopSignal&, Outcome&) {
    ++runs;
    pool->set_lease_end(mono_now());  // as if this process had stood still while it ran
  });
  pool->start(attempts(3));
  const auto done = collect(3);
  EXPECT_EQ(runs, 1);
  EXPECT_FALSE(done[0]->too_late);
  EXPECT_TRUE(done[1]->too_late);
  EXPECT_TRUE(done[2]->too_late);
  pool->set_lease_end(mono_now() + 1h);
  pool->start(attempts(1));
  EXPECT_FALSE(collect(1).front()->too_late);
  EXPECT_EQ(runs, 2);
}

TEST_F(PoolTest, SlotsRunAtTheSameTime) {
  std::atomic<int> together{0};
  make(3, [&](const Work&, StopSignal&, Outcome&) {
    ++together;
    together.notify_all();
    for (int seen = together; seen < 3; seen = together) together.wait(seen);
  });
  for (Attempt* attempt : attempts(3))
    pool->start({&attempt, 1});  // one by one: each needs a slot of its own
  collect(3);
}

TEST_F(PoolTest, WithdrawsWhatHasNotStarted) {
  std::atomic<bool> release{false};
  std::atomic<bool> started{false};
  make(1, [&](const Work&, StopSignal&, Outcome&) {
    started = true;
    started.notify_all();
    release.wait(false);
  });
  pool->start(attempts(4));
  started.wait(false);
  std::vector<Attempt*> back;
  pool->withdraw(2, back);
  ASSERT_EQ(back.size(), 2u);
  EXPECT_EQ(back[0]->work.fence.task.index, 2u);
  EXPECT_EQ(pool->taken(), 3u);
  pool->withdraw(10, back);
  EXPECT_EQ(back.size(), 3u);
  release = true;
  release.notify_all();
  EXPECT_EQ(collect(1).front()->work.fence.task.index, 1u);
}

TEST_F(PoolTest, AStopReachesTheAttemptThatRuns) {
  make(2, [&](const Work&, StopSignal& stop, Outcome& outcome) {
    stop.wait_until(TimePoint::max());
    set_stopped(outcome, stop.reason());
  });
  const auto both = attempts(2);
  pool->start(both);
  both[1]->stop = StopReason::cancelled;
  pool->stop(*both[1]);
  const auto first = collect(1);
  EXPECT_EQ(first.front(), both[1]);
  EXPECT_EQ(first.front()->outcome.state, TaskState::cancelled);
  both[0]->stop = StopReason::shut_down;
  pool->stop(*both[0]);
  collect(1);
}

TEST_F(PoolTest, AnAttemptStoppedBeforeItsTurnNeverRuns) {
  std::atomic<int> runs{0};
  make(1, [&](const Work&, StopSignal&, Outcome&) { ++runs; });
  const auto one = attempts(1);
  one[0]->stop = StopReason::cancelled;
  pool->start(one);
  EXPECT_EQ(collect(1).front()->outcome.state, TaskState::cancelled);
  EXPECT_EQ(runs, 0);
}

TEST_F(PoolTest, NotesWhenAndHowLongAnAttemptRan) {
  make(1, [&](const Work&, StopSignal& stop, Outcome&) { stop.wait_until(mono_now() + 20ms); });
  const WallTime before = wall_now();
  pool->start(attempts(1));
  const Attempt* done = collect(1).front();
  EXPECT_GE(done->outcome.run, 20ms);
  EXPECT_GE(done->outcome.started, before - 1ms);
  EXPECT_LE(done->outcome.started, wall_now());
}

}  // namespace
}  // namespace reeve::worker
