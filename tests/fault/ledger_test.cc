// Everything is killed and stopped at random moments under load; a ledger outside of the system is audited at
// the end.
//
//   REEVE_TEST_SEED=N        the same choices again, as far as real processes allow
//   REEVE_FAULT_MINUTES=N    for how long (default: 35 seconds)
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <random>

#include "tests/fault/farm.h"
#include "tests/fault/storm.h"

namespace reeve::testing {
namespace {

using namespace std::chrono_literals;

std::uint64_t seed_of_this_run() {
  const char* given = std::getenv("REEVE_TEST_SEED");
  return given ? std::strtoull(given, nullptr, 10) : std::random_device{}();
}

std::chrono::milliseconds length_of_this_run() {
  const char* minutes = std::getenv("REEVE_FAULT_MINUTES");
  if (!minutes) return 35s;
  return std::chrono::milliseconds{static_cast<std::int64_t>(std::atof(minutes) * 60'000)};
}

bool same(const FinalState& a, const FinalState& b) {
  const auto text = [](const FinalState& state) {
    std::map<std::uint64_t, std::string> jobs;
    for (const FinalJob& job : state.jobs)
      for (const FinalTask& task : job.tasks)
        jobs[job.number] += fmt::format("{} {} {}\n", task.index, task.state, task.value);
    return jobs;
  };
  return text(a) == text(b) && a.values == b.values && a.unfinished == b.unfinished;
}

void print(std::string_view title, const std::map<std::string, std::size_t>& counts) {
  std::cout << title << "\n";
  for (const auto& [what, count] : counts) fmt::print("  {:8} {}\n", count, what);
  std::fflush(stdout);
}

TEST(LedgerTest, NothingAcknowledgedIsLostWhateverIsKilled) {
  const std::uint64_t seed = seed_of_this_run();
  std::cout << "seed " << seed << " (replay with REEVE_TEST_SEED=" << seed << ")" << std::endl;
  SCOPED_TRACE(fmt::format("REEVE_TEST_SEED={}", seed));
  Farm farm{seed};
  Storm storm{farm, seed};
  storm.run(length_of_this_run());
  print("faults:", storm.summary());

  ASSERT_TRUE(farm.finish_clients(2 * patience)) << "everything must finish when the faults are over";
  const auto before = farm.final_state(2 * patience);
  ASSERT_TRUE(before) << "every job must finish when the faults are over:\n"
                      << farm.cluster().reeve({"ls"}).out;
  const Audit result = audit(farm.ledger(), farm.runs(), storm.faults(), *before, farm_rules());
  print("the ledger:", result.counts);
  for (const std::string& violation : result.violations) ADD_FAILURE() << violation;

  farm.cluster().stop_master(SIGKILL);
  farm.cluster().start_master();
  const auto after = farm.final_state(patience);
  ASSERT_TRUE(after);
  EXPECT_TRUE(same(*before, *after)) << "results change when the master is restarted";
}

}  // namespace
}  // namespace reeve::testing
