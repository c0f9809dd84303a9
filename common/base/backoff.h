// Exponential backoff with jitter, for retries of tasks and for reconnects.
#pragma once

#include <cstdint>
#include <random>

#include "common/base/time.h"

namespace reeve {

struct Backoff {
  Duration first;  // the wait after the first failure
  Duration max;    // no wait is longer

  // The wait after failure number `failures` (from 1): doubled each time, then drawn evenly from its upper
  // half ("equal jitter"), so that peers that failed together do not come back together.
  template <typename Random>
  Duration after(std::uint32_t failures, Random& random) const {
    Duration wait = first;
    for (std::uint32_t i = 1; i < failures && wait < max; ++i) wait *= 2;
    if (wait > max) wait = max;
    const auto half = wait.count() / 2;
    return Duration{half + std::uniform_int_distribution<std::int64_t>{0, wait.count() - half}(random)};
  }
};

}  // namespace reeve
