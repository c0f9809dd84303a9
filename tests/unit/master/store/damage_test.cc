// Damaged stores: what is wrong is said, what can be read is saved, and nothing that a file may hold makes either fail.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "master/core/broker.h"
#include "master/store/check.h"
#include "master/store/page_reader.h"
#include "master/store/salvage.h"
#include "master/store/sqlite_store.h"
#include "tests/fakes/temp_dir.h"
#include "tests/unit/master/store/random_history.h"

namespace reeve::master {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

std::string read_file(const std::string& path) {
  std::ostringstream content;
  content << std::ifstream{path, std::ios::binary}.rdbuf();
  return content.str();
}

void write_file(const std::string& path, std::string_view content) {
  std::ofstream{path, std::ios::binary | std::ios::trunc} << content;
}

std::string joined(const std::vector<std::string>& lines) {
  return fmt::format("{}", fmt::join(lines, "\n"));
}

unsigned seed_of_this_run() {
  const char* given = std::getenv("REEVE_TEST_SEED");
  return given != nullptr ? static_cast<unsigned>(std::strtoul(given, nullptr, 10)) : std::random_device{}();
}

class DamageTest : public ::testing::Test {
 protected:
  // A store with a random history, part of it in its log, as a killed master leaves it.
  void fill(int transactions) {
    SqliteStore store{{.data_dir = dir_ / "live", .row_bytes_max = 300, .checkpoint_pages = 100}};
    ASSERT_TRUE(store.open());
    for (int i = 0; i < transactions; ++i) {
      Records records = history_.next();
      ASSERT_TRUE(store.apply(records));
    }
    model_ = history_.model();
    std::filesystem::create_directory(data());
    for (const char* name : {"reeve.db", "reeve.db-wal"})
      std::filesystem::copy_file(dir_ / "live/" + name, data() + "/" + name);
  }
  // Everything in one file: for tests that look for pages.
  void copy_log() {
    auto database = sql::Database::open(db(), nullptr);
    ASSERT_TRUE(database->run("PRAGMA wal_checkpoint(TRUNCATE)"));
  }

  std::string data() const { return dir_ / "data"; }
  std::string db() const { return data() + "/reeve.db"; }
  std::string target() const { return dir_ / "salvaged/reeve.db"; }

  Result<SalvageReport> salvage() {
    std::filesystem::remove_all(dir_ / "salvaged");
    std::filesystem::create_directory(dir_ / "salvaged");
    return salvage_store(data(), target());
  }
  // It refuses with an error, or it runs.
  bool a_master_starts_on_it() {
    SqliteStore store{{.data_dir = data()}};
    auto recovered = store.open();
    if (recovered) Broker{Limits{}, std::move(*recovered), clock_now(), 1}.check_invariants();
    return recovered.has_value();
  }
  // What a master finds in the salvaged store, after it has started on it.
  Model found_by_a_master() {
    SqliteStore store{{.data_dir = dir_ / "salvaged"}};
    auto recovered = store.open();
    EXPECT_TRUE(recovered) << recovered.error().detail;
    if (!recovered) return {};
    Model model = model_of(*recovered);
    outcomes_ = outcomes_text(store, model);
    Broker{Limits{}, std::move(*recovered), clock_now(), 1}.check_invariants();
    return model;
  }

