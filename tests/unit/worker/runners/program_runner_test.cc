#include "worker/runners/program_runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <thread>

#include "tests/unit/worker/runners/runner_fixture.h"

namespace reeve::worker {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class ProgramRunnerTest : public RunnerTest {
 protected:
  // As the worker does: a program that died must be an error of its task, not a signal for us.
  static void SetUpTestSuite() { std::signal(SIGPIPE, SIG_IGN); }

  // A program in the shell: `script` sees each request in $line.
  ProgramOptions program(const std::string& script) const {
    return {.name = "tool",
            .command = {"sh", "-c", "while read -r line; do " + script + "; done"},
            .kill_grace = 50ms,
            .restart = {.first = 1ms, .max = 2ms}};
  }

  Outcome call(ProgramRunner& runner, std::string payload, Encoding encoding = Encoding::json,
               Duration limit = {}) {
    return run(runner, {"tool", std::move(payload), encoding, limit});
  }
};

TEST_F(ProgramRunnerTest, GetsOneLineForATaskAndAnswersWithOne) {
  ProgramRunner runner{program(R"(printf '{"value":%s}\n' "$line")")};
  EXPECT_EQ(
      call(runner, "{\"a\":\n 1.0}").value,
      R"({"task":"17.3","job":17,"index":3,"attempt":2,"queue":"default","encoding":"json","payload":{"a":  1.0}})");
  EXPECT_THAT(call(runner, "two \"words\"", Encoding::raw).value, HasSubstr(R"("payload":"two \"words\"")"));
  EXPECT_THAT(call(runner, "\x80\x04", Encoding::pickle).value, HasSubstr(R"("payload_base64":"gAQ=")"));
  EXPECT_THAT(call(runner, "\x80\x02K\x05.", Encoding::pickle).value,
              HasSubstr(R"("encoding":"json","payload":5)"));
}

TEST_F(ProgramRunnerTest, TheProgramStaysFromTaskToTask) {
  ProgramRunner runner{program(R"(n=$((n+1)); echo "{\"value\":$n}")")};
  EXPECT_EQ(call(runner, "1").value, "1");
  EXPECT_EQ(call(runner, "1").value, "2");
}

TEST_F(ProgramRunnerTest, AnErrorIsAFailureAndBytesComeAsBase64) {
  ProgramRunner failing{program(R"(echo '{"error":"no luck"}')")};
  EXPECT_EQ(call(failing, "1").error, "no luck");
  ProgramRunner bytes{program(R"(echo '{"value_base64":"gAQ=","encoding":"pickle"}')")};
  const Outcome outcome = call(bytes, "1");
  EXPECT_EQ(outcome.value, "\x80\x04");
  EXPECT_EQ(outcome.encoding, Encoding::pickle);
}

TEST_F(ProgramRunnerTest, AProgramThatDiesFailsItsTaskAndIsStartedAgain) {
  ProgramRunner runner{program(R"(case "$line" in *die*) kill -9 $$;; *) echo '{"value":1}';; esac)")};
  EXPECT_EQ(call(runner, "\"die\"").error, "the program tool was killed by SIGKILL without an answer");
  EXPECT_EQ(call(runner, "2").value, "1");
}

TEST_F(ProgramRunnerTest, ATimeLimitEndsTheProgramAndTheNextTaskHasANewOne) {
  ProgramRunner runner{program(R"(case "$line" in *hang*) sleep 1000;; *) echo "{\"value\":$$}";; esac)")};
  const std::string first = call(runner, "1").value;
  const Outcome hung = call(runner, "\"hang\"", Encoding::json, 20ms);
  EXPECT_TRUE(hung.timed_out);
  EXPECT_NE(call(runner, "1").value, first);
}

TEST_F(ProgramRunnerTest, ACancelledTaskEndsTheProgram) {
  ProgramRunner runner{program("sleep 1000")};
  std::thread stopper([&] {
    stop = StopReason::cancelled;
    signal.stop_if_running(stop);
  });
  EXPECT_EQ(call(runner, "1").state, TaskState::cancelled);
  stopper.join();
}

TEST_F(ProgramRunnerTest, AnswersThatAreNoneShowThatTheProgramIsOutOfStep) {
  ProgramRunner chatty{program("echo hello")};
  EXPECT_THAT(call(chatty, "1").error, HasSubstr("out of step"));
  ProgramRunner other{program(R"(echo '{"task":"17.4","value":1}')")};
  EXPECT_THAT(call(other, "1").error, HasSubstr("it answered for the task 17.4"));
}

TEST_F(ProgramRunnerTest, ASecondLineIsNotTheNextTasksAnswer) {
  ProgramRunner runner{program(R"(case $line in *two*) printf '{"value":1}\n{"value":2}\n';;
                                  *) echo '{"value":3}';; esac)")};
  EXPECT_EQ(call(runner, "\"two\"").value, "1");
  EXPECT_EQ(call(runner, "1").value, "3");
}

TEST_F(ProgramRunnerTest, SaysWhyAProgramCannotBeStarted) {
  ProgramRunner runner{{.name = "tool", .command = {"no-such-program"}}};
  EXPECT_EQ(call(runner, "1").error, "cannot run 'no-such-program': No such file or directory");
}

}  // namespace
}  // namespace reeve::worker
