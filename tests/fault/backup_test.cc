// Backups of a master under load, restored: everything acknowledged before is there, and what was given out after them
// is not taken for something else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <memory>
#include <set>
#include <thread>

#include "reeve/client.h"
#include "tests/fault/tasks.h"

namespace reeve::testing {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// Puts numbered values, one after the other, as fast as they are acknowledged.
class Load {
 public:
  explicit Load(const Cluster& cluster)
      : client_(Client::connect(
            {.master = cluster.address(), .authkey = {}, .authkey_file = cluster.authkey_file()})),
        thread_([this] { run(); }) {}
  ~Load() { stop(); }

  int acknowledged() const { return acknowledged_; }
  Duration longest() const { return longest_; }
  void stop() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
  }

 private:
  void run() {
    Queue queue = client_.queue("numbers");
    for (int i = 0; !stopping_; ++i) {
      const TimePoint begun = mono_now();
      queue.put(std::to_string(i) + std::string(2000, '.'));
      longest_ = std::max<Duration>(longest_, mono_now() - begun);
      acknowledged_ = i + 1;
    }
  }

  Client client_;
  std::atomic<bool> stopping_ = false;
  std::atomic<int> acknowledged_ = 0;
  std::atomic<Duration> longest_ = Duration{0};
  std::thread thread_;
};

class BackupTest : public ::testing::Test {
 protected:
  std::string data() const {  // as the master writes it
    return std::filesystem::path{place.path() + "/data"}.lexically_normal().string();
  }
  std::string backup(const std::string& name) {
    const Ran ran = cluster.reeve({"admin", "backup", "--quiet", name});
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    return ran.out.substr(0, ran.out.find('\n'));
  }
  // As docs/OPERATIONS.md says.
  void restore(const std::string& file) {
    cluster.stop_master(SIGKILL);
    for (const char* name : {"/reeve.db", "/reeve.db-wal", "/reeve.db-shm"})
      std::filesystem::remove(data() + name);
    std::filesystem::copy_file(file, data() + "/reeve.db");
    cluster.start_master();
  }

  const TempDir place;
  Cluster cluster{{.data_dir = data()}};
};

