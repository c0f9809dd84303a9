// What the log says of connections that are turned away.
#include "master/net/refusals.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/master/net/native_server_fixture.h"

namespace reeve::master {
namespace {

using testing::AllOf;
using testing::IsEmpty;
using testing::Not;

class RefusalsTest : public testing::Test {
 protected:
  static std::string logged_while(const std::function<void()>& piece) {
    testing::internal::CaptureStderr();  // nobody started the log: lines are written at once
    piece();
    return testing::internal::GetCapturedStderr();
  }
  void refuse(int times, Errc code = Errc::authentication_failed) {
    for (int i = 0; i < times; ++i)
      refusals.count({code, "wrong"}, [] { return std::string_view{"a peer"}; }, now);
  }
  std::string rest() {
    return logged_while([this] { refusals.tell_rest(now - Refusals::log_interval); });
  }

  Refusals refusals;
  TimePoint now = mono_now();
};

TEST_F(RefusalsTest, ThoseWithoutALineAreToldWhenThePauseEndsThoughNobodyElseComes) {
  EXPECT_THAT(
      logged_while([this] { refuse(600); }),
      AllOf(HasSubstr("refused a peer: wrong (authentication_failed so far: 1)"), Not(HasSubstr("2"))));
  now += Refusals::log_interval - 1ms;
  EXPECT_THAT(rest(), IsEmpty());
  now += 1ms;
  EXPECT_THAT(rest(), HasSubstr("refused 599 more (authentication_failed so far: 600)"));
  EXPECT_THAT(rest(), IsEmpty()) << "once";
}

TEST_F(RefusalsTest, OneAloneHasItsLineAndNoOther) {
  logged_while([this] { refuse(1); });
  now += Refusals::log_interval;
  EXPECT_THAT(rest(), IsEmpty());
}

TEST_F(RefusalsTest, TheNextLineOfAKindSpeaksForThoseBefore) {
  logged_while([this] { refuse(5); });
  now += Refusals::log_interval;
  EXPECT_THAT(logged_while([this] { refuse(1); }), HasSubstr("so far: 6"));
  now += Refusals::log_interval;
  EXPECT_THAT(rest(), IsEmpty());
}

TEST_F(RefusalsTest, EachKindHasItsOwn) {
  logged_while([this] { refuse(3), refuse(2, Errc::too_large); });
  now += Refusals::log_interval;
  EXPECT_THAT(rest(), AllOf(HasSubstr("2 more (authentication_failed so far: 3)"),
                            HasSubstr("1 more (too_large so far: 2)")));
}

TEST_F(NativeServerTest, WhatWasNotLoggedYetIsToldAtTheEnd) {
  testing::internal::CaptureStderr();
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(WirePeer{address}.shake_hands("another key", Role::client));
  end_loop();
  server->stop();
  server.reset();
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              HasSubstr("refused 2 more (authentication_failed so far: 3)"));
}

}  // namespace
}  // namespace reeve::master
