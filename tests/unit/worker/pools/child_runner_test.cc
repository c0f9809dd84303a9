#include "worker/pools/child_runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <thread>

#include "tests/unit/worker/runners/runner_fixture.h"

#include "worker/runners/plugins.h"

// This program is its own pool child, as the worker is.
int main(int argc, char** argv) {
  if (argc >= 2 && argv[1] == std::string_view(reeve::worker::pool_child_argument))
    return reeve::worker::pool_child_main(argc, argv);
  testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}

namespace reeve::worker {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class ChildRunnerTest : public RunnerTest {
 protected:
  ChildOptions options() const {
    return {.setup = {.initializer = {}, .plugins = {REEVE_TEST_PLUGIN}},
            .kill_grace = 50ms,
            .restart = {.first = 1ms, .max = 2ms}};
  }

  Outcome call(ChildRunner& runner, std::string function, std::string payload = {}, Duration limit = {}) {
    return run(runner, {std::move(function), std::move(payload), Encoding::json, limit});
  }
};

TEST_F(ChildRunnerTest, FunctionsRunInAnotherProcessThatStays) {
  ChildRunner runner{options()};
  const std::string pid = call(runner, "pid").value;
  EXPECT_NE(pid, std::to_string(::getpid()));
  EXPECT_EQ(call(runner, "pid").value, pid);
  EXPECT_EQ(call(runner, "square", "12").value, "144");
}

TEST_F(ChildRunnerTest, ACrashIsOneFailedAttemptAndTheNextTaskHasANewChild) {
  ChildRunner runner{options()};
  const Outcome crashed = call(runner, "crash");
  EXPECT_EQ(crashed.state, TaskState::failed);
  EXPECT_EQ(crashed.error, "the child was killed by SIGSEGV");
  EXPECT_EQ(crashed.signal, static_cast<std::uint32_t>(SIGSEGV));
  EXPECT_EQ(call(runner, "exit").error, "the child exited with code 3");
  EXPECT_EQ(call(runner, "echo", "1").value, "1");
}

TEST_F(ChildRunnerTest, AFunctionThatHangsIsEndedByItsTimeLimit) {
  ChildRunner runner{options()};
  const Outcome outcome = call(runner, "hang", {}, 20ms);
  EXPECT_TRUE(outcome.timed_out);
  EXPECT_EQ(outcome.error, "timed out after 0.02s");
  EXPECT_EQ(call(runner, "echo", "1").value, "1");
}

TEST_F(ChildRunnerTest, AStoppedFunctionEndsByItselfOrIsKilled) {
  ChildRunner runner{options()};
  const std::string pid = call(runner, "pid").value;
  for (const char* function : {"sleep", "hang"}) {
    stop = StopReason::none;
    std::thread stopper([&] {
      stop = StopReason::cancelled;
      signal.stop_if_running(stop);
    });
    const Outcome outcome = call(runner, function, "1000");
    stopper.join();
    EXPECT_EQ(outcome.state, TaskState::cancelled) << function;
  }
  stop = StopReason::none;
  EXPECT_NE(call(runner, "pid").value, pid) << "the child that hung was replaced";
}

TEST_F(ChildRunnerTest, AChildIsReplacedAfterItsLastTask) {
  ChildOptions two = options();
  two.tasks_max = 2;
  ChildRunner runner{two};
  const std::string pid = call(runner, "pid").value;
  EXPECT_EQ(call(runner, "pid").value, pid);
  EXPECT_NE(call(runner, "pid").value, pid);
}

TEST_F(ChildRunnerTest, EveryChildIsInitialized) {
  ChildOptions with = options();
  with.setup.initializer = "initialize";
  ChildRunner runner{with};
  EXPECT_EQ(call(runner, "initialized").value, "yes");
  call(runner, "crash");
  EXPECT_EQ(call(runner, "initialized").value, "yes");
}

TEST_F(ChildRunnerTest, ChildrenThatCannotBeginFailTheTaskAfterSomeTries) {
  ChildOptions broken = options();
  broken.setup.initializer = "throw";
  ChildRunner runner{broken};
  EXPECT_EQ(call(runner, "echo", "1").error, "the initializer throw failed: out of paper");
  broken.setup.initializer = "crash";
  ChildRunner crashing{broken};
  EXPECT_EQ(call(crashing, "echo", "1").error, "the child was killed by SIGSEGV at its start");
}

TEST_F(ChildRunnerTest, LargePayloadsGoThereAndBack) {
  ChildRunner runner{options()};
  const std::string large(8u << 20, 'x');
  EXPECT_EQ(call(runner, "echo", large).value, large);
}

TEST(PluginsTest, AFileThatIsNoPluginIsRefusedByName) {
  Functions functions;
  EXPECT_THAT(load_plugin("/no/such/file.so", functions).error().detail, HasSubstr("/no/such/file.so"));
  EXPECT_THAT(load_plugin("libm.so.6", functions).error().detail, HasSubstr("libm.so.6"));
}

TEST(PluginsTest, ANameThatIsTakenIsRefused) {
  Functions functions;
  ASSERT_TRUE(load_plugin(REEVE_TEST_PLUGIN, functions));
  EXPECT_EQ(load_plugin(REEVE_TEST_PLUGIN, functions).error().code, Errc::already_exists);
}

}  // namespace
}  // namespace reeve::worker
