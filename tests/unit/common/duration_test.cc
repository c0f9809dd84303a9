#include "common/base/duration.h"

#include <gtest/gtest.h>

namespace reeve {
namespace {

using namespace std::chrono_literals;

Duration parsed(std::string_view text) {
  const Result<Duration> duration = parse_duration(text);
  return duration ? *duration : Duration{-1};
}

TEST(ParseDuration, TakesEveryUnitAndABareNumberAsSeconds) {
  EXPECT_EQ(parsed("12us"), 12us);
  EXPECT_EQ(parsed("250ms"), 250ms);
  EXPECT_EQ(parsed("90s"), 90s);
  EXPECT_EQ(parsed("5m"), 5min);
  EXPECT_EQ(parsed("2h"), 2h);
  EXPECT_EQ(parsed("3d"), 72h);
  EXPECT_EQ(parsed("45"), 45s);
  EXPECT_EQ(parsed("0"), 0s);
}

TEST(ParseDuration, TakesFractionsAndSeveralParts) {
  EXPECT_EQ(parsed("1.5h"), 90min);
  EXPECT_EQ(parsed("1h30m"), 90min);
  EXPECT_EQ(parsed("1h 30m"), 90min);
  EXPECT_EQ(parsed("0.000001"), 1us);
}

TEST(ParseDuration, RefusesWhatIsNoTime) {
  for (const std::string_view text :
       {"", "s", "-5s", "5x", "1h30", "5 parsecs", "1..5s", "nan", "inf", "1e3s", "99999d"}) {
    const Result<Duration> duration = parse_duration(text);
    ASSERT_FALSE(duration) << text;
    EXPECT_EQ(duration.error().code, Errc::invalid_argument) << text;
  }
}

TEST(FormatDuration, ShowsTheTwoGreatestUnits) {
  EXPECT_EQ(format_duration(0s), "0s");
  EXPECT_EQ(format_duration(12us), "12us");
  EXPECT_EQ(format_duration(340ms), "340ms");
  EXPECT_EQ(format_duration(1250ms), "1.25s");
  EXPECT_EQ(format_duration(59'999ms), "60s");
  EXPECT_EQ(format_duration(65s), "1m 5s");
  EXPECT_EQ(format_duration(1h), "1h");
  EXPECT_EQ(format_duration(51h + 20min), "2d 3h");
  EXPECT_EQ(format_duration(-65s), "-1m 5s");
}

}  // namespace
}  // namespace reeve
