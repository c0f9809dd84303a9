// The rule when to linger, and run_loop: like io.run(), whether it sleeps between handlers or not.
#include "common/net/linger.h"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <thread>

namespace reeve {
namespace {

using namespace std::chrono_literals;

// How often it looks on in so many events, one every 80 us: never within 50.
template <typename Look>
int looks_in(int events, Look look) {
  LingerRule rule;
  int looks = 0;
  for (int event = 0; event < events; ++event) {
    if (rule.pays())
      look(rule, ++looks);
    else
      rule.slept(80us);
  }
  return looks;
}

TEST(LingerRule, LooksOnAfterOneShortSleep) {
  LingerRule rule;
  EXPECT_FALSE(rule.pays());
  rule.slept(80us);  // what came after 40, and a processor that took 40 to wake up
  EXPECT_TRUE(rule.pays());
  rule.found();
  EXPECT_TRUE(rule.pays());
}

TEST(LingerRule, SleepsAtOnceAfterALongSleep) {
  LingerRule rule;
  rule.slept(20us);
  rule.slept(10ms);
  EXPECT_FALSE(rule.pays());
}

TEST(LingerRule, LooksOnSeldomWhereItIsAlwaysInVain) {
  const int looks = looks_in(10'000, [](LingerRule& rule, int) {
    rule.in_vain();
    rule.slept(30us);
  });
  EXPECT_GT(looks, 0);
  EXPECT_LT(looks, 200);
}

TEST(LingerRule, TrustsAgainWhatPaid) {
  LingerRule rule;
  for (int event = 0; event < 1000; ++event) {
    if (rule.pays()) rule.in_vain();
    rule.slept(30us);
  }
  while (!rule.pays()) rule.slept(30us);
  rule.found();
  rule.slept(10ms);
  rule.slept(30us);
  EXPECT_TRUE(rule.pays());
}

TEST(LingerRule, LooksOnAllButNeverWhereThatGivesTimeSlicesAway) {
  const int looks = looks_in(200'000, [](LingerRule& rule, int look) {
    if (look % 2 == 0) rule.found();  // a processor is free now and then
    rule.gave_slice_away();
  });
  EXPECT_GT(looks, 0);
  EXPECT_LT(looks, 20);
}

TEST(LingerRule, ASliceGivenAwayOnceInAWhileIsWorthIt) {
  LingerRule rule;
  rule.slept(30us);
  for (int slice = 0; slice < 100; ++slice) {
    for (int i = 0; i < 1000; ++i) rule.found();
    rule.gave_slice_away();
    EXPECT_TRUE(rule.pays());
  }
}

TEST(LingerRule, LookingInVainDoesNotMakeItForgetAGivenSlice) {
  LingerRule rule;
  rule.slept(30us);
  rule.gave_slice_away();
  while (!rule.pays()) rule.slept(30us);
  rule.in_vain();
  for (int i = 0; i < 100; ++i) rule.slept(30us);
  rule.slept(10ms);
  for (int i = 0; i < 100; ++i) rule.slept(30us);
  EXPECT_FALSE(rule.pays());
}

TEST(RunLoop, EndsWhenThereIsNothingLeftToDo) {
  boost::asio::io_context io{1};
  int ran = 0;
  boost::asio::post(io, [&] { boost::asio::post(io, [&] { ++ran; }); });
  run_loop(io);
  EXPECT_EQ(ran, 1);
}

TEST(RunLoop, EndsWhenItIsStopped) {
  boost::asio::io_context io{1};
  const auto guard = boost::asio::make_work_guard(io);
  boost::asio::post(io, [&] { io.stop(); });
  run_loop(io);
  EXPECT_TRUE(io.stopped());
}

// Long enough apart to sleep, then close enough together to linger, then apart again.
TEST(RunLoop, SleepsAndLingersAndSleepsAgain) {
  boost::asio::io_context io{1};
  boost::asio::steady_timer timer{io};
  int ran = 0;
  const std::function<void()> next = [&] {
    if (++ran == 60) return;
    timer.expires_after(ran > 20 && ran < 40 ? Duration{5} : Duration{300});
    timer.async_wait([&](const boost::system::error_code&) { next(); });
  };
  next();
  run_loop(io);
  EXPECT_EQ(ran, 60);
}

TEST(RunLoop, HearsWhatOtherThreadsPost) {
  boost::asio::io_context io{1};
  auto guard = boost::asio::make_work_guard(io);
  constexpr int rounds = 2000;
  int ran = 0;  // the loop's
  std::atomic<int> answered{0};
  std::thread other{[&] {
    for (int round = 1; round <= rounds; ++round) {
      boost::asio::post(io, [&] { answered.store(++ran), answered.notify_one(); });
      answered.wait(round - 1);
    }
    boost::asio::post(io, [&] { guard.reset(); });
  }};
  run_loop(io);
  other.join();
  EXPECT_EQ(ran, rounds);
}

}  // namespace
}  // namespace reeve
