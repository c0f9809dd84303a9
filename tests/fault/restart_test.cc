// Masters and workers that are killed or stand still while tasks run.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "tests/fault/farm.h"
#include "tests/fault/tasks.h"

namespace reeve::testing {
namespace {

using namespace std::chrono_literals;

class RestartTest : public ::testing::Test {
 protected:
  void start(const std::string& lease) {
    cluster = std::make_unique<Cluster>(ClusterOptions{.master_args = {"--lease", lease}});
    tasks = std::make_unique<Tasks>(*cluster);
  }
  Process& add_worker(const std::string& name, const std::string& slots) {
    Process& worker = cluster->launch_worker(name, {"--slots", slots}, Tasks::worker_env(name));
    EXPECT_TRUE(eventually([&] { return cluster->worker_is_connected(name); }));
    return worker;
  }
  std::unique_ptr<Cluster> cluster;
  std::unique_ptr<Tasks> tasks;
};

TEST_F(RestartTest, TasksThatRunWhenTheMasterIsKilledRunOnceAndReportWhenItIsBack) {
  start("30s");
  add_worker("w", "6");
  std::vector<TaskPayload> payloads;
  for (int i = 0; i < 6; ++i)
    payloads.push_back({.name = "t" + std::to_string(i), .milliseconds = i < 3 ? 300 : 4000});
  const std::string job = tasks->submit(payloads);
  ASSERT_TRUE(tasks->begun(6));
  cluster->stop_master(SIGKILL);
  ASSERT_TRUE(tasks->ended(3)) << "tasks go on without a master, and some end";
  cluster->start_master();
  EXPECT_EQ(tasks->wait(job), 0);
  const std::vector<AttemptRun> runs = tasks->runs();
  ASSERT_EQ(runs.size(), 6u) << "each was started once";
  EXPECT_TRUE(std::ranges::all_of(runs, [](const AttemptRun& run) { return run.attempt == 1; }));
  for (int i = 0; i < 6; ++i)
    EXPECT_EQ(cluster->reeve({"result", job + "." + std::to_string(i + 1)}).out,
              task_value("t" + std::to_string(i), 1) + "\n");
}

TEST_F(RestartTest, AMasterThatIsKilledAgainAndAgainStartsNoTaskTwice) {
  start("30s");
  add_worker("w", "4");
  std::vector<TaskPayload> payloads;
  for (int i = 0; i < 40; ++i) payloads.push_back({.name = "t" + std::to_string(i), .milliseconds = 200});
  const std::string job = tasks->submit(payloads);
  for (std::size_t i = 1; i <= 6; ++i) {
    ASSERT_TRUE(tasks->begun(5 * i));
    cluster->stop_master(SIGKILL);
    cluster->start_master();
  }
  EXPECT_EQ(tasks->wait(job), 0);
  EXPECT_EQ(tasks->runs().size(), 40u);
}

TEST_F(RestartTest, WhatAKilledWorkerRanEndsAtOnceAndRunsAgainElsewhere) {
  start("4s");
  Process& worker = add_worker("w", "2");
  const std::string job = tasks->submit({{.name = "a", .milliseconds = 3000, .mode = 't'}});
  ASSERT_TRUE(tasks->begun(1));
  add_worker("other", "2");
  worker.kill(SIGKILL);
  EXPECT_EQ(tasks->wait(job), 0);
  const std::vector<AttemptRun> runs = tasks->runs();
  ASSERT_EQ(runs.size(), 2u);
  EXPECT_EQ(runs[1].worker, "other");
  EXPECT_LE(runs[0].last, runs[1].start);
}

TEST_F(RestartTest, AGuardThatIsKilledIsReplacedAndDoesItsWork) {
  start("4s");
  Process& worker = add_worker("w", "1");
  const std::string job = tasks->submit({{.name = "a", .milliseconds = 3000}});
  ASSERT_TRUE(tasks->begun(1));
  const auto guard = guard_of_worker(worker.pid());
  ASSERT_TRUE(guard);
  ::kill(*guard, SIGKILL);
  ASSERT_TRUE(eventually([&] {
    const auto now = guard_of_worker(worker.pid());
    return now && now != guard;
  }));
  add_worker("other", "1");
  worker.kill(SIGKILL);
  EXPECT_EQ(tasks->wait(job), 0);
  const std::vector<AttemptRun> runs = tasks->runs();
  ASSERT_EQ(runs.size(), 2u);
  EXPECT_FALSE(runs[0].ended);
  EXPECT_LE(runs[0].last, runs[1].start);
}

// It cannot stop its tasks, nor hear that it should: its guard does.
TEST_F(RestartTest, TasksOfAWorkerThatStandsStillEndWithItsLease) {
  start("4s");
  Process& worker = add_worker("w", "1");
  const std::string job = tasks->submit({{.name = "a", .milliseconds = 20'000}}, {"--retries", "3"});
  ASSERT_TRUE(tasks->begun(1));
  worker.kill(SIGSTOP);
  const std::string command_line = "/proc/" + std::to_string(tasks->runs()[0].pid) + "/cmdline";
  EXPECT_TRUE(eventually([&] { return read_file(command_line).empty(); }))  // also while nobody has reaped it
      << "the task goes on though its worker's lease is over";
  EXPECT_LT(tasks->runs()[0].last - tasks->runs()[0].start, 15'000'000) << "it ended by itself";
  worker.kill(SIGCONT);
  EXPECT_TRUE(tasks->begun(2)) << "it is run again";
  EXPECT_EQ(cluster->reeve({"cancel", job}).exit_code, 0);
}

// It finds the grant in its socket when it goes on.
TEST_F(RestartTest, WhatWasGrantedToAWorkerThatStoodStillBeyondItsLeaseDoesNotBeginThere) {
  start("2s");
  Process& worker = add_worker("w", "16");
  ASSERT_TRUE(eventually([&] {  // it has said how much it takes
    return cluster->reeve({"worker", "show", "w", "--json"}).out.contains("\"held_max\":16");
  }));
  worker.kill(SIGSTOP);
  std::vector<TaskPayload> payloads;
  for (int i = 0; i < 16; ++i) payloads.push_back({.name = "t" + std::to_string(i)});
  const std::string job = tasks->submit(payloads);
  add_worker("other", "1");
  EXPECT_EQ(tasks->wait(job), 0);
  worker.kill(SIGCONT);
  EXPECT_TRUE(eventually([&] { return cluster->worker_is_connected("w"); }));
  worker.kill(SIGTERM);
  EXPECT_EQ(worker.wait(), 0);
  for (const AttemptRun& run : tasks->runs()) {
    EXPECT_EQ(run.worker, "other") << run.name;
    EXPECT_EQ(run.attempt, 2u) << "the first was granted to the one that stood still";
  }
}

TEST_F(RestartTest, AMasterThatStandsStillForAWhileLosesNothing) {
  start("30s");
  add_worker("w", "4");
  std::vector<TaskPayload> payloads;
  for (int i = 0; i < 8; ++i) payloads.push_back({.name = "t" + std::to_string(i), .milliseconds = 500});
  const std::string job = tasks->submit(payloads);
  ASSERT_TRUE(tasks->begun(4));
  cluster->master().kill(SIGSTOP);
  ASSERT_TRUE(tasks->ended(4));
  cluster->master().kill(SIGCONT);
  EXPECT_EQ(tasks->wait(job), 0);
  EXPECT_EQ(tasks->runs().size(), 8u);
}

}  // namespace
}  // namespace reeve::testing
