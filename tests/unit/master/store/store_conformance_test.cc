// What every Store answers while it is open, whatever it is made of.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "master/store/memory_store.h"
#include "master/store/sqlite_store.h"
#include "tests/fakes/temp_dir.h"
#include "tests/unit/master/store/sample_records.h"

namespace reeve::master {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct SqliteKind {
  TempDir dir;
  SqliteStore store{{.data_dir = dir.path()}};
};
struct MemoryKind {
  MemoryStore store;
};

template <typename Kind>
class StoreConformanceTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(store().open()); }
  Store& store() { return kind_.store; }

  template <typename... Each>
  void apply(Each... each) {
    Records records = batch(std::move(each)...);
    const auto applied = store().apply(records);
    ASSERT_TRUE(applied) << applied.error().detail;
    EXPECT_TRUE(records.empty());
  }

  // "index=value" of each outcome.
  std::vector<std::string> outcomes(std::uint64_t job, std::uint32_t first = 1, std::uint32_t last = 1000,
                                    std::size_t limit = 1000) {
    std::vector<std::string> seen;
    const auto found = store().outcomes(JobId{job}, first, last, limit);
    EXPECT_TRUE(found);
    for (const auto& [index, outcome] : *found) seen.push_back(fmt::format("{}={}", index, outcome.value));
    return seen;
  }

  std::vector<std::uint32_t> chunks(std::uint64_t job, std::uint32_t first = 1, std::uint32_t last = 1000) {
    std::vector<std::uint32_t> seen;
    const auto found = store().chunks(JobId{job}, first, last);
    EXPECT_TRUE(found);
    for (const auto& chunk : *found) seen.push_back(chunk.first);
    return seen;
  }

 private:
  Kind kind_;
};

using Kinds = ::testing::Types<SqliteKind, MemoryKind>;
class KindNames {
 public:
  template <typename Kind>
  static std::string GetName(int) {
    return std::is_same_v<Kind, SqliteKind> ? "Sqlite" : "Memory";
  }
};
TYPED_TEST_SUITE(StoreConformanceTest, Kinds, KindNames);

TYPED_TEST(StoreConformanceTest, AChunkComesBackAsItWasPut) {
  auto put = chunk_record(7, 1, {"one", "", std::string("\0\xff", 2)});
  auto origins = std::make_shared<std::vector<ValueOrigin>>();
  for (std::uint32_t i = 1; i <= 3; ++i) origins->push_back({{JobId{3}, i}, TaskState::failed, "why"});
  put.origins = origins;
  this->apply(job_record(7), put);

  const auto found = this->store().chunks(JobId{7}, 2, 2);
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), 1u);
  const ChunkRecord& chunk = found->front();
  EXPECT_EQ(chunk.job, JobId{7});
  EXPECT_EQ(chunk.first, 1u);
  EXPECT_EQ(*chunk.spec, *put.spec);
  EXPECT_EQ(chunk.submitted, put.submitted);
  EXPECT_EQ(chunk.payloads->size(), 3u);
  EXPECT_EQ((*chunk.payloads)[0], "one");
  EXPECT_EQ((*chunk.payloads)[1], "");
  EXPECT_EQ((*chunk.payloads)[2], (std::string_view{"\0\xff", 2}));
  ASSERT_NE(chunk.origins, nullptr);
  EXPECT_EQ((*chunk.origins)[2].task, (TaskId{JobId{3}, 3}));
  EXPECT_EQ((*chunk.origins)[2].state, TaskState::failed);
  EXPECT_EQ((*chunk.origins)[2].error, "why");
}

TYPED_TEST(StoreConformanceTest, OnlyTheChunksThatHoldTheAskedTasksCome) {
  this->apply(job_record(1), chunk_record(1, 1, {"a", "b"}), chunk_record(1, 3, {"c", "d"}),
              chunk_record(1, 5, {"e"}), chunk_record(2, 1, {"z"}));
  EXPECT_THAT(this->chunks(1), ElementsAre(1, 3, 5));
  EXPECT_THAT(this->chunks(1, 4, 4), ElementsAre(3));
  EXPECT_THAT(this->chunks(1, 2, 3), ElementsAre(1, 3));
  EXPECT_THAT(this->chunks(1, 6), IsEmpty());
  EXPECT_THAT(this->chunks(9), IsEmpty());
}

