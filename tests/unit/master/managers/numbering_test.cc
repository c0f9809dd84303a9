#include "master/managers/objects/numbering.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace reeve::master::managers {
namespace {

using testing::ElementsAre;

TEST(NumberingTest, ItemsAtTheEndsAreAGapAway) {
  EXPECT_THAT(*numbers_between({}, {}, 2), ElementsAre(numbering_gap, 2 * numbering_gap));
  EXPECT_THAT(*numbers_between(7, {}, 2), ElementsAre(7 + numbering_gap, 7 + 2 * numbering_gap));
  EXPECT_THAT(*numbers_between({}, 7, 2), ElementsAre(7 - 2 * numbering_gap, 7 - numbering_gap));
}

TEST(NumberingTest, BetweenNeighboursTheRoomIsShared) {
  EXPECT_THAT(*numbers_between(10, 20, 1), ElementsAre(15));
  EXPECT_THAT(*numbers_between(0, 4, 3), ElementsAre(1, 2, 3));
  EXPECT_FALSE(numbers_between(0, 4, 4));
  EXPECT_FALSE(numbers_between(5, 6, 1));
  EXPECT_FALSE(numbers_between(0, 100, 1, 51)) << "closer than wanted";
}

TEST(NumberingTest, AtTheEndsOf64BitsThereIsRoomOrNoneAndNeverAnOverflow) {
  std::int64_t last = 0;
  for (std::int64_t step = 1; step > 0 && step < (std::int64_t{1} << 62); step *= 2) {
    const auto next = numbers_between(step, {}, 1000);
    if (next) last = next->back();
    const auto front = numbers_between({}, -step, 1000);
    if (front) {
      EXPECT_LT(front->front(), -step);
    }
  }
  EXPECT_GT(last, 0);
  EXPECT_FALSE(numbers_between((std::int64_t{1} << 61) - 1, {}, 1));
}

}  // namespace
}  // namespace reeve::master::managers
