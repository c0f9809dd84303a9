// A backup is the store at one moment, whatever is committed while it is written, and safe to go on from.
#include "master/store/backup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "master/store/check.h"
#include "master/store/memory_store.h"
#include "master/store/sqlite_store.h"
#include "tests/fakes/temp_dir.h"
#include "tests/unit/master/store/random_history.h"

namespace reeve::master {
namespace {

using ::testing::IsEmpty;

class BackupTest : public ::testing::Test {
 protected:
  BackupTest() {
    auto opened = store_.open();
    if (!opened) throw std::runtime_error(opened.error().detail);
    opened_ = std::move(*opened);
  }
  void apply_some(int transactions) {
    for (int i = 0; i < transactions; ++i) {
      Records records = history_.next();
      ASSERT_TRUE(store_.apply(records));
    }
  }
  std::string file() const { return restored_ / "reeve.db"; }
  Recovered restore() {
    restored_store_.emplace(SqliteStore::Options{.data_dir = restored_.path()});
    auto recovered = restored_store_->open();
    if (!recovered) throw std::runtime_error(recovered.error().detail);
    return std::move(*recovered);
  }

  const unsigned seed_ = std::random_device{}();
  const TempDir dir_, restored_;
  History history_{seed_, 20'000};
  SqliteStore store_{{.data_dir = dir_.path(), .checkpoint_pages = 50}};
  Recovered opened_;
  std::optional<SqliteStore> restored_store_;
};

TEST_F(BackupTest, ItIsTheStoreAsItWasWhenItBegan) {
  SCOPED_TRACE(fmt::format("seed {}", seed_));
  apply_some(600);
  const Model then = history_.model();
  const std::string outcomes_then = outcomes_text(store_, then);
  auto backup = store_.backup(file());
  ASSERT_TRUE(backup) << backup.error().detail;
  int pieces = 0;
  for (;; ++pieces) {
    apply_some(5);  // commits go on between the pieces, and the log is copied
    const auto done = (*backup)->step();
    ASSERT_TRUE(done) << done.error().detail;
    if (*done) break;
    EXPECT_FALSE(std::filesystem::exists(file())) << "it has its name before it is whole";
  }
  EXPECT_GT(pieces, 0) << "the store was too small to try";
  EXPECT_EQ((*backup)->bytes_done(), (*backup)->bytes_total());
  struct stat info{};
  ASSERT_EQ(::stat(file().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);

  const auto report = check_store(restored_.path());
  ASSERT_TRUE(report) << report.error().detail;
  EXPECT_TRUE(report->is_sound) << fmt::format("{}", fmt::join(report->lines, "\n"));
  const Recovered recovered = restore();
  Model expected = then;
  expected.workers.clear();
  expected.submissions.clear();
  expected.next_job += 1'000'000;
  EXPECT_EQ(model_of(recovered).text(), expected.text());
  EXPECT_EQ(outcomes_text(*restored_store_, then), outcomes_then);
}

TEST_F(BackupTest, WhatWasGivenOutAfterItIsNotGivenOutAgain) {
  Records before = batch(job_record(7), chunk_record(7, 1, {"a"}), WorkerRecord{"w", "castle"},
                         SubmissionRecord{.client = "c", .submission = 1, .job = JobId{7}});
  ASSERT_TRUE(store_.apply(before));
  auto backup = store_.backup(file());
  ASSERT_TRUE(backup);
  Records after = batch(job_record(8), chunk_record(8, 1, {"b"}));
  ASSERT_TRUE(store_.apply(after));
  while (!(*backup)->step().value()) continue;

  const Recovered recovered = restore();
  EXPECT_GT(recovered.epoch, opened_.epoch) << "leases of the first life would look like those of the second";
  EXPECT_NE(recovered.instance, opened_.instance) << "clients of before must end with an error";
  EXPECT_GT(recovered.next_job, 1'000'000u) << "job 8 would be another one";
  EXPECT_THAT(recovered.workers, IsEmpty()) << "leases of workers of before must not be taken up";
  EXPECT_THAT(recovered.submissions, IsEmpty()) << "a submission of before would be taken for a repetition";
}

TEST_F(BackupTest, EachTimeItIsRestoredItIsAnInstanceOfItsOwn) {
  auto backup = store_.backup(file());
  ASSERT_TRUE(backup);
  while (!(*backup)->step().value()) continue;
  const TempDir again;
  std::filesystem::copy_file(file(), again / "reeve.db");
  SqliteStore second{{.data_dir = again.path()}};
  const InstanceId first_instance = restore().instance;
  EXPECT_NE(second.open()->instance, first_instance);
  restored_store_.reset();
  EXPECT_EQ(restore().instance, first_instance) << "an ordinary restart keeps it";
}

TEST_F(BackupTest, OneThatIsGivenUpLeavesNothingBehind) {
  Records large = batch(job_record(1), chunk_record(1, 1, {std::string(4 << 20, 'p')}));
  ASSERT_TRUE(store_.apply(large));
  {
    auto backup = store_.backup(file());
    ASSERT_TRUE(backup);
    ASSERT_FALSE((*backup)->step().value()) << "the store was too small to try";
  }
  EXPECT_TRUE(std::filesystem::is_empty(restored_.path()));
  Records more = batch(job_record(2));
  EXPECT_TRUE(store_.apply(more));
}

TEST_F(BackupTest, WhatAKilledMasterLeftIsNotInTheWayOfTheNext) {
  std::string left;
  {
    auto backup = store_.backup(file());
    ASSERT_TRUE(backup);
    left = std::filesystem::directory_iterator { restored_.path() } -> path().string();
  }
  std::ofstream{left} << "unfinished";
  auto backup = store_.backup(file());
  ASSERT_TRUE(backup) << backup.error().detail;
  while (!(*backup)->step().value()) continue;
  EXPECT_TRUE(std::filesystem::exists(file()));
}

TEST_F(BackupTest, AnExistingFileIsNotReplacedEvenIfItAppearsMeanwhile) {
  auto backup = store_.backup(file());
  ASSERT_TRUE(backup);
  std::ofstream{file()} << "precious";
  Result<bool> done = false;
  do done = (*backup)->step();
  while (done && !*done);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Errc::already_exists);
  const auto again = store_.backup(file());
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Errc::already_exists);
  EXPECT_EQ(std::filesystem::file_size(file()), 8u);
}

TEST_F(BackupTest, AStoreInMemoryHasNothingToCopy) {
  MemoryStore memory;
  ASSERT_TRUE(memory.open());
  const auto backup = memory.backup(file());
  ASSERT_FALSE(backup);
  EXPECT_EQ(backup.error().code, Errc::wrong_state);
}

}  // namespace
}  // namespace reeve::master
