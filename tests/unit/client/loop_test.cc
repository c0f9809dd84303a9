// The seat of the driver: who has it, who gets it next, and what is pumped meanwhile.
#include "client/core/loop.h"

#include <gtest/gtest.h>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <stdexcept>

namespace reeve::client {
namespace {

using namespace std::chrono_literals;

class LoopTest : public testing::Test, protected Loop::Work {
 protected:
  void pump() override {
    ++pumps;
    if (on_pump) on_pump();
  }
  // Without a background thread, so that only what a test does drives.
  bool wait_for_pumps(int wanted) {
    Loop::Lock lock(loop.mutex());
    return loop.wait(lock, this, mono_now() + 10s, [&] { return pumps >= wanted; });
  }
  void nudge() {
    Loop::Lock lock(loop.mutex());
    loop.nudge(lock, true);
  }
  void TearDown() override { loop.stop(); }

  int pumps = 0;
  std::function<void()> on_pump;
  Loop loop{*this};
};

TEST_F(LoopTest, WhatAPumpItselfAsksForIsPumpedBeforeTheDriverSleeps) {
  boost::asio::steady_timer something{loop.io()};  // that wakes it, if it does sleep
  bool slept = false;
  on_pump = [&] {
    if (pumps != 1) return;
    something.expires_after(50ms);
    something.async_wait([&](const boost::system::error_code&) { slept = true; });
    nudge();
  };
  EXPECT_TRUE(wait_for_pumps(2));
  EXPECT_FALSE(slept);
}

TEST_F(LoopTest, AnExceptionOfAPumpLeavesTheSeatFree) {
  on_pump = [this] {
    if (pumps == 1) throw std::runtime_error("no memory");
  };
  EXPECT_THROW(nudge(), std::runtime_error);
  EXPECT_TRUE(wait_for_pumps(2));
}

TEST_F(LoopTest, AnExceptionOfAHandlerLeavesTheSeatFree) {
  on_pump = [this] {
    if (pumps == 1) boost::asio::post(loop.io(), [] { throw std::runtime_error("no memory"); });
  };
  EXPECT_THROW(wait_for_pumps(2), std::runtime_error);
  EXPECT_TRUE(wait_for_pumps(2));
}

}  // namespace
}  // namespace reeve::client
