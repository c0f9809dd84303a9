// An assertion of the simulated programs ends this one: then it is to say in which world that was.
#pragma once

#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdint>
#include <string>

#include "tests/sim/clockwork.h"

namespace reeve::sim {

inline std::atomic<std::uint64_t>& simulating() {
  static std::atomic<std::uint64_t> seed{0};
  return seed;
}
inline std::string replay_of(std::uint64_t seed) {
  return fmt::format("tests/sim.sh --seed {} --verbose", seed);
}
inline void name_seed_on_abort() {
  std::signal(SIGABRT, [](int) {
    const std::string text =
        fmt::format("in the world of seed {0}; replay: {1}\n", simulating().load(), replay_of(simulating()));
    (void)!::write(STDERR_FILENO, text.data(), text.size());
    std::signal(SIGABRT, SIG_DFL);
  });
}

}  // namespace reeve::sim
