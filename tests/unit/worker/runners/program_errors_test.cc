#include "worker/runners/program_errors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/fakes/temp_dir.h"
#include "tests/unit/worker/runners/fifo.h"

namespace reeve::worker {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class ErrorLinesTest : public testing::Test {
 protected:
  void add(std::string_view bytes) { lines.add(bytes, now); }

  std::vector<std::string> logged;
  std::vector<log::Level> levels;
  ErrorLines lines{[this](log::Level level, std::string line) {
    logged.push_back(std::move(line));
    levels.push_back(level);
  }};
  TimePoint now{1h};
};

TEST_F(ErrorLinesTest, LinesAreLoggedWhenTheyAreWhole) {
  add("loading\nmod");
  EXPECT_THAT(logged, ElementsAre("loading"));
  add("el\n\n");
  EXPECT_THAT(logged, ElementsAre("loading", "model"));
  add("no end");
  lines.finish();
  EXPECT_THAT(logged, ElementsAre("loading", "model", "no end"));
}

TEST_F(ErrorLinesTest, ALongLineIsCutHoweverItArrives) {
  for (int i = 0; i < 100; ++i) add(std::string(error_line_max_bytes / 10, 'x'));
  EXPECT_THAT(logged, IsEmpty());
  add("\n");
  ASSERT_THAT(logged, SizeIs(1));
  EXPECT_EQ(logged[0], std::string(error_line_max_bytes, 'x') + "…");
  add(std::string(error_line_max_bytes, 'y') + "\n");
  EXPECT_EQ(logged[1], std::string(error_line_max_bytes, 'y'));
}

TEST_F(ErrorLinesTest, WhatComesTooFastIsCountedAndToldLater) {
  for (int i = 0; i < 1000; ++i) add("again\n");
  EXPECT_THAT(logged, SizeIs(error_lines_per_second_max));
  now += 1s;
  add("later\n");
  ASSERT_THAT(logged, SizeIs(error_lines_per_second_max + 2));
  EXPECT_THAT(logged[error_lines_per_second_max], HasSubstr("800 lines left out: more than 200 within"));
  EXPECT_EQ(logged.back(), "later");
}

TEST_F(ErrorLinesTest, HowMuchWasLeftOutIsToldThoughNothingMoreComes) {
  add("first\n");
  EXPECT_EQ(lines.next_tick(), TimePoint::max());
  for (int i = 0; i < 1000; ++i) add("again\n");
  EXPECT_EQ(lines.next_tick(), now + 1s);
  lines.tick(now + 999ms);
  EXPECT_THAT(logged, SizeIs(error_lines_per_second_max));
  lines.tick(now + 1s);
  ASSERT_THAT(logged, SizeIs(error_lines_per_second_max + 1));
  EXPECT_THAT(logged.back(), HasSubstr("801 lines left out"));
  EXPECT_EQ(lines.next_tick(), TimePoint::max());
}

TEST_F(ErrorLinesTest, APriorityIsTheLevelOfTheLine) {
  add("<2>broken\n<4>old\n<6>as usual\n<7>at work\n<8>other\n<3\n<3>\n");
  EXPECT_THAT(logged, ElementsAre("broken", "old", "as usual", "at work", "<8>other", "<3"));
  using enum log::Level;
  EXPECT_THAT(levels, ElementsAre(error, warn, info, debug, info, info));
}

TEST_F(ErrorLinesTest, AnErrorThatIsToldAgainAndAgainIsCounted) {
  for (int i = 0; i < 3; ++i) add("<3>no module\nimporting\nimporting\n");
  EXPECT_THAT(logged, ElementsAre("no module", "importing", "importing", "importing", "importing",
                                  "importing", "importing"));
  EXPECT_EQ(lines.next_tick(), now + same_error_pause);
  lines.tick(now + same_error_pause);
  EXPECT_EQ(logged.back(), "no module (repeats: 2)");
  EXPECT_EQ(levels.back(), log::Level::error);
  EXPECT_EQ(lines.next_tick(), TimePoint::max());

  now += 2 * same_error_pause;
  add("<3>no module\n<3>no module\n<3>no function\n");
  EXPECT_THAT(std::vector(logged.end() - 3, logged.end()),
              ElementsAre("no module", "no module (repeats: 1)", "no function"));
  add("<3>no function\n");
  lines.finish();
  EXPECT_EQ(logged.back(), "no function (repeats: 1)");
}

TEST_F(ErrorLinesTest, ControlCharactersDoNotReachTheLog) {
  add("\x1b[31mred\r\n");
  EXPECT_THAT(logged, ElementsAre(" [31mred "));
}

TEST(ProgramErrorsTest, SaysHowMuchWasLeftOutWhileTheProgramIsSilent) {
  const TempDir dir;
  Fifo log{dir / "log"};
  const Descriptor standard_error{::dup(STDERR_FILENO)};
  const Descriptor log_end{::open(log.path().c_str(), O_WRONLY | O_CLOEXEC)};
  ::dup2(log_end.get(), STDERR_FILENO);
  {
    const ProgramErrors errors{"classify"};
    const std::string lines(error_lines_per_second_max + 10, '\n');
    EXPECT_EQ(::write(errors.descriptor(), lines.data(), lines.size()), static_cast<ssize_t>(lines.size()));
    EXPECT_THAT(log.line(), HasSubstr("program classify: (10 lines left out"));
  }
  ::dup2(standard_error.get(), STDERR_FILENO);
}

TEST(ProgramErrorsTest, NamesTheProgramAndEndsThoughSomebodyHoldsTheOtherEnd) {
  testing::internal::CaptureStderr();
  int held = -1;
  {
    const ProgramErrors errors{"classify"};
    held = ::dup(errors.descriptor());
    ASSERT_EQ(::write(held, "loading\n", 8), 8);
  }
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("program classify: loading"));
  ::close(held);
}

}  // namespace
}  // namespace reeve::worker
