// The power goes at any moment: the store comes back as it was after some transaction, and after none that is older than
// the last one it acknowledged.
//
// A real store writes a random history to a disk that is recorded. Then the record is cut off at many moments, what
// a disk could hold then is laid out as files, and the real opening reads them.
//
// REEVE_TEST_SEED=N replays a history (as far as the thread that copies the log lets it); REEVE_POWER_CUTS=all tries
// every moment of the record rather than some.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <random>

#include "master/core/broker.h"
#include "master/store/check.h"
#include "master/store/memory_store.h"
#include "master/store/sqlite_store.h"
#include "tests/fakes/disk_recorder.h"
#include "tests/fakes/temp_dir.h"
#include "tests/unit/master/store/random_history.h"

namespace reeve::master {
namespace {

unsigned seed_of_this_run() {
  const char* given = std::getenv("REEVE_TEST_SEED");
  return given != nullptr ? static_cast<unsigned>(std::strtoul(given, nullptr, 10)) : std::random_device{}();
}

bool tries_every_moment() {
  const char* given = std::getenv("REEVE_POWER_CUTS");
  return given != nullptr && std::string_view{given} == "all";
}

// A store's life, or several, on a disk that is recorded, with what it promised and when.
class Recording {
 public:
  explicit Recording(unsigned seed) : history_{seed, 6000}, random_{seed} {}

  void lie_about(const std::string& ending) { disk_.lie_about(ending); }
  // Acknowledges each transaction before it is written.
  void be_hasty() { is_hasty_ = true; }

  void run(int lives, int transactions) {
    ASSERT_TRUE(memory_.open());
    begun_.push_back(0), acknowledged_.push_back(0), states_.push_back(state_now());
    for (int life = 0; life < lives; ++life) {
      ASSERT_NO_FATAL_FAILURE(live(transactions));
      if (life % 2 == 0) continue;
      ASSERT_NO_FATAL_FAILURE(vacuum());
    }
  }

  const std::vector<DiskEvent>& events() const { return disk_.events(); }
  const std::vector<std::size_t>& acknowledged() const { return acknowledged_; }
  std::size_t transactions() const { return states_.size() - 1; }

  // What is wrong with a store that was cut off at `position` and looks like this now; nothing: none.
  std::optional<std::string> judge(std::size_t position, const Recovered& recovered,
                                   const std::string& state) const {
    const auto began_before = std::ranges::upper_bound(begun_, position) - begun_.begin();
    const auto known = std::ranges::upper_bound(acknowledged_, position) - acknowledged_.begin();
    const auto oldest = static_cast<std::size_t>(known - 1),
               newest = static_cast<std::size_t>(began_before - 1);
    if (opened_at_ <= position && recovered.instance != instance_) return "it is another instance";
    for (std::size_t k = oldest; k <= newest; ++k)
      if (states_[k] == state) return {};
    for (std::size_t k = 0; k < states_.size(); ++k)
      if (states_[k] == state)
        return fmt::format("it is as after transaction {}, and {} was acknowledged", k, oldest);
    return fmt::format("it is as after no transaction at all; {} was acknowledged, {} begun", oldest, newest);
  }

 private:
  std::string state_now() { return history_.model().text() + outcomes_text(memory_, history_.model()); }

  void live(int transactions) {
    SqliteStore store{{.data_dir = dir_.path(),
                       .vfs = disk_.vfs(),
                       .row_bytes_max = 200,
                       .checkpoint_pages = std::uniform_int_distribution{20, 60}(random_)}};
    const auto recovered = store.open();
    ASSERT_TRUE(recovered) << recovered.error().detail;
    if (!instance_) instance_ = recovered->instance, opened_at_ = disk_.position();
    for (int i = 0; i < transactions; ++i) {
      Records records = history_.next();
      Records twin = records;
      ASSERT_TRUE(memory_.apply(twin));
      states_.push_back(state_now());
      begun_.push_back(disk_.position());
      if (is_hasty_) acknowledged_.push_back(disk_.position());
      ASSERT_TRUE(store.apply(records));
      if (!is_hasty_) acknowledged_.push_back(disk_.position());
    }
  }

