// Numbers for the cells of a list, so that the order of the numbers is the order of the items and most changes of a
// list leave the numbers of the other items alone.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace reeve::master::managers {

// Between neighbours that have none between them a long list would have to be numbered anew; so they are far apart.
inline constexpr std::int64_t numbering_gap = std::int64_t{1} << 32;

// `count` rising numbers between those of the neighbours; none: the list begins or ends there. None when there is no
// room: then all of them have to be given anew.
std::optional<std::vector<std::int64_t>> numbers_between(std::optional<std::int64_t> before,
                                                         std::optional<std::int64_t> behind,
                                                         std::size_t count);

}  // namespace reeve::master::managers
