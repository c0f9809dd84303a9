// Disks that are full and stores that vanish: acknowledging stops, in plain words, and goes on when it can.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>

#include "tests/fault/tasks.h"

namespace reeve::testing {
namespace {

using ::testing::HasSubstr;

// A file system of a few megabytes that only this process and its children see.
class SmallDisk {
 public:
  SmallDisk() {
    // What is mounted in here ends with this process, however it ends.
    if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("none", dir_.path().c_str(), "tmpfs", 0, "size=24m") != 0)
      missing_ = std::string("a small file system cannot be mounted here: ") + std::strerror(errno);
  }
  ~SmallDisk() {
    if (missing_.empty()) ::umount2(dir_.path().c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  const std::string& missing() const { return missing_; }
  std::string path(const std::string& name) const { return dir_.path() + "/" + name; }

  void fill() const {
    std::ofstream ballast{path("ballast"), std::ios::binary};
    const std::string some(4096, 'x');
    while (ballast.write(some.data(), static_cast<std::streamsize>(some.size())).flush()) continue;
  }
  void make_room() const { std::filesystem::remove(path("ballast")); }

 private:
  TempDir dir_;
  std::string missing_;
};

class StoreTest : public ::testing::Test {
 protected:
  void start(const std::string& data_dir) {
    cluster = std::make_unique<Cluster>(ClusterOptions{.data_dir = data_dir});
    tasks = std::make_unique<Tasks>(*cluster);
  }
  // Puts values until one is refused; the acknowledged ones are counted.
  Ran put_until_refused() {
    const std::string large(256 << 10, 'v');
    for (int i = 0; i < 1000; ++i) {
      Ran ran = cluster->reeve({"queue", "put", "q", "--stdin"}, large);
      if (ran.exit_code != 0) return ran;
      ++acknowledged;
    }
    return {};
  }
  std::string status() { return cluster->reeve({"status"}).out; }
  bool values_are_there(int least, int most) {
    const Ran shown = cluster->reeve({"queue", "show", "q", "--json"});
    const auto at = shown.out.find("\"size\":");
    const int size = at == std::string::npos ? -1 : std::atoi(shown.out.c_str() + at + 7);
    return size >= least && size <= most;
  }

  // reeve-master with the cluster's store, to its end.
  Ran master_tool(std::vector<std::string> words) {
    words.insert(words.begin(), {program("reeve-master"), "--data-dir", cluster->data_dir()});
    const Process::Files files{.out = cluster->path("tool.out"), .err = cluster->path("tool.err")};
    Ran ran{.exit_code = cluster->start_program(words, files).wait().value_or(-1), .out = {}, .err = {}};
    ran.out = read_file(files.out), ran.err = read_file(files.err);
    return ran;
  }

  SmallDisk disk;
  std::unique_ptr<Cluster> cluster;
  std::unique_ptr<Tasks> tasks;
  int acknowledged = 0;
};

TEST_F(StoreTest, AFullDiskStopsAcknowledgingInPlainWordsAndGoesOnWhenThereIsRoom) {
  if (!disk.missing().empty()) GTEST_SKIP() << disk.missing();
  start(disk.path("data"));
  cluster->launch_worker("w", {"--slots", "1"}, Tasks::worker_env("w"));
  const std::string job = tasks->submit({{.name = "t", .milliseconds = 3000}});
  ASSERT_TRUE(tasks->begun(1));
  disk.fill();
  const Ran refused = put_until_refused();
  EXPECT_NE(refused.exit_code, 0);
  EXPECT_THAT(refused.err, HasSubstr("the disk is full"));
  EXPECT_THAT(status(), HasSubstr("the disk is full"));
  ASSERT_TRUE(tasks->ended(1)) << "tasks go on meanwhile";
  EXPECT_EQ(cluster->reeve({"wait", "--timeout", "300ms", job}).exit_code, 124)
      << "its result cannot be kept";

  disk.make_room();
  ASSERT_TRUE(eventually([&] { return !status().contains("the disk is full"); }));
  EXPECT_EQ(tasks->wait(job), 0);
  EXPECT_EQ(cluster->reeve({"queue", "put", "q", "last"}).exit_code, 0);
  ++acknowledged;
  cluster->stop_master(SIGKILL);
  cluster->start_master();
  EXPECT_TRUE(values_are_there(acknowledged, acknowledged + 1)) << "the refused one may be there as well";
  EXPECT_EQ(cluster->reeve({"result", job}).out, task_value("t", 1) + "\n");
  EXPECT_EQ(tasks->runs().size(), 1u);
}

TEST_F(StoreTest, AMasterOnAFullDiskStartsOnlyWhenThereIsRoomAndSaysWhy) {
  if (!disk.missing().empty()) GTEST_SKIP() << disk.missing();
  start(disk.path("data"));
  EXPECT_EQ(cluster->reeve({"queue", "put", "q", "value"}).exit_code, 0);
  cluster->stop_master(SIGKILL);
  disk.fill();
  std::string why;
  try {
    cluster->start_master();  // there may be room in the log; then it goes on as usual
  } catch (const std::exception& error) {
    why = error.what();
    EXPECT_THAT(why, HasSubstr("the disk is full"));
  }
  disk.make_room();
  if (!why.empty()) cluster->start_master();
  EXPECT_TRUE(values_are_there(1, 1));
}

TEST_F(StoreTest, ADamagedStoreIsNamedExaminedSavedFromAndGoneOnWith) {
  const TempDir place;
  const std::string data = place.path() + "/data", saved = place.path() + "/saved.db";
  start(data);
  EXPECT_EQ(cluster->reeve({"queue", "put", "q", "precious"}).exit_code, 0);
  EXPECT_EQ(master_tool({"--check-store"}).exit_code, 0);
  EXPECT_THAT(master_tool({"--check-store"}).out, HasSubstr("a master is running on it (pid "));
  EXPECT_THAT(master_tool({"--salvage", saved}).err, HasSubstr("stop it first"));
  cluster->stop_master(SIGTERM);  // so that everything is in reeve.db
  ASSERT_NE(::truncate((data + "/reeve.db-wal").c_str(), 0), -1);
  {
    std::fstream file{data + "/reeve.db", std::ios::binary | std::ios::in | std::ios::out};
    file << std::string(100, 'x');
  }
  try {
    cluster->start_master();
    ADD_FAILURE() << "it started on a damaged store";
  } catch (const std::exception& error) {
    EXPECT_THAT(error.what(), HasSubstr("--salvage"));
  }
  const Ran checked = master_tool({"--check-store"});
  EXPECT_EQ(checked.exit_code, 1);
  EXPECT_THAT(checked.out, HasSubstr("The store is damaged"));
  const Ran salvaged = master_tool({"--salvage", saved});
  ASSERT_EQ(salvaged.exit_code, 0) << salvaged.err;
  EXPECT_THAT(salvaged.out, HasSubstr("1 queues, 1 values"));

  for (const char* name : {"/reeve.db", "/reeve.db-wal", "/reeve.db-shm"})
    std::filesystem::remove(data + name);
  std::filesystem::rename(saved, data + "/reeve.db");
  cluster->start_master();
  EXPECT_EQ(cluster->reeve({"queue", "get", "q"}).out, "precious\n");
}

TEST_F(StoreTest, ADataDirectoryThatVanishesStopsAcknowledgingUntilItIsBack) {
  const TempDir place;
  const std::string data = place.path() + "/data", elsewhere = place.path() + "/elsewhere";
  start(data);
  EXPECT_EQ(cluster->reeve({"queue", "put", "q", "first"}).exit_code, 0);
  std::filesystem::rename(data, elsewhere);
  const Ran refused = cluster->reeve({"queue", "put", "q", "second"});
  EXPECT_NE(refused.exit_code, 0) << "it would be lost at the next restart";
  EXPECT_THAT(refused.err, HasSubstr("reeve.db is gone"));
  EXPECT_THAT(status(), HasSubstr("reeve.db is gone"));

  std::filesystem::rename(elsewhere, data);
  ASSERT_TRUE(eventually([&] { return !status().contains("is gone"); }));
  EXPECT_EQ(cluster->reeve({"queue", "put", "q", "third"}).exit_code, 0);
  cluster->stop_master(SIGKILL);
  cluster->start_master();
  EXPECT_TRUE(values_are_there(2, 3));
}

}  // namespace
}  // namespace reeve::testing
