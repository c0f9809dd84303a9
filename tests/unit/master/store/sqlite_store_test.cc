// What only the durable store does: everything comes back, one master at a time, and trouble is told in
// words.
#include "master/store/sqlite_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <fstream>

#include "master/store/schema.h"
#include "tests/fakes/faulty_disk.h"
#include "tests/fakes/temp_dir.h"
#include "tests/unit/master/store/sample_records.h"

namespace reeve::master {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

class SqliteStoreTest : public ::testing::Test {
 protected:
  Recovered reopen() {
    store_.reset();
    store_.emplace(SqliteStore::Options{.data_dir = dir_.path(), .vfs = disk_.vfs()});
    auto recovered = store_->open();
    if (!recovered) throw std::runtime_error(recovered.error().detail);
    return std::move(*recovered);
  }

  template <typename... Each>
  Result<void> apply(Each... each) {
    Records records = batch(std::move(each)...);
    return store_->apply(records);
  }

  std::string refusal() {
    SqliteStore store{{.data_dir = dir_.path()}};
    const auto opened = store.open();
    return opened ? "" : opened.error().detail;
  }

  void run_sql(const char* sql) {
    store_.reset();
    auto database = sql::Database::open(dir_ / "reeve.db", nullptr);
    ASSERT_TRUE(database);
    const auto done = database->run(sql);
    ASSERT_TRUE(done) << done.error().detail;
  }

  std::int64_t count(const char* sql) {
    auto database = sql::Database::open(dir_ / "reeve.db", nullptr);
    return database->integer(sql).value();
  }

