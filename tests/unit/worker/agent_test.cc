#include "worker/agent.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <map>
#include <random>
#include <set>

namespace reeve::worker {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

constexpr Duration lease = 10s;
constexpr Duration heartbeat = 2s;

Fence fence(std::uint32_t index, std::uint32_t attempt = 1) {
  return {.epoch = Epoch{1}, .task = {.job = JobId{7}, .index = index}, .attempt = attempt};
}

// A pool that runs nothing by itself: the test takes attempts from the front of its queue and finishes them.
class AgentTest : public testing::Test {
 protected:
  void SetUp() override { connect(); }

  void connect(std::vector<Fence> dropped = {}) {
    agent.connected(now, lease, heartbeat, dropped, now, fx);
    carry_out();
  }

  void grant(std::uint32_t first, std::uint32_t count = 1) {
    for (std::uint32_t i = first; i < first + count; ++i) {
      const Result<void> granted = agent.granted(fence(i), spec, "payload", now, fx);
      ASSERT_TRUE(granted) << granted.error().detail;
    }
    carry_out();
  }

  // What WorkerApp does with the effects.
  void carry_out() {
    queue.insert(queue.end(), fx.start.begin(), fx.start.end());
    if (fx.capacity) capacity = *fx.capacity;
    if (fx.heartbeat) heartbeats.push_back(*fx.heartbeat);
    returned.insert(returned.end(), fx.returned.begin(), fx.returned.end());
    for (const Notice& notice : fx.notices) notices.push_back(notice.text);
    for (const Attempt* attempt : fx.stop) stopped.insert(attempt->work.fence);
    reconnect |= fx.reconnect;
    left |= fx.leave;
    std::vector<Attempt*> back;
    for (; fx.withdraw > 0 && !queue.empty(); --fx.withdraw) back.push_back(take());
    fx = {};
    if (!back.empty()) {
      agent.taken(taken);
      agent.withdrawn(back, fx);
      carry_out();
    }
    agent.check_invariants();
  }

  Attempt* take() {
    Attempt* attempt = queue.front();
    queue.pop_front();
    ++taken;
    return attempt;
  }

  // A slot begins with the attempt at the front of the queue.
  void start_next() { running.push_back(take()); }

  void finish(const Fence& which, Duration run = 1ms, TaskState state = TaskState::succeeded) {
    const auto found =
        std::ranges::find_if(running, [&](const Attempt* attempt) { return attempt->work.fence == which; });
    ASSERT_NE(found, running.end());
    Attempt* attempt = *found;
    running.erase(found);
    attempt->outcome.state = state;
    attempt->outcome.run = run;
    attempt->outcome.value = "done";
    agent.taken(taken);
    agent.finished({&attempt, 1}, now, fx);
    carry_out();
  }

  void pass(Duration time) {
    now += time;
    agent.taken(taken);
    agent.tick(now, fx);
    carry_out();
  }

  std::vector<Fence> send_complete() {
    std::vector<Fence> fences;
    if (const auto batch = agent.next_complete()) {
      last_batch = batch->number;
      for (const Attempt* attempt : batch->attempts) fences.push_back(attempt->work.fence);
    }
    agent.check_invariants();
    return fences;
  }

  void acknowledge(std::uint64_t batch) {
    agent.completed(batch, 0, now, fx);
    carry_out();
  }

  Agent agent{{.slots = 2, .prefetch_max = 100, .complete_max = 10}};
  AgentEffects fx;
  TimePoint now{1h};
  std::shared_ptr<const TaskSpec> spec = std::make_shared<TaskSpec>();

