// Peers that know the key and still do harm: by not reading, by lying, by all coming at once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "proto/convert.h"
#include "tests/fakes/sanitizers.h"
#include "tests/fakes/wire_peer.h"
#include "tests/fault/tasks.h"

namespace reeve::testing {
namespace {

using fakes::WirePeer;

class PeersTest : public ::testing::Test {
 protected:
  void start(std::vector<std::string> master_args = {}) {
    cluster = std::make_unique<Cluster>(ClusterOptions{.master_args = std::move(master_args)});
    tasks = std::make_unique<Tasks>(*cluster);
    key = read_file(cluster->authkey_file());
    key.pop_back();
  }
  Endpoint master() const { return *parse_endpoint(cluster->address(), 0); }
  std::size_t resident_bytes() {
    const std::string status = read_file("/proc/" + std::to_string(cluster->master().pid()) + "/status");
    return std::stoull(status.substr(status.find("VmRSS:") + 6)) * 1024;
  }
  std::uint64_t counter(const std::string& name) {
    const std::string status = cluster->reeve({"status", "--json"}).out;
    const auto at = status.find("\"" + name + "\":");
    return at == std::string::npos ? 0 : std::stoull(status.substr(at + name.size() + 3));
  }

  std::unique_ptr<Cluster> cluster;
  std::unique_ptr<Tasks> tasks;
  std::string key;
};

TEST_F(PeersTest, AClientThatNeverReadsCostsBoundedMemoryAndNobodyElseNotices) {
  start();
  cluster->add_worker("w", {"--slots", "2"});
  constexpr int results = 1500, result_bytes = 300'000;  // together far more than they may cost
  const std::vector<std::string> command{"head", "-c", std::to_string(result_bytes), "/dev/zero"};
  // Once for a client that does not listen at all: what storing results costs in buffers and caches.
  const Ran first = cluster->reeve(
      {"submit", "--wait", "-q", "--range", "1-600", "--", "head", "-c", "300000", "/dev/zero"});
  ASSERT_EQ(first.exit_code, 0) << first.err;
  const std::size_t before = resident_bytes();

  WirePeer deaf{master()};
  deaf.join_as_client(key);
  wire::Submit submit;
  submit.set_request(1);
  submit.set_submission(1);
  submit.set_watch(true);
  for (const std::string& word : command) submit.mutable_spec()->mutable_command()->add_args(word);
  submit.mutable_spec()->set_queue("default");
  for (int i = 0; i < results; ++i) submit.add_payloads("");
  deaf.send(FrameType::submit, submit);
  const auto job = deaf.expect<wire::Submitted>(FrameType::submitted).job();
  const Ran waited = cluster->reeve({"wait", std::to_string(job)});
  EXPECT_EQ(waited.exit_code, 0) << waited.err;
  if (fakes::memory_tells) {
    EXPECT_LT(resident_bytes(), before + std::size_t{results} * result_bytes * 2 / 3);
  }
  // It reads at last: what was left out is named, so that it can ask for it.
  bool lagging = false, outcomes = false;
  while (!lagging) {
    const auto frame = deaf.receive();
    ASSERT_TRUE(frame) << "it was cut off";
    outcomes = outcomes || frame->type == FrameType::outcomes;
    lagging = frame->type == FrameType::lagging;
  }
  EXPECT_TRUE(outcomes);
}

// ---- a worker that lies

class Liar {
 public:
  Liar(const Endpoint& master, const std::string& key) : peer_(master) {
    welcome_ = peer_.join_as_worker(key, 1'000'000'000, 'l', fences());  // "I hold everybody's tasks"
  }
  void lie() {
    wire::Complete complete;
    wire::Returned returned;
    complete.set_batch(++batch_);
    for (std::uint64_t epoch : {welcome_.epoch() - 1, welcome_.epoch(), welcome_.epoch() + 1}) {
      for (wire::Fence fence : fences()) {
        fence.set_epoch(epoch);
        auto& finished = *complete.add_attempts();
        *finished.mutable_fence() = fence;
        finished.mutable_outcome()->set_state(wire::SUCCEEDED);
        finished.mutable_outcome()->set_value("a lie");
        *returned.add_attempts() = fence;
      }
    }
    refusals_expected_ += static_cast<std::size_t>(complete.attempts_size());
    peer_.send(FrameType::returned, returned);
    peer_.send(FrameType::complete, complete);
    refused_ += static_cast<std::size_t>(peer_.expect<wire::Completed>(FrameType::completed).refused_size());
  }
  std::size_t refused() const { return refused_; }
  std::size_t refusals_expected() const { return refusals_expected_; }
  const wire::WorkerWelcome& welcome() const { return welcome_; }

  static std::vector<wire::Fence> fences() {
    std::vector<wire::Fence> all;
    for (std::uint64_t job = 0; job <= 4; ++job)
      for (std::uint32_t index = 0; index <= 40; ++index)
        for (std::uint32_t attempt = 0; attempt <= 2; ++attempt) {
          wire::Fence fence;
          fence.set_job(job);
          fence.set_index(index);
          fence.set_attempt(attempt);
          all.push_back(fence);
        }
    return all;
  }

 private:
  WirePeer peer_;
  wire::WorkerWelcome welcome_;
  std::uint64_t batch_ = 0;
  std::size_t refused_ = 0, refusals_expected_ = 0;
};

TEST_F(PeersTest, AWorkerThatClaimsEverybodysTasksChangesNothing) {
  start();
  cluster->launch_worker("honest", {"--slots", "2"}, Tasks::worker_env("honest"));
  std::vector<TaskPayload> payloads;
  for (int i = 0; i < 40; ++i) payloads.push_back({.name = "t" + std::to_string(i), .milliseconds = 40});
  const std::string job = tasks->submit(payloads);
  ASSERT_TRUE(tasks->begun(2));
  std::size_t lies = 0;
  do {
    Liar liar{master(), key};
    EXPECT_EQ(static_cast<std::size_t>(liar.welcome().dropped_size()), Liar::fences().size());
    for (int i = 0; i < 3; ++i) liar.lie();
    EXPECT_EQ(liar.refused(), liar.refusals_expected());
    lies += liar.refused();
  } while (!tasks->ended(40) && !HasFailure());
  EXPECT_EQ(tasks->wait(job), 0);
  EXPECT_EQ(tasks->runs().size(), 40u) << "each ran once";
  for (int i = 0; i < 40; ++i)
    EXPECT_EQ(cluster->reeve({"result", job + "." + std::to_string(i + 1)}).out,
              task_value("t" + std::to_string(i), 1) + "\n");
  EXPECT_GE(counter("refused_results"), lies);
}

TEST_F(PeersTest, AWorkerIsNotGivenMoreThanItAskedForHoweverItAsks) {
  start();
  WirePeer client{master()};
  client.join_as_client(key);
  wire::Submit submit;
  submit.set_request(1);
  submit.set_submission(1);
  submit.mutable_spec()->set_function("f");
  submit.mutable_spec()->set_queue("default");
  for (int i = 0; i < 100; ++i) submit.add_payloads("x");
  client.send(FrameType::submit, submit);
  client.expect<wire::Submitted>(FrameType::submitted);
  WirePeer worker{master()};
  worker.join_as_worker(key, 3);
  // A Capacity that is repeated is no new credit; a result for what it never had gives none either.
  wire::Capacity capacity;
  capacity.set_held_max(3);
  for (int i = 0; i < 10; ++i) worker.send(FrameType::capacity, capacity);
  wire::Complete complete;
  complete.set_batch(1);
  for (std::uint32_t index = 50; index < 60; ++index) {
    auto& fence = *complete.add_attempts()->mutable_fence();
    fence.set_job(1);
    fence.set_index(index);
    fence.set_attempt(1);
  }
  worker.send(FrameType::complete, complete);
  int granted = 0;
  for (bool completed = false; !completed;) {
    const auto frame = worker.receive();
    ASSERT_TRUE(frame);
    wire::Grant grant;
    if (frame->type == FrameType::grant && grant.ParseFromString(frame->body)) granted += grant.tasks_size();
    completed = frame->type == FrameType::completed;
  }
  EXPECT_EQ(granted, 3);
}

// ---- everybody at once

// One of very many workers: it connects until it is let in, as a real one does.
class OneOfMany {
 public:
  explicit OneOfMany(int number) : key_(fmt::format("{:016}", number)) {}