  TempDir dir_;
  FaultyDisk disk_;
  std::optional<SqliteStore> store_;
};

TEST_F(SqliteStoreTest, FilesThatWereMovedAwayAreNotWrittenUntilTheyAreBack) {
  reopen();
  for (const char* name : {"reeve.db", "reeve.db-wal"}) {
    std::filesystem::rename(dir_ / name, dir_ / "elsewhere");
    const auto refused = apply(QueueRecord{.name = name});
    ASSERT_FALSE(refused) << "it would be gone after a restart";
    EXPECT_THAT(refused.error().detail, HasSubstr(std::string(name) + " is gone"));
    std::ofstream{dir_ / name} << "something else";
    EXPECT_THAT(apply(QueueRecord{.name = name}).error().detail, HasSubstr("was replaced"));
    std::filesystem::rename(dir_ / "elsewhere", dir_ / name);
    EXPECT_TRUE(apply(QueueRecord{.name = name}));
  }
  EXPECT_THAT(reopen().queues, SizeIs(2));
}

TEST_F(SqliteStoreTest, ANewStoreIsEmptyAndPrivate) {
  const Recovered recovered = reopen();
  EXPECT_THAT(recovered.jobs, IsEmpty());
  EXPECT_EQ(recovered.next_job, 1u);
  const auto mode = std::filesystem::status(dir_ / "reeve.db").permissions();
  EXPECT_EQ(mode & std::filesystem::perms::all,
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST_F(SqliteStoreTest, EachOpeningRaisesTheEpoch) {
  const Epoch first = reopen().epoch;
  const Epoch second = reopen().epoch;
  EXPECT_GT(second, first);
  run_sql(
      "UPDATE meta SET value = 4000000000000000 WHERE name = 'epoch'");  // a clock that was set back since
  EXPECT_EQ(reopen().epoch, Epoch{4000000000000001});
}

TEST_F(SqliteStoreTest, TheInstanceIsDrawnOnceForEachStore) {
  const InstanceId first = reopen().instance;
  EXPECT_TRUE(first);
  EXPECT_EQ(reopen().instance, first);
  const TempDir elsewhere;
  SqliteStore other{{.data_dir = elsewhere.path()}};
  EXPECT_NE(other.open()->instance, first);
}

TEST_F(SqliteStoreTest, EveryKindOfRecordComesBack) {
  reopen();
  JobRecord job = job_record(4, "resize");
  job.open = true;
  job.started = wall_from_us(11);
  job.finished = wall_from_us(12);
  job.after = {JobId{2}, JobId{3}};
  job.values_of = "results";
  job.next_index = 9;
  job.erased = {.succeeded = 3, .failed = 2, .cancelled = 1};
  job.cancelled = true;
  const ProgressRecord tried{.task = {JobId{4}, 2},
                             .chunk = 1,
                             .attempt = 3,
                             .failures = 2,
                             .crashes = 1,
                             .not_before = wall_from_us(77),
                             .cancel_requested = true,
                             .once_started = true};
  const PeerKey client("\0client-key-16byt", 16), worker("worker-key-\xff-abc", 16);
  ASSERT_TRUE(apply(job, chunk_record(4, 1, {"a", "b"}), tried,
                    QueueRecord{"results", QueueKind::priority, 10, true, 3, "f", "r", true},
                    SubmissionRecord{client, 5, JobId{4}, 1, 2, wall_from_us(99)},
                    WorkerRecord{worker, "castle"}, ObjectRecord{"numbers", "Array", "d"},
                    CellRecord{"numbers", -5, std::string("\0\xff", 2)}, CellRecord{"numbers", 7, ""}));

  const Recovered back = reopen();
  EXPECT_EQ(back.next_job, 5u);
  ASSERT_THAT(back.jobs, SizeIs(1));
  const JobRecord& got = back.jobs[0].record;
  EXPECT_EQ(got.id, JobId{4});
  EXPECT_EQ(got.name, "resize");
  EXPECT_TRUE(got.open);
  EXPECT_EQ(got.submitted, job.submitted);
  EXPECT_EQ(got.started, job.started);
  EXPECT_EQ(got.erased, job.erased);
  EXPECT_EQ(got.cancelled, job.cancelled);
  EXPECT_EQ(got.finished, job.finished);
  EXPECT_EQ(got.after, job.after);
  EXPECT_EQ(got.values_of, "results");
  EXPECT_EQ(got.next_index, 9u);

  ASSERT_THAT(back.jobs[0].chunks, SizeIs(1));
  const auto& chunk = back.jobs[0].chunks[0];
  EXPECT_EQ(chunk.record.epoch, Epoch{7});
  EXPECT_EQ((*chunk.record.payloads)[1], "b");
  EXPECT_EQ(*chunk.record.spec, *sample_spec());
  EXPECT_THAT(chunk.finals, IsEmpty());
  ASSERT_THAT(chunk.progress, SizeIs(1));
  EXPECT_EQ(chunk.progress[0].task, tried.task);
  EXPECT_EQ(chunk.progress[0].attempt, 3u);
  EXPECT_EQ(chunk.progress[0].failures, 2u);
  EXPECT_EQ(chunk.progress[0].crashes, 1u);
  EXPECT_EQ(chunk.progress[0].not_before, tried.not_before);
  EXPECT_TRUE(chunk.progress[0].cancel_requested);
  EXPECT_TRUE(chunk.progress[0].once_started);

  ASSERT_THAT(back.queues, SizeIs(1));
  EXPECT_EQ(back.queues[0].name, "results");
  EXPECT_EQ(back.queues[0].function, "f");
  EXPECT_EQ(back.queues[0].results, "r");
  EXPECT_TRUE(back.queues[0].ack_task_done);
  EXPECT_EQ(back.queues[0].kind, QueueKind::priority);
  EXPECT_EQ(back.queues[0].maxsize, 10u);
  EXPECT_TRUE(back.queues[0].paused);
  EXPECT_EQ(back.queues[0].unfinished_taken, 3u);
  ASSERT_THAT(back.submissions, SizeIs(1));
  EXPECT_EQ(back.submissions[0].client, client);
  EXPECT_EQ(back.submissions[0].submission, 5u);
  EXPECT_EQ(back.submissions[0].job, JobId{4});
  EXPECT_EQ(back.submissions[0].count, 2u);
  EXPECT_EQ(back.submissions[0].at, wall_from_us(99));
  ASSERT_THAT(back.workers, SizeIs(1));
  EXPECT_EQ(back.workers[0].key, worker);
  EXPECT_EQ(back.workers[0].name, "castle");
  ASSERT_THAT(back.objects, SizeIs(1));
  EXPECT_EQ(back.objects[0].record.name, "numbers");
  EXPECT_EQ(back.objects[0].record.type, "Array");
  EXPECT_EQ(back.objects[0].record.typecode, "d");
  EXPECT_THAT(back.objects[0].cells, ElementsAre(Pair(-5, std::string("\0\xff", 2)), Pair(7, "")));
}

TEST_F(SqliteStoreTest, WithinABatchCellsThatCameBeforeAnErasureGoAndThoseBehindItStay) {
  reopen();
  ASSERT_TRUE(apply(ObjectRecord{"a", "list", ""}, CellRecord{"a", 1, "stored before"},
                    ObjectRecord{"ab", "list", ""}, CellRecord{"ab", 1, "of another"}));
  ASSERT_TRUE(apply(CellRecord{"a", 2, "early"}, CellsErased{"a"}, CellRecord{"a", 3, "late"},
                    CellRecord{"a", 4, "passing"}, CellErased{"a", 4}));
  Recovered back = reopen();
  ASSERT_THAT(back.objects, SizeIs(2));
  EXPECT_THAT(back.objects[0].cells, ElementsAre(Pair(3, "late")));
  EXPECT_THAT(back.objects[1].cells, ElementsAre(Pair(1, "of another")));
  ASSERT_TRUE(apply(ObjectErased{"a"}, ObjectRecord{"a", "dict", ""}, CellRecord{"a", 9, "new life"}));
  back = reopen();
  EXPECT_EQ(back.objects[0].record.type, "dict");
  EXPECT_THAT(back.objects[0].cells, ElementsAre(Pair(9, "new life")));
}

TEST_F(SqliteStoreTest, AFileOfTheVersionBeforeObjectsIsBroughtUpToDate) {
  reopen();
  ASSERT_TRUE(apply(job_record(1), chunk_record(1, 1, {"a"}), QueueRecord{.name = "q"}));
  run_sql("DROP TABLE objects; DROP TABLE cells; PRAGMA user_version = 2");
  const Recovered back = reopen();
  EXPECT_THAT(back.jobs, SizeIs(1));
  EXPECT_THAT(back.queues, SizeIs(1));
  EXPECT_THAT(back.objects, IsEmpty());
  EXPECT_TRUE(apply(ObjectRecord{"a", "list", ""}));
  EXPECT_THAT(reopen().objects, SizeIs(1));
}

TEST_F(SqliteStoreTest, WhatWasErasedDoesNotComeBack) {
  reopen();
  ASSERT_TRUE(apply(job_record(1), chunk_record(1, 1, {"a"}), QueueRecord{.name = "q"},
                    WorkerRecord{"k", "w"}, SubmissionRecord{.client = "c", .submission = 1},
                    SubmissionRecord{.client = "c", .submission = 2},
                    SubmissionRecord{.client = "d", .submission = 1}));
  ASSERT_TRUE(apply(JobErased{JobId{1}}, QueueErased{"q"}, WorkerErased{"k"}, SubmissionsSettled{"c", 1}));
  const Recovered back = reopen();
  EXPECT_THAT(back.jobs, IsEmpty());
  EXPECT_THAT(back.queues, IsEmpty());
  EXPECT_THAT(back.workers, IsEmpty());
  ASSERT_THAT(back.submissions, SizeIs(2));
  EXPECT_EQ(back.submissions[0].submission, 2u);
  EXPECT_EQ(back.submissions[1].client, "d");
}

TEST_F(SqliteStoreTest, AJobsNumberIsNeverGivenTwice) {
  reopen();
  ASSERT_TRUE(apply(job_record(6), chunk_record(6, 1, {"a"}), job_record(7), JobErased{JobId{7}}));
  EXPECT_EQ(reopen().next_job, 8u);
  ASSERT_TRUE(apply(JobErased{JobId{6}}));
  EXPECT_EQ(reopen().next_job, 8u);
}

TEST_F(SqliteStoreTest, AFinishedChunkComesBackAsAnOutline) {
  reopen();
  ASSERT_TRUE(apply(job_record(1), chunk_record(1, 1, {"a", "b"}), chunk_record(1, 3, {"c", "d"})));
  ASSERT_TRUE(apply(outcome_record(1, 1, 2, "", TaskState::failed), outcome_record(1, 3, 4)));
  ASSERT_TRUE(apply(outcome_record(1, 1, 1)));
  const Recovered back = reopen();
  const auto& chunks = back.jobs.at(0).chunks;
  ASSERT_THAT(chunks, SizeIs(2));
  EXPECT_EQ(chunks[0].record.payloads, nullptr);
  EXPECT_NE(chunks[0].record.spec, nullptr);
  EXPECT_THAT(chunks[0].finals, ElementsAre(Pair(1, TaskState::succeeded), Pair(2, TaskState::failed)));
  ASSERT_NE(chunks[1].record.payloads, nullptr);
  EXPECT_THAT(chunks[1].finals, ElementsAre(Pair(4, TaskState::succeeded)));
}

TEST_F(SqliteStoreTest, AnOutcomeEndsTheProgressBeforeIt) {
  reopen();
  ASSERT_TRUE(apply(job_record(1), chunk_record(1, 1, {"a", "b", "c"}), progress_record(1, 1, 1, 1),
                    progress_record(1, 1, 2, 1), progress_record(1, 1, 3, 1)));
  ASSERT_TRUE(apply(outcome_record(1, 1, 1), outcome_record(1, 1, 2, "", TaskState::failed)));
  ASSERT_TRUE(apply(retried(1, 1, 2), retried(1, 1, 1), progress_record(1, 1, 2, 4)));
  const Recovered back = reopen();
  const auto& chunk = back.jobs.at(0).chunks.at(0);
  EXPECT_THAT(chunk.finals, IsEmpty());
  ASSERT_THAT(chunk.progress, SizeIs(2));
  EXPECT_EQ(chunk.progress[0].task.index, 2u);
  EXPECT_EQ(chunk.progress[0].attempt, 4u);
  EXPECT_EQ(chunk.progress[1].task.index, 3u);
}

TEST_F(SqliteStoreTest, ABatchBecomesFewRows) {
  reopen();
  ASSERT_TRUE(apply(job_record(1), chunk_record(1, 1, {"a", "b", "c"}), chunk_record(1, 4, {"x"}),
                    outcome_record(1, 1, 1), outcome_record(1, 1, 3), outcome_record(1, 4, 4),
                    ChunkErased{JobId{1}, 4}, progress_record(1, 1, 2, 1), progress_record(1, 1, 2, 2),
                    progress_record(1, 4, 4, 1)));
  EXPECT_EQ(count("SELECT count(*) FROM chunks"), 1);
  EXPECT_EQ(count("SELECT count(*) FROM outcomes"), 1);
  EXPECT_EQ(count("SELECT count(*) FROM progress"),
            2);  // one task's, and one for a chunk that is gone: skipped later
}

TEST_F(SqliteStoreTest, ASecondMasterIsRefusedAndToldWhoHasIt) {
  reopen();
  SqliteStore second{{.data_dir = dir_.path()}};
  const auto opened = second.open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::already_exists);
  EXPECT_THAT(opened.error().detail, HasSubstr(fmt::format("pid {}", getpid())));
  EXPECT_THAT(opened.error().detail, HasSubstr(dir_.path()));
  store_.reset();
  EXPECT_TRUE(second.open());
}

TEST_F(SqliteStoreTest, ADataDirectoryIsMadeWithItsParents) {
  SqliteStore store{{.data_dir = dir_ / "state/reeve/"}};
  ASSERT_TRUE(store.open());
}

TEST_F(SqliteStoreTest, ANewerFormatIsRefusedAndLeftAlone) {
  reopen();
  run_sql("PRAGMA user_version = 1000");
  EXPECT_THAT(refusal(), HasSubstr("newer reeve-master (format 1000"));
  EXPECT_EQ(count("PRAGMA user_version"), 1000);
}

TEST_F(SqliteStoreTest, AnotherProgramsDatabaseIsRefused) {
  run_sql("CREATE TABLE notes (text TEXT)");
  EXPECT_THAT(refusal(), HasSubstr("database of another program"));
}

TEST_F(SqliteStoreTest, ADamagedFileIsRefusedInPlainWords) {
  std::ofstream{dir_ / "reeve.db"} << std::string(8192, 'x');
  EXPECT_THAT(refusal(), HasSubstr("damaged or was not made by reeve-master"));
}

TEST_F(SqliteStoreTest, ADamagedBlobIsRefusedInPlainWords) {
  reopen();
  ASSERT_TRUE(apply(job_record(1), chunk_record(1, 1, {"a"})));
  run_sql("UPDATE chunks SET payloads = x'ffff'");
  EXPECT_THAT(refusal(), HasSubstr("the payloads of a job does not parse"));
}

TEST_F(SqliteStoreTest, AFullDiskIsToldAndTheSameBatchSucceedsLater) {
  reopen();
  ASSERT_TRUE(apply(job_record(1), chunk_record(1, 1, {"a"})));
  Records batch_of_2 = batch(job_record(2), chunk_record(2, 1, {"b"}), outcome_record(1, 1, 1));
  for (const int writes : {0, 1, 3}) {
    disk_.fill_up_after(writes);
    const auto applied = store_->apply(batch_of_2);
    ASSERT_FALSE(applied);
    EXPECT_EQ(applied.error().code, Errc::storage_failed);
    EXPECT_THAT(applied.error().detail, HasSubstr("the disk is full"));
    EXPECT_THAT(batch_of_2, SizeIs(3));
  }
  EXPECT_THAT(*store_->chunks(JobId{2}, 1, 1), IsEmpty());
  EXPECT_THAT(*store_->outcomes(JobId{1}, 1, 1, 1), IsEmpty());

  disk_.fill_up_after(-1);
  ASSERT_TRUE(store_->apply(batch_of_2));
  const Recovered back = reopen();
  EXPECT_THAT(back.jobs, SizeIs(2));
  EXPECT_THAT(back.jobs[0].chunks.at(0).finals, SizeIs(1));
}

TEST_F(SqliteStoreTest, AFailedFlushIsNotASuccess) {
  reopen();
  Records records = batch(job_record(1), chunk_record(1, 1, {"a"}));
  disk_.fail_flushes_with(SQLITE_IOERR_FSYNC);
  const auto applied = store_->apply(records);
  ASSERT_FALSE(applied);
  EXPECT_THAT(applied.error().detail, HasSubstr("I/O error"));
  disk_.fail_flushes_with(SQLITE_OK);
  EXPECT_THAT(*store_->chunks(JobId{1}, 1, 1), IsEmpty());
  ASSERT_TRUE(store_->apply(records));
  EXPECT_THAT(reopen().jobs, SizeIs(1));
}

TEST_F(SqliteStoreTest, AFailingDiskDuringTheOpeningIsTold) {
  disk_.fail_writes_with(SQLITE_IOERR_WRITE);
  SqliteStore store{{.data_dir = dir_.path(), .vfs = disk_.vfs()}};
  const auto opened = store.open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::storage_failed);
  EXPECT_THAT(opened.error().detail, HasSubstr("I/O error"));
  disk_.fail_writes_with(SQLITE_OK);
  EXPECT_TRUE(store.open());
}

TEST_F(SqliteStoreTest, APowerCutLosesNothingThatWasAcknowledged) {
  reopen();
  // Far beyond one checkpoint, so that the log starts over and the database file is rewritten meanwhile.
  const std::string payload(20'000, 'p');
  for (std::uint64_t job = 1; job <= 1000; ++job) {
    ASSERT_TRUE(apply(job_record(job), chunk_record(job, 1, {payload})));
    if (job % 100 != 0) continue;
    const TempDir after;
    disk_.copy_as_after_power_cut(dir_.path(), after.path());
    SqliteStore survivor{{.data_dir = after.path()}};
    const auto recovered = survivor.open();
    ASSERT_TRUE(recovered) << recovered.error().detail;
    ASSERT_THAT(recovered->jobs, SizeIs(job));
    EXPECT_EQ(recovered->jobs.back().chunks.at(0).record.payloads->bytes(), payload.size());
  }
}

// Counts how often a connection begins to copy the log.
class CheckpointCounter final : public DiskShim {
 public:
  CheckpointCounter() : DiskShim("checkpoints") {}
  ~CheckpointCounter() override = default;
  int count() const { return count_; }

 private:
  int lock_index(sqlite3_file* real, int slot, int count, int flags) override {
    constexpr int checkpoint_slot = 1;  // of SQLite's shared index, as its file format says
    if (slot == checkpoint_slot && (flags & SQLITE_SHM_LOCK) != 0) ++count_;
    return DiskShim::lock_index(real, slot, count, flags);
  }
  std::atomic<int> count_ = 0;
};

TEST_F(SqliteStoreTest, TheLogIsNotCopiedWhenThereIsNothingNewInIt) {
  CheckpointCounter disk;
  SqliteStore store{{.data_dir = dir_.path(), .vfs = disk.vfs(), .checkpoint_pages = 1}};
  ASSERT_TRUE(store.open());
  const int before = disk.count();
  std::uint64_t queues = 0;
  while (disk.count() < before + 2) {  // once beside the commits, once behind one
    Records records = batch(QueueRecord{.name = "q", .maxsize = ++queues});
    ASSERT_TRUE(store.apply(records));
  }
  const int copied = disk.count();
  for (int i = 0; i < 200; ++i) {
    Records nothing_new = batch(WorkerErased{"nobody"});
    ASSERT_TRUE(store.apply(nothing_new));
  }
  EXPECT_EQ(disk.count(), copied);
}

TEST_F(SqliteStoreTest, TheLogDoesNotGrowForEver) {
  reopen();
  const std::string payload(100'000, 'p');
  for (std::uint64_t job = 1; job <= 1000; ++job)
    ASSERT_TRUE(apply(job_record(job), chunk_record(job, 1, {payload})));
  EXPECT_LT(std::filesystem::file_size(dir_ / "reeve.db-wal"), 64u << 20) << "of 100 MB written";
}

}  // namespace
}  // namespace reeve::master