  std::deque<Attempt*> queue;
  std::vector<Attempt*> running;
  std::uint64_t taken = 0;
  std::uint32_t capacity = 0;
  std::vector<TimePoint> heartbeats;
  std::vector<Fence> returned;
  std::set<Fence> stopped;
  std::vector<std::string> notices;
  std::uint64_t last_batch = 0;
  bool reconnect = false;
  bool left = false;
};

TEST_F(AgentTest, AsksForOneTaskPerSlotUntilItKnowsHowLongTheyTake) { EXPECT_EQ(capacity, 2u); }

TEST_F(AgentTest, AsksForManyMoreWhenTasksAreShort) {
  grant(1, 2);
  start_next();
  finish(fence(1), 1us);
  EXPECT_EQ(capacity, 102u);
}

TEST_F(AgentTest, AsksForTwentyMillisecondsOfWorkForEachSlot) {
  grant(1, 2);
  start_next();
  finish(fence(1), 5ms);
  EXPECT_EQ(capacity, 2u + 2 * 4);
}

TEST_F(AgentTest, AsksForNothingToWaitHereWhenTasksAreLong) {
  grant(1, 2);
  start_next();
  finish(fence(1), 1us);
  ASSERT_EQ(capacity, 102u);
  start_next();
  finish(fence(2), 10s);
  EXPECT_EQ(capacity, 2u);
}

TEST_F(AgentTest, NoticesLongTasksBeforeTheyHaveFinished) {
  grant(1, 2);
  start_next();
  finish(fence(1), 1us);
  grant(3, 20);
  start_next();
  start_next();
  pass(30ms);
  EXPECT_EQ(capacity, 2u);
}

TEST_F(AgentTest, HandsBackWhatWaitedTooLongBehindLongTasks) {
  grant(1, 2);
  start_next();
  finish(fence(1), 1us);
  grant(3, 3);  // 2, 3, 4, 5 are here
  start_next();
  start_next();
  pass(400ms);
  EXPECT_THAT(returned, IsEmpty());
  pass(200ms);
  EXPECT_THAT(returned, ElementsAre(fence(4), fence(5)));
  EXPECT_THAT(agent.held(), UnorderedElementsAre(fence(1), fence(2), fence(3)));
}

TEST_F(AgentTest, RefusesMoreThanItAskedFor) {
  grant(1, 2);
  const Result<void> third = agent.granted(fence(3), spec, "", now, fx);
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code, Errc::limit_reached);
}

TEST_F(AgentTest, KeepsAnOutcomeUntilItIsAcknowledged) {
  grant(1, 2);
  start_next();
  finish(fence(1));
  EXPECT_THAT(send_complete(), ElementsAre(fence(1)));
  EXPECT_THAT(agent.held(), UnorderedElementsAre(fence(1), fence(2)));
  EXPECT_THAT(send_complete(), IsEmpty());
  acknowledge(last_batch);
  EXPECT_THAT(agent.held(), ElementsAre(fence(2)));
}

TEST_F(AgentTest, OneAcknowledgementCoversEarlierBatches) {
  grant(1, 2);
  start_next();
  finish(fence(1));
  send_complete();
  start_next();
  finish(fence(2));
  send_complete();
  acknowledge(last_batch);
  EXPECT_THAT(agent.held(), IsEmpty());
}

TEST_F(AgentTest, PutsManyOutcomesIntoOneMessageUpToItsLimit) {
  grant(1, 2);
  start_next();
  finish(fence(1), 1us);
  send_complete();
  grant(3, 15);
  for (std::uint32_t i = 2; i <= 16; ++i) {
    start_next();
    finish(fence(i), 1us);
  }
  EXPECT_THAT(send_complete(), SizeIs(10));
  EXPECT_THAT(send_complete(), SizeIs(5));
}

TEST_F(AgentTest, KeepsRunningWithoutAConnectionAndReportsWhenItIsBack) {
  grant(1, 2);
  start_next();
  start_next();
  finish(fence(1));
  send_complete();  // lost on its way
  agent.disconnected();
  finish(fence(2));
  EXPECT_THAT(send_complete(), IsEmpty());
  EXPECT_THAT(agent.held(), UnorderedElementsAre(fence(1), fence(2)));
  pass(3s);
  connect();
  EXPECT_THAT(send_complete(), ElementsAre(fence(1), fence(2)));
  EXPECT_THAT(stopped, IsEmpty());
}

TEST_F(AgentTest, ForgetsAndStopsWhatTheMasterDropped) {
  grant(1, 2);
  start_next();
  start_next();
  finish(fence(1), 30ms);
  agent.disconnected();
  connect({fence(1), fence(2)});
  EXPECT_THAT(agent.held(), IsEmpty());
  EXPECT_THAT(stopped, ElementsAre(fence(2)));
  EXPECT_EQ(capacity, 1u) << "one slot is still busy with what was dropped";
  finish(fence(2), 30ms, TaskState::cancelled);
  EXPECT_THAT(send_complete(), IsEmpty());
  EXPECT_EQ(capacity, 2u);
}

