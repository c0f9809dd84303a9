// BrokerTest: a Broker with a clock that the test moves, effects that it reads, and a disk that survives
// restarts.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "master/core/broker.h"
#include "tests/fakes/recording_effects.h"

namespace reeve::master {

using namespace std::chrono_literals;

class BrokerTest : public testing::Test {
 protected:
  static constexpr SessionId client{1};

  BrokerTest() { start(); }
  ~BrokerTest() override { broker->check_invariants(); }

  void start() {
    broker = std::make_unique<Broker>(limits, disk.open(), now, 7);
    broker->tick(now, out);
    broker->client_joined(client, "client-1", now);
    settle();
  }

  // The master ends without warning; everything that was committed is there when it comes back.
  void restart() {
    out.clear();
    start();
  }

  // The end of a turn: what was begun goes on, ready tasks are handed out, records are committed.
  void settle() {
    if (broker->has_more()) broker->go_on(now, out);
    broker->dispatch(now, out);
    disk.apply(out.records);
    out.records.clear();
    broker->check_invariants();
  }

  void pass(Duration time) {
    now.mono += time, now.wall += time;
    broker->tick(now, out);
    settle();
  }

  void pass_with_heartbeats(Duration time, SessionId session) {
    for (Duration passed{0}; passed < time; passed += limits.heartbeat()) {
      broker->worker_alive(session, now);
      pass(std::min(limits.heartbeat(), time - passed));
    }
  }

  TaskSpec function(std::string name) {
    TaskSpec spec;
    spec.function = std::move(name);
    return spec;
  }

  static Payloads payloads(const std::vector<std::string>& texts) {
    Payloads out;
    for (const auto& text : texts) out.add(text);
    return out;
  }

  JobId submit(TaskSpec spec, const std::vector<std::string>& texts = {"x"}, std::vector<JobId> after = {}) {
    Submission submission;
    submission.number = ++number;
    submission.spec = std::move(spec);
    submission.payloads = payloads(texts);
    submission.after = std::move(after);
    const auto result = broker->submit({client, ++request}, std::move(submission), now, out);
    EXPECT_TRUE(result) << result.error().detail;
    EXPECT_FALSE(out.submissions.empty());
    const JobId job = out.submissions.back().answer->job;
    settle();
    return job;
  }

  Result<void> put(std::string queue, const std::vector<std::string>& items, bool wait = true,
                   Duration wait_max = 0s) {
    PutValues values;
    values.number = ++number;
    values.queue = std::move(queue);
    values.items = payloads(items);
    values.wait_for_room = wait;
    values.wait_max = wait_max;
    auto result = broker->put({client, ++request}, std::move(values), now, out);
    settle();
    return result;
  }

  Result<void> get(std::string queue, bool wait = true, Duration wait_max = 0s, SessionId session = client,
                   std::uint32_t items_max = 1) {
    auto result = broker->get({session, ++request}, {std::move(queue), items_max, wait, wait_max}, now, out);
    settle();
    return result;
  }

  void take_last() {
    std::vector<TaskId> ids;
    for (const auto& value : *out.gots.back().answer) ids.push_back(value.id);
    broker->took(out.gots.back().to, ids, now, out);
    settle();
  }

  WorkerAdmitted worker(SessionId session, std::string key, std::uint32_t held_max = 1,
                        std::vector<std::string> functions = {"f"}, std::vector<Fence> held = {},
                        std::vector<Fence> finished = {}) {
    WorkerIntro intro{.key = key,
                      .name = key,
                      .slots = held_max,
                      .functions = std::move(functions),
                      .held = std::move(held),
                      .finished = std::move(finished)};
    intro.commands = true;
    auto admitted = broker->worker_joined(session, std::move(intro), now, out);
    EXPECT_TRUE(admitted);
    broker->worker_capacity(session, held_max);
    settle();
    return *admitted;
  }

  bool succeed(SessionId session, const Fence& fence, std::string value = "done") {
    const bool accepted = broker->complete(session, fence, {.value = std::move(value)}, now, out);
    settle();
    return accepted;
  }
  bool fail_attempt(SessionId session, const Fence& fence, std::string error = "broken") {
    const bool accepted =
        broker->complete(session, fence, {.state = TaskState::failed, .error = std::move(error)}, now, out);
    settle();
    return accepted;
  }

  std::vector<std::string> granted_payloads() const {
    std::vector<std::string> texts;
    for (const auto& grant : out.grants) texts.push_back(grant.payload);
    return texts;
  }
  Counts counts(JobId job) const { return broker->job(job)->counts; }

  Limits limits;
  Now now{TimePoint{1h}, WallTime{24h * 20000}};
  fakes::DiskModel disk;
  fakes::RecordingEffects out;
  std::unique_ptr<Broker> broker;
  std::uint64_t request = 0, number = 0;
};

}  // namespace reeve::master