TYPED_TEST(StoreConformanceTest, AnOutcomeComesBackWithEverythingInIt) {
  Outcome outcome{.state = TaskState::failed,
                  .attempt = 3,
                  .encoding = Encoding::json,
                  .value = "[1]",
                  .error = "it broke",
                  .exit_code = -2,
                  .signal = 9,
                  .out = "out",
                  .err = std::string("\0err", 4),
                  .out_cut = true,
                  .timed_out = true,
                  .started = wall_from_us(1'700'000'000'000'000),
                  .run = Duration{1234},
                  .worker = "castle"};
  this->apply(job_record(1), chunk_record(1, 1, {"a"}), OutcomeRecord{{JobId{1}, 1}, 1, outcome});

  const auto found = this->store().outcomes(JobId{1}, 1, 1, 10);
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), 1u);
  const Outcome& back = found->front().outcome;
  EXPECT_EQ(back.state, outcome.state);
  EXPECT_EQ(back.attempt, outcome.attempt);
  EXPECT_EQ(back.encoding, outcome.encoding);
  EXPECT_EQ(back.value, outcome.value);
  EXPECT_EQ(back.error, outcome.error);
  EXPECT_EQ(back.exit_code, outcome.exit_code);
  EXPECT_EQ(back.signal, outcome.signal);
  EXPECT_EQ(back.out, outcome.out);
  EXPECT_EQ(back.err, outcome.err);
  EXPECT_TRUE(back.out_cut);
  EXPECT_FALSE(back.err_cut);
  EXPECT_TRUE(back.timed_out);
  EXPECT_EQ(back.started, outcome.started);
  EXPECT_EQ(back.run, outcome.run);
  EXPECT_EQ(back.worker, outcome.worker);
}

TYPED_TEST(StoreConformanceTest, OutcomesComeByIndexWhateverTheOrderTheyWereRecordedIn) {
  this->apply(job_record(1), chunk_record(1, 1, {"a", "b", "c"}), chunk_record(1, 4, {"d"}));
  this->apply(outcome_record(1, 4, 4, "d"), outcome_record(1, 1, 3, "c"), outcome_record(1, 1, 1, "a"));
  this->apply(outcome_record(1, 1, 2, "b"));
  EXPECT_THAT(this->outcomes(1), ElementsAre("1=a", "2=b", "3=c", "4=d"));
  EXPECT_THAT(this->outcomes(1, 2, 3), ElementsAre("2=b", "3=c"));
  EXPECT_THAT(this->outcomes(1, 1, 1000, 3), ElementsAre("1=a", "2=b", "3=c"));
  EXPECT_THAT(this->outcomes(1, 4, 1000), ElementsAre("4=d"));
}

TYPED_TEST(StoreConformanceTest, ARetryTakesTheOutcomeAwayUntilThereIsANewOne) {
  this->apply(job_record(1), chunk_record(1, 1, {"a", "b"}));
  this->apply(outcome_record(1, 1, 1, "old"), outcome_record(1, 1, 2, "b"));
  this->apply(retried(1, 1, 1));
  EXPECT_THAT(this->outcomes(1), ElementsAre("2=b"));
  this->apply(outcome_record(1, 1, 1, "new"));
  EXPECT_THAT(this->outcomes(1), ElementsAre("1=new", "2=b"));
}

TYPED_TEST(StoreConformanceTest, WithinOneBatchTheLastOutcomeOfATaskCounts) {
  this->apply(job_record(1), chunk_record(1, 1, {"a", "b"}), outcome_record(1, 1, 1, "old"), retried(1, 1, 1),
              outcome_record(1, 1, 2, "b"), outcome_record(1, 1, 1, "new"), retried(1, 1, 2));
  EXPECT_THAT(this->outcomes(1), ElementsAre("1=new"));
}