  void vacuum() {  // as docs/OPERATIONS.md recommends it, between two lives
    auto database = sql::Database::open(dir_ / "reeve.db", disk_.vfs());
    ASSERT_TRUE(database);
    ASSERT_TRUE(database->run("VACUUM"));
  }

  const TempDir dir_;
  DiskRecorder disk_;
  History history_;
  std::mt19937 random_;
  MemoryStore memory_;
  bool is_hasty_ = false;
  InstanceId instance_;
  std::size_t opened_at_ = 0;
  // Of each transaction, from the first on; 0 is the beginning.
  std::vector<std::string> states_;
  std::vector<std::size_t> begun_, acknowledged_;  // how much had happened on the disk
};

// Cuts a recording off at one moment after the other.
class Cutter {
 public:
  Cutter(const Recording& recording, unsigned seed) : recording_{recording}, random_{seed} {}

  // At every moment, or at `some` of them: half anywhere, half just after an acknowledgement.
  void choose(std::size_t some) {
    const std::size_t all = recording_.events().size();
    moments_.assign(all + 1, some == 0);
    for (std::size_t i = 0; i < some; ++i) {
      moments_[pick(all + 1)] = true;
      moments_[recording_.acknowledged()[pick(recording_.acknowledged().size())]] = true;
    }
  }

  // What went wrong, with the moment; empty: nothing. Ends after a few complaints.
  std::vector<std::string> run() {
    DiskImage image;
    for (std::size_t n = 0; n < moments_.size() && complaints_.size() < 3; ++n) {
      if (moments_[n]) cut(image, n);
      if (n < recording_.events().size()) image.play(recording_.events()[n]);
    }
    return complaints_;
  }
  std::size_t cuts() const { return cuts_; }

 private:
  std::size_t pick(std::size_t count) {
    return std::uniform_int_distribution<std::size_t>{0, count - 1}(random_);
  }

  void cut(const DiskImage& image, std::size_t n) {
    check(n, "everything before reached the disk", [&](const std::string& dir) { image.lay_out(dir); });
    if (n < recording_.events().size() && recording_.events()[n].kind == DiskEvent::Kind::write) {
      const DiskEvent& last = recording_.events()[n];
      const std::size_t sectors = pick(last.bytes.size() / DiskImage::sector_bytes + 2);
      check(n, fmt::format("and {} sectors of the next write to {}", sectors, last.file),
            [&](const std::string& dir) { image.lay_out_torn(dir, last, sectors); });
    }
    for (const double probability : {0.0, 0.5, 0.95})
      check(n, fmt::format("of what was not flushed, each sector reached the disk with {}", probability),
            [&](const std::string& dir) { image.lay_out_unflushed(dir, random_, probability); });
  }

  void check(std::size_t n, const std::string& how, auto&& lay_out) {
    ++cuts_;
    const TempDir dir;
    lay_out(dir.path());
    const auto complaint = open_and_judge(n, dir.path());
    if (complaint)
      complaints_.push_back(
          fmt::format("cut off at {} of {} ({}): {}", n, recording_.events().size(), how, *complaint));
  }

