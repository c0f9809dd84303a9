#include "worker/runners/functions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/unit/worker/runners/runner_fixture.h"

namespace reeve::worker {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class FunctionsTest : public RunnerTest {
 protected:
  FunctionsTest() { add_builtins(functions); }

  Outcome call(std::string function, std::string payload, Encoding encoding = Encoding::json,
               Duration limit = {}) {
    return run(runner, {std::move(function), std::move(payload), encoding, limit});
  }

  template <typename F>
  Result<void> add(std::string_view name, F function) {
    return functions.fill(
        [&](const reeve_registry& registry) { PluginRegistry{registry}.add(name, function); });
  }

  Functions functions;
  FunctionRunner runner{functions};
};

TEST_F(FunctionsTest, EchoReturnsItsPayloadInItsEncoding) {
  const Outcome outcome = call("echo", std::string("\x80\x04K\x01.", 5), Encoding::pickle);
  EXPECT_EQ(outcome.value, std::string("\x80\x04K\x01.", 5));
  EXPECT_EQ(outcome.encoding, Encoding::pickle);
  EXPECT_EQ(outcome.state, TaskState::succeeded);
}

TEST_F(FunctionsTest, SquareIsExactForIntegersOf64Bits) {
  EXPECT_EQ(call("square", "12").value, "144");
  EXPECT_EQ(call("square", "-3").value, "9");
  EXPECT_EQ(call("square", " 0\n").value, "0");
  EXPECT_EQ(call("square", "4294967296").value, "18446744073709551616");
  EXPECT_EQ(call("square", "-9223372036854775808").value, "85070591730234615865843651857942052864");
  EXPECT_EQ(call("square", "7", Encoding::raw).value, "49");
}

TEST_F(FunctionsTest, SquareTakesFractions) { EXPECT_EQ(call("square", "1.5").value, "2.25"); }

TEST_F(FunctionsTest, SquareRefusesWhatIsNoNumberItCanSquare) {
  EXPECT_THAT(call("square", "\"seven\"").error, HasSubstr("not a number"));
  EXPECT_THAT(call("square", "").error, HasSubstr("not a number"));
  EXPECT_THAT(call("square", "9223372036854775808").error, HasSubstr("64 bits"));
  EXPECT_THAT(call("square", "1e300").error, HasSubstr("too large"));
  EXPECT_THAT(call("square", "\x80\x02]q\x01h\x01a.", Encoding::pickle).error,
              HasSubstr("not the pickle of"));
}

TEST_F(FunctionsTest, ToAPythonClientSquareAnswersAsTheClassicWorkerDoes) {
  const Outcome outcome = call("square", std::string("\x80\x04K\x0c.", 5), Encoding::pickle);
  EXPECT_EQ(outcome.value, "\"12 * 12 = 144\"");
  EXPECT_EQ(outcome.encoding, Encoding::json);
  EXPECT_EQ(call("square", "\x80\x02I-3\n.", Encoding::pickle).value, "\"-3 * -3 = 9\"");
  EXPECT_THAT(call("square", "\x80\x02U\x01x.", Encoding::pickle).error, HasSubstr("not a number"));
}

TEST_F(FunctionsTest, AFunctionGetsJsonForAPickleThatHasSome) {
  ASSERT_TRUE(add("show", [](const TaskContext& context, std::string_view payload) {
    return std::string(context.encoding() == PayloadEncoding::json ? "json " : "other ") +
           std::string(payload);
  }));
  EXPECT_EQ(call("show", "\x80\x02K\x01K\x02\x86.", Encoding::pickle).value, "json [1,2]");
  EXPECT_THAT(call("show",
                   "\x80\x02"
                   "cmodule\nClass\n.",
                   Encoding::pickle)
                  .value,
              HasSubstr("other"));
}

TEST_F(FunctionsTest, FailFailsWithTheMessageItWasGiven) {
  EXPECT_EQ(call("fail", "\"no \\\"luck\\\"\"").error, "no \"luck\"");
  EXPECT_EQ(call("fail", "plain", Encoding::raw).error, "plain");
  const Outcome outcome = call("fail", "");
  EXPECT_EQ(outcome.state, TaskState::failed);
  EXPECT_EQ(outcome.error, "failed, as asked");
}

TEST_F(FunctionsTest, SleepEndsWhenItIsStopped) {
  std::thread stopper([&] {
    stop = StopReason::cancelled;
    signal.stop_if_running(stop);
  });
  const Outcome outcome = call("sleep", "1000");
  stopper.join();
  EXPECT_EQ(outcome.state, TaskState::cancelled);
  EXPECT_EQ(outcome.error, "cancelled");
}

TEST_F(FunctionsTest, AFunctionThatOverrunsItsTimeLimitHasFailed) {
  const Outcome outcome = call("sleep", "1000", Encoding::json, 10ms);
  EXPECT_EQ(outcome.state, TaskState::failed);
  EXPECT_TRUE(outcome.timed_out);
  EXPECT_EQ(outcome.error, "timed out after 0.01s");
}

TEST_F(FunctionsTest, AnUnknownFunctionIsAFailureThatNamesIt) {
  EXPECT_EQ(call("nonesuch", "").error, "this worker has no function 'nonesuch'");
}

TEST_F(FunctionsTest, AnExceptionIsAFailure) {
  ASSERT_TRUE(add("throws", [](const TaskContext&, std::string_view) -> TaskResult {
    throw std::runtime_error("out of paper");
  }));
  ASSERT_TRUE(add("throws_int", [](const TaskContext&, std::string_view) -> TaskResult { throw 7; }));
  EXPECT_EQ(call("throws", "").error, "out of paper");
  EXPECT_THAT(call("throws_int", "").error, HasSubstr("no std::exception"));
}

TEST_F(FunctionsTest, AFunctionSeesItsContext) {
  ASSERT_TRUE(add("context", [](const TaskContext& context, std::string_view) -> TaskResult {
    return fmt::format("{} attempt {} deadline {}", context.id(), context.attempt(),
                       context.deadline().has_value());
  }));
  EXPECT_EQ(call("context", "").value, "17.3 attempt 2 deadline false");
  EXPECT_EQ(call("context", "", Encoding::raw, 1h).value, "17.3 attempt 2 deadline true");
}

TEST_F(FunctionsTest, ANameIsTakenOnlyOnce) {
  const Result<void> again =
      add("echo", [](const TaskContext&, std::string_view) -> TaskResult { return "mine"; });
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Errc::already_exists);
  EXPECT_EQ(call("echo", "yours").value, "yours");
}

}  // namespace
}  // namespace reeve::worker
