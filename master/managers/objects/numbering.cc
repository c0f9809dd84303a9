#include "master/managers/objects/numbering.h"

#include <algorithm>

namespace reeve::master::managers {
namespace {

// Far enough from the ends of 64 bits that sums and differences of two numbers do not overflow.
constexpr std::int64_t lowest = -(std::int64_t{1} << 61), highest = std::int64_t{1} << 61;

}  // namespace

std::optional<std::vector<std::int64_t>> numbers_between(std::optional<std::int64_t> before,
                                                         std::optional<std::int64_t> behind,
                                                         std::size_t count, std::int64_t gap_min) {
  const auto steps = static_cast<std::int64_t>(count) + 1;
  const std::int64_t room = behind.value_or(highest) - before.value_or(lowest);
  const std::int64_t step = std::min(numbering_gap, room / steps);
  if (step < gap_min) return std::nullopt;
  std::int64_t number = 0;  // in front of the first
  if (before)
    number = *before;
  else if (behind)
    number = *behind - step * steps;
  std::vector<std::int64_t> numbers;
  numbers.reserve(count);
  for (std::size_t i = 0; i < count; ++i) numbers.push_back(number += step);
  return numbers;
}

}  // namespace reeve::master::managers
