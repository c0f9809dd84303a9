// AgentTest: an Agent with a clock that the test moves, and a pool that runs nothing by itself.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "worker/agent.h"

namespace reeve::worker {

using namespace std::chrono_literals;

inline constexpr Duration lease = 10s;
inline constexpr Duration heartbeat = 2s;

inline Fence fence(std::uint32_t index, std::uint32_t attempt = 1) {
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

}  // namespace reeve::worker