TEST_F(AgentTest, ACancelledTaskIsStoppedAndReportedAsWhatItBecame) {
  grant(1, 2);
  start_next();
  const Fence fences[] = {fence(1)};
  agent.stop_requested(fences, fx);
  carry_out();
  EXPECT_THAT(stopped, ElementsAre(fence(1)));
  finish(fence(1), 1ms, TaskState::cancelled);
  EXPECT_THAT(send_complete(), ElementsAre(fence(1)));
}

TEST_F(AgentTest, ACancelledTaskThatNeverStartedIsReportedNotHandedBack) {
  grant(1, 2);
  start_next();
  const Fence fences[] = {fence(2)};
  agent.stop_requested(fences, fx);
  carry_out();
  pass(1s);
  EXPECT_THAT(returned, IsEmpty());
  EXPECT_THAT(send_complete(), ElementsAre(fence(2)));
}

TEST_F(AgentTest, SendsHeartbeatsAsOftenAsTheMasterAsked) {
  pass(1s);
  EXPECT_THAT(heartbeats, IsEmpty());
  pass(1s);
  EXPECT_THAT(heartbeats, ElementsAre(now));
  EXPECT_EQ(agent.next_tick(now), now + 2s);
}

TEST_F(AgentTest, StopsItsTasksWhenTheLastEchoedHeartbeatIsOlderThanTheLease) {
  grant(1, 2);
  start_next();
  start_next();
  pass(2s);
  agent.heartbeat_echoed(heartbeats.back());  // sent at 2 s, so the lease ends at 12 s
  pass(9900ms);
  EXPECT_THAT(stopped, IsEmpty());
  pass(200ms);
  EXPECT_THAT(stopped, UnorderedElementsAre(fence(1), fence(2)));
  EXPECT_TRUE(reconnect);
  EXPECT_THAT(notices, ElementsAre(HasSubstr("no sign of life from the master for 10.0 s")));
}

TEST_F(AgentTest, LosesTheLeaseWithoutAConnectionAsWellButKeepsWhatHasFinished) {
  grant(1, 2);
  start_next();
  finish(fence(1));
  start_next();
  agent.disconnected();
  pass(11s);
  EXPECT_FALSE(reconnect);
  EXPECT_THAT(stopped, ElementsAre(fence(2)));
  finish(fence(2), 1ms, TaskState::cancelled);
  connect();  // the master may have kept the lease: it decides what became of a task that was begun
  EXPECT_THAT(send_complete(), ElementsAre(fence(1), fence(2)));
}

TEST_F(AgentTest, WhatHadNotStartedWhenTheLeaseWasLostIsHandedBack) {
  grant(1, 2);
  start_next();
  agent.disconnected();
  pass(11s);
  EXPECT_THAT(agent.held(), UnorderedElementsAre(fence(1), fence(2)));
  connect({fence(1)});
  EXPECT_THAT(returned, ElementsAre(fence(2)));
}

TEST_F(AgentTest, ADrainedWorkerHandsBackWhatHasNotStarted) {
  grant(1, 2);
  start_next();
  agent.drain(true, now, fx);
  carry_out();
  EXPECT_EQ(capacity, 0u);
  EXPECT_THAT(returned, ElementsAre(fence(2)));
  finish(fence(1));
  EXPECT_EQ(capacity, 0u);
  EXPECT_FALSE(left);
  agent.drain(false, now, fx);
  carry_out();
  EXPECT_GE(capacity, 2u);
}

TEST_F(AgentTest, AGrantThatCrossedTheDrainGoesBackAtOnce) {
  agent.drain(true, now, fx);
  carry_out();
  grant(1);
  EXPECT_THAT(returned, ElementsAre(fence(1)));
}

TEST_F(AgentTest, ShutsDownWhenWhatRanIsFinishedAndAcknowledged) {
  grant(1, 2);
  start_next();
  agent.taken(taken);
  agent.shut_down(now, 30s, fx);
  carry_out();
  EXPECT_THAT(returned, ElementsAre(fence(2)));
  EXPECT_EQ(capacity, 0u);
  finish(fence(1));
  EXPECT_FALSE(left);
  send_complete();
  acknowledge(last_batch);
  EXPECT_TRUE(left);
}

TEST_F(AgentTest, AnIdleWorkerLeavesAtOnce) {
  agent.shut_down(now, 30s, fx);
  carry_out();
  EXPECT_TRUE(left);
}