TEST_F(BackupTest, EverythingAcknowledgedBeforeItIsInIt) {
  auto load = std::make_unique<Load>(cluster);
  ASSERT_TRUE(eventually([&] { return load->acknowledged() >= 2000; }));
  const int before = load->acknowledged();
  const std::string file = backup("under-load.db");
  EXPECT_EQ(file, data() + "/backups/under-load.db");
  const int after = load->acknowledged();
  ASSERT_TRUE(eventually([&] { return load->acknowledged() >= after + 100; })) << "commits go on";
  load->stop();
  struct stat info{};
  ASSERT_EQ(::stat(file.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  fmt::print("{} bytes; {} values before, {} meanwhile; the longest acknowledgement took {} ms\n",
             info.st_size, before, after - before,
             std::chrono::duration_cast<std::chrono::milliseconds>(load->longest()).count());
  load.reset();

  restore(file);
  Client client =
      Client::connect({.master = cluster.address(), .authkey = {}, .authkey_file = cluster.authkey_file()});
  std::set<int> there;
  Queue queue = client.queue("numbers");
  while (queue.qsize() > 0) there.insert(std::stoi(queue.get().bytes));
  EXPECT_GE(static_cast<int>(there.size()), before);
  EXPECT_LE(static_cast<int>(there.size()), after + 1);
  EXPECT_EQ(*there.rbegin(), static_cast<int>(there.size()) - 1) << "one moment: no holes";
}

TEST_F(BackupTest, LeasesAndNumbersFromAfterItAreNotTakenForOthers) {
  Tasks tasks{cluster};
  cluster.launch_worker("w", {"--slots", "2"}, Tasks::worker_env("w"));
  const std::string first = tasks.submit({{.name = "first", .milliseconds = 2000}});
  ASSERT_TRUE(tasks.begun(1));
  const std::string file = backup("early.db");
  const std::string second = tasks.submit({{.name = "second", .milliseconds = 2000}});
  ASSERT_TRUE(tasks.begun(2));

  restore(file);
  EXPECT_NE(cluster.reeve({"show", second}).exit_code, 0) << "it came after the backup";
  const std::string third = tasks.submit({{.name = "third", .milliseconds = 10}});
  EXPECT_GT(std::stoull(third), 1'000'000u) << "job " << second << " would be another one";
  EXPECT_EQ(tasks.wait(first), 0);
  EXPECT_EQ(tasks.wait(third), 0);
  EXPECT_EQ(cluster.reeve({"result", third}).out, task_value("third", 1) + "\n");
  std::size_t ended = 0;
  for (const AttemptRun& run : tasks.runs()) ended += run.ended ? 1 : 0;
  EXPECT_EQ(tasks.runs().size(), 4u) << "the first began again";
  EXPECT_EQ(ended, 2u) << "what ran when the master was restored was stopped";
}

TEST_F(BackupTest, AClientChoosesANameAndNoPlaceAndNothingIsReplaced) {
  for (const char* name :
       {"../outside.db", "/tmp/outside.db", ".hidden", "a/b.db", "new\nline", "..", "reeve.db-wal "}) {
    const Ran ran = cluster.reeve({"admin", "backup", name});
    EXPECT_EQ(ran.exit_code, 4) << name;
    EXPECT_THAT(ran.err, AnyOf(HasSubstr("backups are written to " + data() + "/backups"),
                               HasSubstr("the name of a backup has letters")));
  }
  for (const char* name : {"reeve.db-wal", "reeve.db-shm", "reeve.db-journal"})
    EXPECT_THAT(cluster.reeve({"admin", "backup", name}).err,
                HasSubstr("would be taken for a part of another"));
  EXPECT_FALSE(std::filesystem::exists(data() + "/outside.db"));
  const std::string file = backup("once.db");
  const auto size = std::filesystem::file_size(file);
  const Ran again = cluster.reeve({"admin", "backup", "once.db"});
  EXPECT_EQ(again.exit_code, 4);
  EXPECT_THAT(again.err, HasSubstr("is there already"));
  EXPECT_EQ(std::filesystem::file_size(file), size);
  EXPECT_EQ(backup(data() + "/backups/whole-path.db"), data() + "/backups/whole-path.db");
  const Ran unnamed = cluster.reeve({"admin", "backup", "--json"});
  EXPECT_EQ(unnamed.exit_code, 0);
  EXPECT_THAT(unnamed.out,
              StartsWith(R"({"schema":"reeve.backup/1","file":")" + data() + "/backups/reeve-20"));
}

TEST_F(BackupTest, AMasterThatIsStoppedMeanwhileLeavesAWholeBackupOrNone) {
  const std::string large(256 << 10, 'v');
  for (int i = 0; i < 40; ++i) ASSERT_EQ(cluster.reeve({"queue", "put", "q", "--stdin"}, large).exit_code, 0);
  for (std::uint64_t round = 1; round <= 5; ++round) {
    const std::string file = fmt::format("round-{}.db", round);
    {
      Client client = Client::connect(
          {.master = cluster.address(), .authkey = {}, .authkey_file = cluster.authkey_file()});
      EXPECT_FALSE(client.backup(round, file).finished);
      for (std::uint64_t asked = 1; asked < round; ++asked)
        EXPECT_EQ(client.backup(round, file).file, data() + "/backups/" + file);
    }
    cluster.stop_master(SIGTERM);
    std::error_code absent;  // it may not even have made the directory
    for (const auto& left : std::filesystem::directory_iterator{data() + "/backups", absent})
      EXPECT_EQ(left.path().extension(), ".db") << left.path();
    if (std::filesystem::exists(data() + "/backups/" + file)) {
      EXPECT_GT(std::filesystem::file_size(data() + "/backups/" + file), 40u * large.size());
    }
    cluster.start_master();
  }
}

TEST(BackupWithoutAStoreTest, AMasterThatKeepsNothingSaysSo) {
  Cluster cluster{{.ephemeral = true}};
  const Ran ran = cluster.reeve({"admin", "backup", "x.db"});
  EXPECT_EQ(ran.exit_code, 4);
  EXPECT_THAT(ran.err, HasSubstr("--ephemeral"));
}

}  // namespace
}  // namespace reeve::testing