  void join(const Endpoint& master, const std::string& authkey) {
    do {
      peer_ = std::make_unique<WirePeer>(master);
    } while (!try_to_join(authkey));
  }
  void take() {
    const auto grant = peer_->expect<wire::Grant>(FrameType::grant);
    fence_.emplace();
    fence_->set_epoch(grant.epoch());
    fence_->set_job(grant.tasks(0).job());
    fence_->set_index(grant.tasks(0).index());
    fence_->set_attempt(grant.tasks(0).attempt());
  }
  void complete() {
    wire::Complete complete;
    complete.set_batch(1);
    auto& finished = *complete.add_attempts();
    *finished.mutable_fence() = *fence_;
    finished.mutable_outcome()->set_state(wire::SUCCEEDED);
    peer_->send(FrameType::complete, complete);
    EXPECT_EQ(peer_->expect<wire::Completed>(FrameType::completed).refused_size(), 0);
  }
  int dropped() const { return dropped_; }

 private:
  bool try_to_join(const std::string& authkey) {
    if (!peer_->shake_hands(authkey, Role::worker)) return false;
    wire::WorkerHello hello;
    hello.set_worker_key(key_);
    hello.set_name("w" + key_);
    hello.set_slots(1);
    hello.add_functions("f");
    if (fence_) *hello.add_held() = *fence_;
    peer_->send(FrameType::worker_hello, hello);
    const auto frame = peer_->receive();
    wire::WorkerWelcome welcome;
    if (!frame || frame->type != FrameType::worker_welcome || !welcome.ParseFromString(frame->body))
      return false;
    dropped_ = welcome.dropped_size();
    wire::Capacity capacity;
    capacity.set_held_max(1);
    peer_->send(FrameType::capacity, capacity);
    return true;
  }