TEST_F(AgentTest, StopsWhatStillRunsWhenTheGraceIsOverAndSaysSo) {
  grant(1, 1);
  start_next();
  agent.taken(taken);
  agent.shut_down(now, 30s, fx);
  agent.heartbeat_echoed(now + 29s);
  pass(29s);
  EXPECT_THAT(stopped, IsEmpty());
  pass(1s);
  EXPECT_THAT(stopped, ElementsAre(fence(1)));
  EXPECT_FALSE(left);
  finish(fence(1), 30s, TaskState::cancelled);
  EXPECT_FALSE(left);
  EXPECT_THAT(send_complete(), ElementsAre(fence(1)));
  acknowledge(last_batch);
  EXPECT_TRUE(left);
}

TEST_F(AgentTest, ASecondShutDownStopsTasksAtOnce) {
  grant(1, 1);
  start_next();
  agent.taken(taken);
  agent.shut_down(now, 30s, fx);
  carry_out();
  agent.shut_down(now, 30s, fx);
  carry_out();
  EXPECT_THAT(stopped, ElementsAre(fence(1)));
}

TEST_F(AgentTest, DoesNotWaitForEverForAMasterThatIsGone) {
  grant(1, 1);
  start_next();
  finish(fence(1));
  agent.disconnected();
  agent.shut_down(now, 30s, fx);
  carry_out();
  EXPECT_FALSE(left);
  pass(9s);
  EXPECT_FALSE(left);
  pass(2s);
  EXPECT_TRUE(left);
  EXPECT_THAT(notices.back(), HasSubstr("not acknowledged 1 results"));
}

TEST_F(AgentTest, AsksForNothingWhileTooManyOutcomesAreUnacknowledged) {
  Agent small{{.slots = 1, .unacknowledged_max_bytes = 1000}};
  AgentEffects out;
  small.connected(now, lease, heartbeat, {}, now, out);
  ASSERT_TRUE(small.granted(fence(1), spec, "", now, out));
  Attempt* attempt = out.start.at(0);
  attempt->outcome.out.assign(2000, 'x');
  small.taken(1);
  small.finished({&attempt, 1}, now, out);
  EXPECT_EQ(out.capacity, 0u);
  const auto batch = small.next_complete();
  ASSERT_TRUE(batch);
  small.completed(batch->number, 0, now, out);
  EXPECT_GT(out.capacity.value_or(0), 0u);
  small.check_invariants();
}

// A master and a pool that do random, allowed things; whatever happens, no attempt is forgotten or reported
// twice on one connection, and the bounds hold.
class RandomHistory {
 public:
  explicit RandomHistory(std::uint64_t seed) : random_(seed) {}

  void run(int steps) {
    connect();
    for (int i = 0; i < steps; ++i) step();
    // In the end everything is settled: whatever is still lent finishes, and the master acknowledges it.
    if (!connected_) connect();
    while (!queue_.empty() || !running_.empty()) {
      if (running_.empty()) start();
      finish();
    }
    report();
    agent_.completed(last_batch_, 0, now_, fx_);
    carry_out();
    EXPECT_THAT(agent_.held(), IsEmpty());
    EXPECT_THAT(leases_, IsEmpty()) << "leases the worker forgot";
  }

 private:
  std::uint64_t draw(std::uint64_t below) { return random_() % below; }

