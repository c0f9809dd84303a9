#include "client/cli/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace reeve::cli {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

const Counts half_done{
    .total = 1000, .ready = 492, .leased = 8, .succeeded = 497, .failed = 2, .cancelled = 1};

TEST(ProgressBar, ShowsShareCountsPaceAndTimeLeft) {
  const std::string bar = progress_bar({.width = 120}, {"job 17", half_done, 100});
  EXPECT_THAT(bar, HasSubstr("job 17 [#########"));
  EXPECT_THAT(bar, HasSubstr(" 50%  500/1,000  2 failed  1 cancelled  8 running  100/s  5s left"));
  EXPECT_THAT(bar, Not(HasSubstr("\x1b")));
}

TEST(ProgressBar, FitsEveryWidth) {
  for (std::size_t width = 24; width < 200; ++width)
    EXPECT_LT(display_width(progress_bar({.width = width}, {"job 17", half_done, 100})), width);
}

TEST(ProgressBar, NeverSaysAllBeforeItIs) {
  const Counts nearly{.total = 100'000, .leased = 1, .succeeded = 99'999};
  EXPECT_THAT(progress_bar({.width = 100}, {"job 1", nearly, 0}), HasSubstr(" 99%"));
  const Counts all{.total = 100'000, .succeeded = 100'000};
  EXPECT_THAT(progress_bar({.width = 100}, {"job 1", all, 50}), HasSubstr("100%"));
  EXPECT_THAT(progress_bar({.width = 100}, {"job 1", Counts{}, 0}), HasSubstr("  0%"));
}

TEST(ProgressLine, IsPlainText) {
  EXPECT_EQ(progress_line({"job 17", half_done, 100}),
            "job 17: 50%, 500/1,000, 2 failed, 1 cancelled, 8 running, 100/s, 5s left");
}

TEST(RateMeter, FollowsThePaceSmoothly) {
  RateMeter meter;
  TimePoint now{};
  EXPECT_EQ(meter.per_second(), 0);
  meter.add(0, now);
  EXPECT_EQ(meter.per_second(), 0);
  for (int i = 1; i <= 10; ++i) meter.add(static_cast<std::uint64_t>(i) * 100, now += 1s);
  EXPECT_NEAR(meter.per_second(), 100, 1e-6);
  meter.add(1000, now += 1s);  // a stall
  EXPECT_LT(meter.per_second(), 100);
  EXPECT_GT(meter.per_second(), 50);
}

TEST(RateMeter, ARetryThatTakesBackFinishedTasksIsNoNegativePace) {
  RateMeter meter;
  meter.add(100, TimePoint{1s});
  meter.add(10, TimePoint{2s});
  EXPECT_GE(meter.per_second(), 0);
}

TEST(WithCommas, GroupsByThree) {
  EXPECT_EQ(with_commas(0), "0");
  EXPECT_EQ(with_commas(999), "999");
  EXPECT_EQ(with_commas(1000), "1,000");
  EXPECT_EQ(with_commas(1234567), "1,234,567");
}

}  // namespace
}  // namespace reeve::cli