  const TempDir dir_;
  const unsigned seed_ = seed_of_this_run();
  std::mt19937 random_{seed_};
  History history_{seed_, 20'000};
  Model model_;
  std::string outcomes_;
};

TEST_F(DamageTest, ASoundStoreIsCalledSoundAndNotChanged) {
  fill(60);
  const std::string before = read_file(db()), log_before = read_file(db() + "-wal");
  const auto report = check_store(data());
  ASSERT_TRUE(report) << report.error().detail;
  EXPECT_TRUE(report->is_sound) << joined(report->lines);
  EXPECT_THAT(report->lines, Contains(HasSubstr(fmt::format("{} jobs (", model_.jobs.size()))));
  EXPECT_THAT(report->lines, Contains(HasSubstr(fmt::format("{} declared objects", model_.objects.size()))));
  EXPECT_THAT(report->lines, Contains("no master is running on it"));
  EXPECT_EQ(read_file(db()), before);
  EXPECT_EQ(read_file(db() + "-wal"), log_before);
}

TEST_F(DamageTest, ACheckBesideARunningMasterSaysSoAndDisturbsNothing) {
  SqliteStore store{{.data_dir = data()}};
  ASSERT_TRUE(store.open());
  Records first = batch(job_record(1), chunk_record(1, 1, {"a", "b"}));
  ASSERT_TRUE(store.apply(first));
  const auto report = check_store(data());
  ASSERT_TRUE(report) << report.error().detail;
  EXPECT_TRUE(report->is_sound) << joined(report->lines);
  EXPECT_THAT(report->lines, Contains(HasSubstr(fmt::format("running on it (pid {})", getpid()))));
  EXPECT_THAT(report->lines, Contains(HasSubstr("1 jobs (1 unfinished), 2 tasks (2 unfinished)")));
  Records second = batch(outcome_record(1, 1, 1));
  EXPECT_TRUE(store.apply(second));
  const auto salvaged = salvage_store(data(), target());
  ASSERT_FALSE(salvaged);
  EXPECT_THAT(salvaged.error().detail, HasSubstr("stop it first"));
}

TEST_F(DamageTest, WithoutAStoreTheDirectoryIsNamed) {
  const auto report = check_store(data());
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().detail, HasSubstr("there is no store in " + data()));
}

TEST_F(DamageTest, TheRefusalOfADamagedStoreNamesTheCommandsThatHelp) {
  fill(40);
  copy_log();
  std::string content = read_file(db());
  for (const auto& [at, bytes] :
       {std::pair{std::size_t{0}, std::string(100, 'x')}, {4096, std::string(8000, 'x')}}) {
    std::string damaged = content;
    damaged.replace(at, bytes.size(), bytes);
    write_file(db(), damaged);
    SqliteStore store{{.data_dir = data()}};
    const auto opened = store.open();
    ASSERT_FALSE(opened);
    EXPECT_THAT(opened.error().detail, testing::AnyOf(HasSubstr("--check-store"), HasSubstr("--salvage")));
    const auto report = check_store(data());
    ASSERT_TRUE(report);
    EXPECT_FALSE(report->is_sound);
    EXPECT_THAT(report->lines, Contains(HasSubstr("DAMAGED")));
    EXPECT_THAT(report->lines.back(), HasSubstr("--salvage NEW_FILE"));
  }
}

TEST_F(DamageTest, TransactionsBehindDamageInTheLogAreNoticedAndSaved) {
  std::filesystem::create_directory(dir_ / "live");
  {
    SqliteStore store{{.data_dir = dir_ / "live"}};
    ASSERT_TRUE(store.open());
    for (int i = 0; i < 50; ++i) {
      Records records = batch(QueueRecord{.name = fmt::format("q{}", i)});
      ASSERT_TRUE(store.apply(records));
    }
    std::filesystem::create_directory(data());
    for (const char* name : {"reeve.db", "reeve.db-wal"})
      std::filesystem::copy_file(dir_ / "live/" + name, data() + "/" + name);
  }
  std::string log = read_file(db() + "-wal");
  log[log.size() * 3 / 4] ^= 1;  // one bit, in the content of a page
  write_file(db() + "-wal", log);
  const auto report = check_store(data());
  ASSERT_TRUE(report) << report.error().detail;
  EXPECT_FALSE(report->is_sound);
  EXPECT_THAT(report->lines, Contains(HasSubstr("transactions stand behind the damage")));
  {
    SqliteStore store{{.data_dir = data()}};
    const auto opened = store.open();
    ASSERT_FALSE(opened);
    EXPECT_THAT(opened.error().detail, HasSubstr("--salvage NEW_FILE"));
  }
  ASSERT_TRUE(salvage());
  EXPECT_EQ(found_by_a_master().queues.size(), 50u);
}

// A power cut may leave any part of the last transaction, which was not acknowledged.
TEST_F(DamageTest, AStoreOpensWhenTheLastTransactionInItsLogIsTornAnywhere) {
  std::filesystem::create_directory(dir_ / "live");
  std::string log_before;
  {
    SqliteStore store{{.data_dir = dir_ / "live"}};
    ASSERT_TRUE(store.open());
    for (int i = 0; i < 20; ++i) {
      if (i == 19) log_before = read_file(dir_ / "live/reeve.db-wal");
      Records records =
          batch(QueueRecord{.name = fmt::format("q{}", i) + std::string(i == 19 ? 20'000 : 0, 'x')});
      ASSERT_TRUE(store.apply(records));
    }
    std::filesystem::create_directory(data());
    for (const char* name : {"reeve.db", "reeve.db-wal"})
      std::filesystem::copy_file(dir_ / "live/" + name, data() + "/" + name);
  }
  const std::string content = read_file(db()), log = read_file(db() + "-wal");
  constexpr std::size_t frame_bytes = 24 + 4096;
  std::vector<std::size_t> of_the_last;  // its frames
  for (std::size_t at = 32; at + frame_bytes <= log.size(); at += frame_bytes)
    if (log.compare(at, frame_bytes, log_before, std::min(at, log_before.size()), frame_bytes) != 0)
      of_the_last.push_back(at);
  ASSERT_GE(of_the_last.size(), 3u);
  for (const std::size_t at : of_the_last) {
    std::string torn = log;
    torn[at + 100] ^= 1;
    write_file(db(), content);
    write_file(db() + "-wal", torn);
    std::filesystem::remove(db() + "-shm");
    SqliteStore store{{.data_dir = data()}};
    const auto opened = store.open();
    ASSERT_TRUE(opened) << opened.error().detail;
    EXPECT_EQ(opened->queues.size(), 19u);
  }
}

TEST_F(DamageTest, FromASoundStoreEverythingIsSavedButWhatBelongsToConnections) {
  fill(80);
  const std::string before = read_file(db()), log_before = read_file(db() + "-wal");
  const auto report = salvage();
  ASSERT_TRUE(report) << report.error().detail;
  EXPECT_THAT(report->lines, Not(Contains(HasSubstr("lost: "))));
  EXPECT_EQ(read_file(db()), before);
  EXPECT_EQ(read_file(db() + "-wal"), log_before);
  struct stat info{};
  ASSERT_EQ(::stat(target().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);

  std::string expected_outcomes;
  {
    SqliteStore original{{.data_dir = data()}};
    ASSERT_TRUE(original.open());
    expected_outcomes = outcomes_text(original, model_);
  }
  const Model found = found_by_a_master();
  Model expected = model_;
  expected.workers.clear();
  expected.submissions.clear();
  expected.next_job += 1'000'000;
  // Queues that tasks wait in are made; the random history does without.
  for (const auto& [name, maxsize] : found.queues) expected.queues.try_emplace(name, maxsize);
  EXPECT_EQ(found.text(), expected.text());
  EXPECT_EQ(outcomes_, expected_outcomes);
}

TEST_F(DamageTest, AnExistingFileIsNotReplaced) {
  fill(5);
  write_file(dir_ / "precious", "something else");
  const auto report = salvage_store(data(), dir_ / "precious");
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Errc::already_exists);
  EXPECT_EQ(read_file(dir_ / "precious"), "something else");
}

TEST_F(DamageTest, ADamagedPageCostsTheRowsOnItAndNoOthers) {
  SCOPED_TRACE(fmt::format("seed {}", seed_));
  fill(150);
  copy_log();
  struct Page {
    std::uint64_t number, cells;
    bool is_way, is_overflow;
  };
  std::vector<Page> pages;
  {
    auto database = sql::Database::open(db(), nullptr);
    auto stat = database->prepare("SELECT pageno, ncell, pagetype, name FROM dbstat");
    if (!stat) GTEST_SKIP() << "this SQLite does not say what is on a page: " << stat.error().detail;
    while (*stat->step())
      pages.push_back(
          {stat->u64(0), stat->u64(1),
           stat->text(2) == "internal" && (stat->text(3) == "jobs" || stat->text(3) == "sqlite_schema"),
           stat->text(2) == "overflow"});
  }
  ASSERT_GT(pages.size(), 100u);
  const auto rows = [&] {
    auto reader = PageReader::open(db());
    std::uint64_t count = 0;
    reader->each_row([&](RawRow&&) { ++count; });
    return count;
  };
  const std::string content = read_file(db());
  const std::uint64_t all = rows();
  std::uint64_t cells = 0;
  for (const Page& page : pages) cells += page.is_way || page.is_overflow ? 0 : page.cells;
  EXPECT_EQ(all, cells) << "of an undamaged file, every row";
  for (const Page& page : pages) {
    std::string damaged = content;
    damaged.replace((page.number - 1) * 4096, 4096, std::string(4096, '\xee'));
    write_file(db(), damaged);
    const std::uint64_t lost = page.is_way ? 0 : page.is_overflow ? 1 : page.cells;
    // A page in the middle of a long row is noticed only if the row ends there: what it held may be accepted.
    if (page.is_overflow)
      ASSERT_GE(rows() + 1, all) << "page " << page.number;
    else
      ASSERT_EQ(rows(), all - lost) << "page " << page.number;
  }
}

TEST_F(DamageTest, WhateverIsDamagedTheCheckEndsAndAMasterRunsOnWhatIsSaved) {
  SCOPED_TRACE(fmt::format("seed {} (replay with REEVE_TEST_SEED={})", seed_, seed_));
  fill(60);
  const std::string content = read_file(db()), log = read_file(db() + "-wal");
  const auto pick = [&](std::size_t count) {
    return std::uniform_int_distribution<std::size_t>{0, count - 1}(random_);
  };
  const auto damage = [&](std::string& bytes) {
    const std::size_t at = pick(bytes.size()),
                      count = std::min(bytes.size() - at, 1 + pick(pick(2) == 0 ? 8 : 5000));
    for (std::size_t i = 0; i < count; ++i) bytes[at + i] = static_cast<char>(pick(256));
  };
  int saved = 0, called_sound = 0;
  constexpr int rounds = 60;
  for (int round = 0; round < rounds; ++round) {
    std::string damaged = content, damaged_log = log;
    for (std::size_t i = pick(4); i > 0; --i) damage(damaged);
    if (pick(3) == 0) damage(damaged_log);
    if (pick(8) == 0) damaged.resize(pick(damaged.size()));
    if (pick(8) == 0) damaged_log.resize(pick(damaged_log.size()));
    write_file(db(), damaged);
    write_file(db() + "-wal", damaged_log);
    std::filesystem::remove(db() + "-shm");
    SCOPED_TRACE(fmt::format("round {}", round));
    const auto report = check_store(data());
    called_sound += report && report->is_sound ? 1 : 0;
    const auto salvaged = salvage();
    const bool started = a_master_starts_on_it();
    EXPECT_TRUE(started || !report || !report->is_sound) << "the check called it sound";
    if (!salvaged) {
      EXPECT_THAT(salvaged.error().detail, HasSubstr("nothing was saved"));
      EXPECT_TRUE(std::filesystem::is_empty(dir_ / "salvaged"));
      continue;
    }
    ++saved;
    const auto sound = check_store(dir_ / "salvaged");
    ASSERT_TRUE(sound);
    ASSERT_TRUE(sound->is_sound) << joined(sound->lines);
    found_by_a_master();
    if (HasFatalFailure()) return;
  }
  fmt::print("seed {}: of {} damaged stores {} were saved from, {} looked sound\n", seed_, rounds, saved,
             called_sound);
  EXPECT_GT(saved, rounds / 2);
}

TEST(PageReaderTest, ARowOfMoreColumnsThanAnyTableHasIsNoRow) {
  const TempDir dir;
  auto database = sql::Database::open(dir / "wide.db", nullptr);
  ASSERT_TRUE(database);
  ASSERT_TRUE(
      database->run("PRAGMA page_size = 4096; CREATE TABLE t(a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q);"
                    "INSERT INTO t(q) VALUES (1)"));
  auto reader = PageReader::open(dir / "wide.db");
  ASSERT_TRUE(reader);
  std::vector<std::size_t> columns;
  reader->each_row([&](const RawRow& row) { columns.push_back(row.values.size()); });
  EXPECT_THAT(columns, testing::ElementsAre(5)) << "only that of the table in sqlite_schema";
  EXPECT_EQ(reader->damaged_pages(), 1u);
}

}  // namespace
}  // namespace reeve::master
