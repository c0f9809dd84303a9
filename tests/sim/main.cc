// sim: simulated worlds from the command line.
//
//   sim --seed N [--verbose] [--bug NAME]    one world, told in lines if wanted
//   sim --minutes N                          fresh seeds for so long, until one breaks a promise
//
// Exit status: 0 all promises were kept, 1 some were broken.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <random>

#include "tests/sim/on_abort.h"
#include "tests/sim/world.h"

using namespace reeve::sim;

namespace {

bool show(std::uint64_t seed, const Verdict& verdict) {
  fmt::print("seed {}: {} faults, {} tasks acknowledged, {} runs, {} values, {} outcomes: {}\n", seed,
             verdict.faults, verdict.totals.acknowledged, verdict.totals.runs, verdict.totals.values,
             verdict.totals.outcomes, verdict.broken.empty() ? "all promises kept" : "BROKEN");
  for (const std::string& broken : verdict.broken) fmt::print("  {}\n", broken);
  return verdict.broken.empty();
}

int search(double minutes) {
  const auto until =
      std::chrono::steady_clock::now() + std::chrono::duration<double, std::ratio<60>>(minutes);
  std::random_device random;
  std::uint64_t seeds = 0;
  for (; std::chrono::steady_clock::now() < until; ++seeds) {
    const std::uint64_t seed = std::uint64_t{random()} << 32 | random();
    simulating() = seed;
    if (const Verdict verdict = simulate(seed); !verdict.broken.empty()) {
      show(seed, verdict);
      fmt::print("replay: {}\n", replay_of(seed));
      return 1;
    }
    if (seeds % 100 == 99) fmt::print("{} seeds kept all promises\n", seeds + 1), std::fflush(stdout);
  }
  fmt::print("{} seeds kept all promises\n", seeds);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Simulated worlds of masters, workers and clients, with faults"};
  std::uint64_t seed = 0;
  double minutes = 1;
  bool verbose = false;
  std::string bug{name_of(Bug::none)};
  auto* const one = app.add_option("--seed", seed, "This world alone");
  app.add_option("--minutes", minutes, "Fresh seeds for so long")->capture_default_str()->excludes(one);
  app.add_flag("--verbose", verbose, "Tell what happens")->needs(one);
  app.add_option("--bug", bug, "Plant this bug")
      ->needs(one)
      ->check(CLI::IsMember(std::vector<std::string>{bug_names.begin(), bug_names.end()}));
  CLI11_PARSE(app, argc, argv);
  name_seed_on_abort();
  simulating() = seed;
  if (one->empty()) return search(minutes);
  const auto planted = static_cast<Bug>(std::ranges::find(bug_names, bug) - bug_names.begin());
  return show(seed, simulate(seed, planted, verbose)) ? 0 : 1;
}
