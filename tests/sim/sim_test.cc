// The simulation as tests: some seeds, those that once found something, and planted bugs.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <random>
#include <string>

#include "tests/sim/on_abort.h"
#include "tests/sim/world.h"

namespace reeve::sim {
namespace {

void expect_all_promises_kept(std::uint64_t seed) {
  name_seed_on_abort();
  simulating() = seed;
  const Verdict verdict = simulate(seed);
  EXPECT_TRUE(verdict.broken.empty())
      << fmt::format("seed {}: {}\nreplay: {}", seed, verdict.broken.front(), replay_of(seed));
}

// Others in every run.
TEST(Simulation, FreshSeedsKeepAllPromises) {
  const char* const wanted = std::getenv("REEVE_SIM_FRESH_SECONDS");
  const std::chrono::seconds time{wanted != nullptr ? std::atoi(wanted) : 20};
  const auto until = std::chrono::steady_clock::now() + time;
  std::random_device random;
  std::uint64_t seeds = 0;
  for (; std::chrono::steady_clock::now() < until && !HasFailure(); ++seeds)
    expect_all_promises_kept(std::uint64_t{random()} << 32 | random());
  fmt::print("{} fresh seeds\n", seeds);
}

// The same in every run, so that a change is judged by what it changed.
TEST(Simulation, SixtySeedsKeepAllPromises) {
  for (std::uint64_t seed = 1; seed <= 60 && !HasFailure(); ++seed) expect_all_promises_kept(seed);
}

TEST(Simulation, SeedsThatOnceFoundSomethingKeepAllPromises) {
  std::ifstream file(REEVE_SIM_SEEDS);
  ASSERT_TRUE(file) << REEVE_SIM_SEEDS;
  std::string line;
  while (std::getline(file, line))
    if (!line.empty() && line.front() != '#') expect_all_promises_kept(std::stoull(line));
}

TEST(Simulation, ASeedReplaysExactly) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const Verdict first = simulate(seed), second = simulate(seed);
    EXPECT_EQ(first.broken, second.broken);
    EXPECT_EQ(first.totals.runs, second.totals.runs);
    EXPECT_EQ(first.totals.outcomes, second.totals.outcomes);
    EXPECT_EQ(first.faults, second.faults);
  }
}

TEST(Simulation, AWorldIsBusy) {
  const Verdict verdict = simulate(1);
  EXPECT_GT(verdict.totals.acknowledged, 100u);
  EXPECT_GT(verdict.totals.runs, 100u);
  EXPECT_GT(verdict.totals.values, 20u);
  EXPECT_GT(verdict.totals.outcomes, 50u);
  EXPECT_GT(verdict.faults, 10u);
}

// A checker that finds nothing proves nothing: each of these must be found within so many seeds.
class PlantedBug : public testing::TestWithParam<std::size_t> {};
constexpr std::uint64_t seeds_enough = 300;

TEST_P(PlantedBug, IsFound) {
  const auto bug = static_cast<Bug>(GetParam());
  for (std::uint64_t seed = 1; seed <= seeds_enough; ++seed) {
    const Verdict verdict = simulate(seed, bug);
    if (verdict.broken.empty()) continue;
    fmt::print("{}: found by seed {}: {}\n", name_of(bug), seed, verdict.broken.front());
    return;
  }
  FAIL() << name_of(bug) << " was not found within " << seeds_enough << " seeds";
}

INSTANTIATE_TEST_SUITE_P(All, PlantedBug, testing::Range(std::size_t{1}, bug_names.size()),
                         [](const auto& bug) {
                           std::string name(bug_names[bug.param]);
                           std::erase(name, '-');
                           return name;
                         });

}  // namespace
}  // namespace reeve::sim