  void step() {
    now_ += Duration{static_cast<std::int64_t>(draw(20'000))};
    switch (draw(12)) {
      case 0:
      case 1:
      case 2:
        return grant();
      case 3:
      case 4:
        return start();
      case 5:
      case 6:
        return finish();
      case 7:
        return report();
      case 8:
        return acknowledge();
      case 9:
        return connected_ ? maybe_disconnect() : connect();
      case 10:
        return stop();
      default:
        return tick();
    }
  }

  void grant() {
    if (!connected_) return;
    for (std::uint64_t i = draw(8); i > 0 && leases_.size() < capacity_; --i) {
      const Fence granted = fence(++last_index_);
      leases_.insert(granted);
      ASSERT_TRUE(agent_.granted(granted, spec_, std::string(draw(64), 'p'), now_, fx_));
    }
    carry_out();
  }

  void start() {
    if (queue_.empty() || running_.size() >= slots) return;
    running_.push_back(take());
  }

  void finish() {
    if (running_.empty()) return;
    std::vector<Attempt*> batch;
    for (std::uint64_t i = 1 + draw(running_.size()); i > 0; --i) {
      const auto at = running_.begin() + static_cast<std::ptrdiff_t>(draw(running_.size()));
      (*at)->outcome.state = (*at)->stop == StopReason::none ? TaskState::succeeded : TaskState::cancelled;
      (*at)->outcome.run = Duration{static_cast<std::int64_t>(draw(2) == 0 ? draw(100) : draw(100'000))};
      (*at)->outcome.out.assign(draw(100), 'o');
      batch.push_back(*at);
      running_.erase(at);
    }
    agent_.taken(taken_);
    agent_.finished(batch, now_, fx_);
    carry_out();
  }

  void report() {
    while (const auto batch = agent_.next_complete()) {
      EXPECT_GT(batch->number, last_batch_);
      last_batch_ = batch->number;
      for (const Attempt* attempt : batch->attempts) {
        const Fence& done = attempt->work.fence;
        EXPECT_TRUE(reported_.insert(done).second) << "reported twice on one connection";
        // The master's side: it counts the lease as over when the report arrives.
        leases_.erase(done);
      }
    }
  }

  void acknowledge() {
    if (!connected_ || last_batch_ == 0) return;
    agent_.completed(last_batch_ - draw(2), 0, now_, fx_);
    carry_out();
  }

  void maybe_disconnect() {
    if (draw(4) != 0) return;
    connected_ = false;
    agent_.disconnected();
  }

  void connect() {
    connected_ = true;
    capacity_ = 0;
    reported_.clear();
    const std::vector<Fence> held = agent_.held();
    std::vector<Fence> dropped;
    for (const Fence& one : held)
      if (draw(8) == 0) dropped.push_back(one);
    // The master gives up what the worker did not mention, and adopts the rest.
    leases_ = {held.begin(), held.end()};
    for (const Fence& one : dropped) leases_.erase(one);
    agent_.connected(now_, lease, heartbeat, dropped, now_, fx_);
    carry_out();
  }

  void stop() {
    if (!connected_ || leases_.empty()) return;
    auto at = leases_.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(draw(leases_.size())));
    agent_.stop_requested({&*at, 1}, fx_);
    carry_out();
  }

  void tick() {
    if (connected_) agent_.heartbeat_echoed(now_);
    if (draw(10) == 0) now_ += 700ms;
    agent_.taken(taken_);
    agent_.tick(now_, fx_);
    carry_out();
  }

  Attempt* take() {
    Attempt* attempt = queue_.front();
    queue_.pop_front();
    ++taken_;
    return attempt;
  }

  void carry_out() {
    queue_.insert(queue_.end(), fx_.start.begin(), fx_.start.end());
    if (fx_.capacity) capacity_ = *fx_.capacity;
    for (const Fence& one : fx_.returned) {
      EXPECT_TRUE(connected_);
      EXPECT_EQ(leases_.erase(one), 1u) << "handed back what it had no lease for";
    }
    EXPECT_FALSE(fx_.leave);
    std::vector<Attempt*> back;
    for (; fx_.withdraw > 0 && !queue_.empty(); --fx_.withdraw) back.push_back(take());
    if (!connected_ && agent_.unfinished() == 0) leases_.clear();
    fx_ = {};
    agent_.check_invariants();
    if (back.empty()) return;
    agent_.taken(taken_);
    agent_.withdrawn(back, fx_);
    carry_out();
  }

  static constexpr std::size_t slots = 3;
  std::mt19937_64 random_;
  Agent agent_{{.slots = slots, .prefetch_max = 40, .complete_max = 7}};
  AgentEffects fx_;
  TimePoint now_{1h};
  std::shared_ptr<const TaskSpec> spec_ = std::make_shared<TaskSpec>();
  bool connected_ = false;
  std::uint32_t capacity_ = 0;
  std::uint32_t last_index_ = 0;
  std::uint64_t last_batch_ = 0;
  std::set<Fence> leases_;    // as the master sees them
  std::set<Fence> reported_;  // on this connection
  std::deque<Attempt*> queue_;
  std::vector<Attempt*> running_;
  std::uint64_t taken_ = 0;
};

TEST(AgentRandomTest, NothingIsForgottenOrReportedTwiceInRandomHistories) {
  const char* given = std::getenv("REEVE_TEST_SEED");
  const std::uint64_t first = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  const int histories = given != nullptr ? 1 : 100;
  for (int i = 0; i < histories; ++i) {
    SCOPED_TRACE(fmt::format("REEVE_TEST_SEED={}", first + static_cast<std::uint64_t>(i)));
    RandomHistory{first + static_cast<std::uint64_t>(i)}.run(2000);
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace reeve::worker