  // Once as a master does, with another power cut during it, and once more.
  std::optional<std::string> open_and_judge(std::size_t n, const std::string& dir) {
    DiskImage image = loaded(dir);
    const auto report = check_store(dir);  // a power cut is no damage
    if (report && !report->is_sound) return fmt::format("{}", fmt::join(report->lines, "; "));
    std::string first_state;
    DiskRecorder disk;
    std::size_t extra_begun = 0, extra_kept = 0;
    {
      SqliteStore store{{.data_dir = dir, .vfs = disk.vfs()}};
      auto recovered = store.open();
      if (!recovered) return recovered.error().detail;
      first_state = state_of(store, *recovered);
      if (auto wrong = recording_.judge(n, *recovered, first_state)) return wrong;
      Broker{Limits{}, std::move(*recovered), clock_now(), 1}.check_invariants();
      extra_begun = disk.position();
      Records extra = batch(QueueRecord{.name = "extra"});
      if (auto kept = store.apply(extra); !kept) return kept.error().detail;
      extra_kept = disk.position();
    }
    const std::size_t again = pick(disk.events().size() + 1);
    for (std::size_t i = 0; i < again; ++i) image.play(disk.events()[i]);
    const TempDir second;
    image.lay_out_unflushed(second.path(), random_, 0.5);
    CarelessDisk careless;
    SqliteStore store{{.data_dir = second.path(), .vfs = careless.vfs()}};
    auto recovered = store.open();
    if (!recovered) return "after a second cut: " + recovered.error().detail;
    const auto extra = std::ranges::find(recovered->queues, "extra", &QueueRecord::name);
    const bool is_there = extra != recovered->queues.end();
    if (is_there) recovered->queues.erase(extra);
    if (is_there ? again < extra_begun : again >= extra_kept)
      return "a second cut lost or invented something";
    if (state_of(store, *recovered) != first_state) return "after a second cut it is different";
    return {};
  }

  static DiskImage loaded(const std::string& dir) {
    DiskImage image;
    for (const auto& file : std::filesystem::directory_iterator{dir}) image.load(file.path().string());
    return image;
  }

  static std::string state_of(SqliteStore& store, const Recovered& recovered) {
    const Model model = model_of(recovered);
    return model.text() + outcomes_text(store, model);
  }

  const Recording& recording_;
  std::mt19937 random_;
  std::vector<bool> moments_;
  std::vector<std::string> complaints_;
  std::size_t cuts_ = 0;
};

class PowerCutTest : public ::testing::Test {
 protected:
  std::vector<std::string> complaints(const Recording& recording, std::size_t some) {
    Cutter cutter{recording, seed};
    cutter.choose(some);
    auto found = cutter.run();
    fmt::print("seed {}: {} transactions, {} events on the disk, {} power cuts\n", seed,
               recording.transactions(), recording.events().size(), cutter.cuts());
    return found;
  }

  const unsigned seed = seed_of_this_run();
  const std::string trace = fmt::format("seed {} (replay with REEVE_TEST_SEED={})", seed, seed);
};

TEST_F(PowerCutTest, NothingAcknowledgedIsMissingAndNothingIsHalfThere) {
  SCOPED_TRACE(trace);
  Recording recording{seed};
  ASSERT_NO_FATAL_FAILURE(recording.run(4, 40));
  EXPECT_THAT(complaints(recording, tries_every_moment() ? 0 : 40), testing::IsEmpty());
}

TEST_F(PowerCutTest, ADiskThatLiesAboutFlushingTheLogIsFoundOut) {
  SCOPED_TRACE(trace);
  Recording recording{seed};
  recording.lie_about("-wal");
  ASSERT_NO_FATAL_FAILURE(recording.run(2, 40));
  EXPECT_THAT(complaints(recording, 40), testing::Not(testing::IsEmpty()));
}

TEST_F(PowerCutTest, ADiskThatLiesAboutFlushingTheDatabaseIsFoundOut) {
  SCOPED_TRACE(trace);
  Recording recording{seed};
  recording.lie_about(".db");
  ASSERT_NO_FATAL_FAILURE(recording.run(2, 40));
  EXPECT_THAT(complaints(recording, 40), testing::Not(testing::IsEmpty()));
}

TEST_F(PowerCutTest, AStoreThatAcknowledgesBeforeItWritesIsFoundOut) {
  SCOPED_TRACE(trace);
  Recording recording{seed};
  recording.be_hasty();
  ASSERT_NO_FATAL_FAILURE(recording.run(2, 40));
  EXPECT_THAT(complaints(recording, 40), testing::Not(testing::IsEmpty()));
}

}  // namespace
}  // namespace reeve::master
