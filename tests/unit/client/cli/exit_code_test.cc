#include "client/cli/exit_code.h"

#include <gtest/gtest.h>

namespace reeve::cli {
namespace {

TEST(ExitCode, AFailedTaskWeighsMoreThanACancelledOne) {
  EXPECT_EQ(exit_of(Counts{.total = 3, .succeeded = 3}), Exit::ok);
  EXPECT_EQ(exit_of(Counts{.total = 3, .succeeded = 2, .failed = 1}), Exit::failed);
  EXPECT_EQ(exit_of(Counts{.total = 3, .succeeded = 1, .failed = 1, .cancelled = 1}), Exit::failed);
  EXPECT_EQ(exit_of(Counts{.total = 3, .succeeded = 2, .cancelled = 1}), Exit::cancelled);
  EXPECT_EQ(exit_of(Counts{}), Exit::ok);
}

TEST(ExitCode, TellsWhoseFaultAnErrorIs) {
  EXPECT_EQ(exit_of(Errc::unavailable), Exit::unreachable);
  EXPECT_EQ(exit_of(Errc::authentication_failed), Exit::unreachable);
  EXPECT_EQ(exit_of(Errc::not_found), Exit::usage);
  EXPECT_EQ(exit_of(Errc::invalid_argument), Exit::usage);
  EXPECT_EQ(exit_of(Errc::timed_out), Exit::timed_out);
  EXPECT_EQ(exit_of(Errc::queue_empty), Exit::failed);
  EXPECT_EQ(exit_of(Errc::storage_failed), Exit::failed);
}

TEST(ExitCode, NumbersAreAContract) {
  EXPECT_EQ(static_cast<int>(Exit::ok), 0);
  EXPECT_EQ(static_cast<int>(Exit::failed), 1);
  EXPECT_EQ(static_cast<int>(Exit::cancelled), 2);
  EXPECT_EQ(static_cast<int>(Exit::unreachable), 3);
  EXPECT_EQ(static_cast<int>(Exit::usage), 4);
  EXPECT_EQ(static_cast<int>(Exit::timed_out), 124);
}

}  // namespace
}  // namespace reeve::cli
