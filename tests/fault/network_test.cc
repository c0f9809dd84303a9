// A network that fails without a word: nothing arrives any more, and no connection is closed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <thread>

#include "tests/fault/network.h"
#include "tests/fault/tasks.h"

namespace reeve::testing {
namespace {

using namespace std::chrono_literals;
using Side = Network::Side;
using ::testing::HasSubstr;

// The master and whoever is "near" are on the left, what is cut off on the right.
class NetworkTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!network.missing().empty()) GTEST_SKIP() << network.missing();
  }
  void start(const std::string& lease, const std::string& silence_max) {
    cluster = std::make_unique<Cluster>(
        ClusterOptions{.master_args = {"--lease", lease, "--silence-max", silence_max},
                       .listen = Network::address(Side::left) + ":0",
                       .prefix = network.prefix(Side::left)});
    tasks = std::make_unique<Tasks>(*cluster);
  }
  void add_worker(Side side, const std::string& name) {
    cluster->set_prefix(network.prefix(side));
    cluster->launch_worker(name, {"--slots", "1", "--kill-grace", "500ms"}, Tasks::worker_env(name));
    cluster->set_prefix(network.prefix(Side::left));
    ASSERT_TRUE(eventually([&] { return cluster->worker_is_connected(name); })) << cluster->master_log();
  }
  Process start_far(const std::vector<std::string>& args, const std::string& out) {
    cluster->set_prefix(network.prefix(Side::right));
    Process process = cluster->start_reeve(args, {.out = out, .err = out + ".log"});
    cluster->set_prefix(network.prefix(Side::left));
    return process;
  }
  Network network;
  std::unique_ptr<Cluster> cluster;
  std::unique_ptr<Tasks> tasks;
};

TEST_F(NetworkTest, AWorkerThatIsCutOffPastItsLeaseStopsItsTaskBeforeAnotherBegins) {
  start("4s", "2s");
  add_worker(Side::right, "far");
  const std::string job = tasks->submit({{.name = "t", .milliseconds = 8000}});
  ASSERT_TRUE(tasks->begun(1));
  add_worker(Side::left, "near");
  network.pull_the_cable();
  ASSERT_TRUE(tasks->begun(2)) << cluster->master_log();
  network.plug_it_in();
  EXPECT_EQ(cluster->reeve({"wait", job}).exit_code, 0);
  const std::vector<AttemptRun> all = tasks->runs();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].worker, "far");
  EXPECT_FALSE(all[0].ended);
  EXPECT_EQ(all[1].worker, "near");
  EXPECT_LE(all[0].last, all[1].start) << "both at once";
  EXPECT_EQ(cluster->reeve({"result", job}).out, task_value("t", 2) + "\n");
}

TEST_F(NetworkTest, AResultThatComesAfterTheLeaseIsRefused) {
  start("6s", "30s");
  add_worker(Side::right, "far");
  const std::string job = tasks->submit({{.name = "t", .milliseconds = 2500}});
  ASSERT_TRUE(tasks->begun(1));
  network.pull_the_cable();
  add_worker(Side::left, "near");
  ASSERT_TRUE(tasks->begun(2)) << cluster->master_log();
  EXPECT_TRUE(tasks->runs()[0].ended) << "it was finished when nobody could hear it";
  network.plug_it_in();
  EXPECT_EQ(cluster->reeve({"wait", job}).exit_code, 0);
  EXPECT_EQ(cluster->reeve({"result", job}).out, task_value("t", 2) + "\n");
  ASSERT_TRUE(eventually([&] { return cluster->worker_is_connected("far"); }));
  EXPECT_EQ(cluster->reeve({"result", job}).out, task_value("t", 2) + "\n");
  EXPECT_EQ(tasks->runs().size(), 2u);
}

TEST_F(NetworkTest, ACutShorterThanTheLeaseIsNotNoticedByTheTask) {
  start("30s", "30s");
  add_worker(Side::right, "far");
  add_worker(Side::left, "near");
  const std::string job = tasks->submit({{.name = "t", .milliseconds = 4000}});
  ASSERT_TRUE(tasks->begun(1));
  network.pull_the_cable();
  std::this_thread::sleep_for(1s);  // how long the cable is out, not a wait for something
  network.plug_it_in();
  EXPECT_EQ(cluster->reeve({"wait", job}).exit_code, 0);
  EXPECT_EQ(tasks->runs().size(), 1u);
  EXPECT_EQ(cluster->reeve({"result", job}).out, task_value("t", 1) + "\n");
}

// The getter's machine is gone and its connection still looks open: what it was handed goes to another one.
TEST_F(NetworkTest, AValueThatWasHandedToAGetterThatVanishedGoesToAnother) {
  start("30s", "2s");
  Process lost = start_far({"queue", "get", "q"}, cluster->path("lost"));
  ASSERT_TRUE(eventually(
      [&] { return cluster->reeve({"queue", "show", "q", "--json"}).out.contains("\"getters\":1"); }));
  network.pull_the_cable();
  EXPECT_EQ(cluster->reeve({"queue", "put", "q", "value"}).exit_code, 0);
  Process other = cluster->start_reeve({"queue", "get", "q"}, {.out = cluster->path("other")});
  EXPECT_EQ(other.wait(), 0);
  EXPECT_THAT(read_file(cluster->path("other")), HasSubstr("value"));
  EXPECT_EQ(read_file(cluster->path("lost")), "");
}

TEST_F(NetworkTest, AClientWhoseConnectionDiedInSilenceFindsBack) {
  start("30s", "2s");
  add_worker(Side::left, "near");
  const std::string job = tasks->submit({{.name = "t", .milliseconds = 3000}});
  Process waiting = start_far({"wait", job}, cluster->path("waiting"));
  ASSERT_TRUE(tasks->begun(1));
  ASSERT_TRUE(eventually([&] { return cluster->reeve({"status", "--json"}).out.contains("\"clients\":2"); }))
      << cluster->reeve({"status", "--json"}).out;
  network.pull_the_cable();
  ASSERT_EQ(cluster->reeve({"wait", job}).exit_code, 0);
  // The master gives the connection up; the client hears nothing of that either.
  ASSERT_TRUE(eventually([&] { return cluster->reeve({"status", "--json"}).out.contains("\"clients\":1"); }));
  network.plug_it_in();
  EXPECT_EQ(waiting.wait(), 0);
}

}  // namespace
}  // namespace reeve::testing
