// Numbers for the cells of a list, so that the order of the numbers is the order of the items and most changes of a
// list leave the numbers of the other items alone.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace reeve::master::managers {

// Far apart, so that others find room between them.
inline constexpr std::int64_t numbering_gap = std::int64_t{1} << 32;
// Where there is no room left, the items around are numbered anew, so many that they are this far apart afterwards.
inline constexpr std::int64_t renumbering_gap_min = std::int64_t{1} << 16;
inline constexpr std::size_t renumbered_min = 32;  // on each side

// `count` rising numbers between those of the neighbours; none: the list begins or ends there. None when they would be
// closer to each other than `gap_min`.
std::optional<std::vector<std::int64_t>> numbers_between(std::optional<std::int64_t> before,
                                                         std::optional<std::int64_t> behind,
                                                         std::size_t count, std::int64_t gap_min = 1);

}  // namespace reeve::master::managers