TYPED_TEST(StoreConformanceTest, AValueThatWasTakenHasNoOutcome) {
  this->apply(job_record(1), chunk_record(1, 1, {"a", "b"}), taken(1, 1, 1));
  EXPECT_THAT(this->outcomes(1), IsEmpty());
}

TYPED_TEST(StoreConformanceTest, ErasingAChunkTakesItsOutcomesAlong) {
  this->apply(job_record(1), chunk_record(1, 1, {"a"}), chunk_record(1, 2, {"b"}));
  this->apply(outcome_record(1, 1, 1, "a"), outcome_record(1, 2, 2, "b"));
  this->apply(ChunkErased{JobId{1}, 1});
  EXPECT_THAT(this->chunks(1), ElementsAre(2));
  EXPECT_THAT(this->outcomes(1), ElementsAre("2=b"));
}

TYPED_TEST(StoreConformanceTest, ErasingAJobLeavesItsNeighboursAlone) {
  this->apply(chunk_record(1, 1, {"a"}), chunk_record(2, 1, {"b"}), chunk_record(3, 1, {"c"}));
  this->apply(outcome_record(1, 1, 1, "a"), outcome_record(2, 1, 1, "b"), outcome_record(3, 1, 1, "c"));
  this->apply(JobErased{JobId{2}});
  EXPECT_THAT(this->chunks(2), IsEmpty());
  EXPECT_THAT(this->outcomes(2), IsEmpty());
  EXPECT_THAT(this->outcomes(1), ElementsAre("1=a"));
  EXPECT_THAT(this->outcomes(3), ElementsAre("1=c"));
}

TYPED_TEST(StoreConformanceTest, WhatIsErasedInTheSameBatchWasNeverThere) {
  this->apply(job_record(1), chunk_record(1, 1, {"a"}), outcome_record(1, 1, 1), ChunkErased{JobId{1}, 1},
              chunk_record(1, 2, {"b"}), outcome_record(1, 2, 2, "b"));
  this->apply(job_record(2), chunk_record(2, 1, {"a"}), outcome_record(2, 1, 1), JobErased{JobId{2}});
  EXPECT_THAT(this->chunks(1), ElementsAre(2));
  EXPECT_THAT(this->outcomes(1), ElementsAre("2=b"));
  EXPECT_THAT(this->chunks(2), IsEmpty());
  EXPECT_THAT(this->outcomes(2), IsEmpty());
}

TYPED_TEST(StoreConformanceTest, OutcomesOfAJobThatIsGoneAreIgnored) {
  this->apply(outcome_record(5, 1, 1, "late"));
  EXPECT_THAT(this->chunks(5), IsEmpty());
}

TYPED_TEST(StoreConformanceTest, QuestionsAreAnsweredBesideCommits) {
  this->apply(job_record(1), chunk_record(1, 1, std::vector<std::string>(200, "p")));
  std::atomic<bool> committed_all = false;
  std::thread asking{[&] {
    std::size_t seen = 0;
    while (seen < 200) {
      const bool was_last = committed_all;
      const std::size_t now = this->outcomes(1).size();
      EXPECT_GE(now, seen) << "what was committed does not go away";
      seen = now;
      if (was_last) break;
    }
    EXPECT_EQ(seen, 200u);
  }};
  for (std::uint32_t index = 1; index <= 200; ++index) this->apply(outcome_record(1, 1, index));
  committed_all = true;
  asking.join();
}

TYPED_TEST(StoreConformanceTest, AnEmptyBatchIsFine) { this->apply(); }

TYPED_TEST(StoreConformanceTest, LargeOutcomesOfOneChunkAllComeBack) {
  const std::string large(700'000, 'x');
  this->apply(job_record(1), chunk_record(1, 1, {"a", "b", "c"}), outcome_record(1, 1, 1, large),
              outcome_record(1, 1, 2, large), outcome_record(1, 1, 3, "small"));
  const auto found = this->store().outcomes(JobId{1}, 1, 3, 10);
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), 3u);
  EXPECT_EQ((*found)[0].outcome.value, large);
  EXPECT_EQ((*found)[1].outcome.value, large);
  EXPECT_EQ((*found)[2].outcome.value, "small");
}

}  // namespace
}  // namespace reeve::master