  std::string key_;
  std::unique_ptr<WirePeer> peer_;
  std::optional<wire::Fence> fence_;
  int dropped_ = 0;
};

void for_all_at_once(std::vector<OneOfMany>& workers, const std::function<void(OneOfMany&)>& action) {
  constexpr std::size_t threads = 32;
  std::vector<std::jthread> running;
  for (std::size_t t = 0; t < threads; ++t)
    running.emplace_back([&, t] {
      for (std::size_t i = t; i < workers.size(); i += threads) action(workers[i]);
    });
}

TEST_F(PeersTest, TwoThousandWorkersThatComeBackAtOnceAfterARestartKeepTheirTasks) {
  constexpr int count = 2000;
  rlimit files{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &files), 0);
  files.rlim_cur = files.rlim_max;
  (void)setrlimit(RLIMIT_NOFILE, &files);
  if (files.rlim_max < count + 500)
    GTEST_SKIP() << "only " << files.rlim_max << " open files are allowed here";
  start({"--lease", "120s"});
  WirePeer client{master()};
  client.join_as_client(key);
  wire::Submit submit;
  submit.set_request(1);
  submit.set_submission(1);
  submit.mutable_spec()->set_function("f");
  submit.mutable_spec()->set_queue("default");
  for (int i = 0; i < count; ++i) submit.add_payloads("x");
  client.send(FrameType::submit, submit);
  const auto job = client.expect<wire::Submitted>(FrameType::submitted).job();

  std::vector<OneOfMany> workers;
  for (int i = 0; i < count; ++i) workers.emplace_back(i);
  for_all_at_once(workers, [&](OneOfMany& worker) { worker.join(master(), key); });
  for (OneOfMany& worker : workers) worker.take();
  cluster->stop_master(SIGKILL);
  cluster->start_master();
  for_all_at_once(workers, [&](OneOfMany& worker) { worker.join(master(), key); });
  for (const OneOfMany& worker : workers) ASSERT_EQ(worker.dropped(), 0);
  for (OneOfMany& worker : workers) worker.complete();
  EXPECT_EQ(tasks->wait(std::to_string(job)), 0);
  EXPECT_EQ(counter("grants"), 0u) << "nothing was given out again";
}

}  // namespace
}  // namespace reeve::testing
