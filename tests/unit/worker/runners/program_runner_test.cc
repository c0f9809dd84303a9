#include "worker/runners/program_runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
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

// A program that answers its first task with 1; the `rest` begins when the next task is in its pipe, unread.
ProgramOptions answers_once_then(const std::string& rest) {
  return {.name = "tool",
          .command = {"bash", "-c",
                      R"(read -r line; echo '{"value":1}'; until read -t 0; do sleep 0.01; done; )" + rest},
          .kill_grace = 50ms,
          .restart = {.first = 1ms, .max = 2ms}};
}

TEST_F(ProgramRunnerTest, ATaskThatAProgramHadNotReadWhenItEndedGoesToAnotherOne) {
  ProgramRunner runner{answers_once_then("exit 3")};
  for (int task = 1; task <= 3; ++task) {
    const Outcome outcome = call(runner, "1");
    EXPECT_EQ(outcome.value, "1") << outcome.error;
    EXPECT_EQ(outcome.exit_code, 0);
  }
}

TEST_F(ProgramRunnerTest, ATaskThatAProgramHadBegunToReadIsNotGivenToAnotherOne) {
  ProgramRunner runner{answers_once_then("read -r -n 1; exit 3")};
  EXPECT_EQ(call(runner, "1").value, "1");
  EXPECT_EQ(call(runner, "1").error, "the program tool exited with code 3 without an answer");
  EXPECT_EQ(call(runner, "1").value, "1");
}

TEST_F(ProgramRunnerTest, ATaskThatOnlyAProcessThatWasLeftBehindCouldReadGoesToAnotherProgram) {
  const std::string file = testing::TempDir() + fmt::format("reeve-left-behind-{}", ::getpid());
  ProgramRunner runner{
      answers_once_then("setsid sh -c 'read -r line; echo \"$line\" >" + file + "' & exit 3")};
  EXPECT_EQ(call(runner, "1").value, "1");
  const Outcome second = call(runner, "1");
  // Whoever was faster: either it was read and the attempt is over, or it was not and never will be.
  EXPECT_NE(second.state == TaskState::succeeded,
            std::filesystem::exists(file) && std::filesystem::file_size(file) > 1)
      << second.error;
  std::filesystem::remove(file);
}

TEST_F(ProgramRunnerTest, ALineBetweenTwoTasksIsNotTheNextTasksAnswer) {
  const std::string file = testing::TempDir() + fmt::format("reeve-second-line-{}", ::getpid());
  ProgramRunner runner{program(R"(echo '{"value":1}'; sleep 0.02; echo '{"value":99}'; : >)" + file)};
  EXPECT_EQ(call(runner, "1").value, "1");
  while (!std::filesystem::exists(file)) std::this_thread::yield();
  EXPECT_EQ(call(runner, "1").value, "1") << "of another program";
  std::filesystem::remove(file);
}

TEST_F(ProgramRunnerTest, ALineOfAProgramThatHasNotReadTheTaskIsNotItsAnswer) {
  ProgramRunner runner{answers_once_then(R"(echo '{"value":99}'; exec sleep 1000)")};
  EXPECT_EQ(call(runner, "1").value, "1");
  EXPECT_EQ(call(runner, "1").value, "1") << "of another program";
}

TEST_F(ProgramRunnerTest, AProgramThatListensNoMoreIsReplaced) {
  ProgramRunner runner{program(R"(echo '{"value":1}'; exec <&-; exec sleep 1000)")};
  EXPECT_EQ(call(runner, "1").value, "1");
  EXPECT_EQ(call(runner, "1").value, "1");
}

TEST_F(ProgramRunnerTest, AProgramThatClosesItsInputUnreadIsReplaced) {
  ProgramRunner runner{answers_once_then("exec <&-; exec sleep 1000")};
  EXPECT_EQ(call(runner, "1").value, "1");
  EXPECT_EQ(call(runner, "1").value, "1");
}

TEST_F(ProgramRunnerTest, AProgramMayCloseItsInputBeforeItAnswers) {
  ProgramRunner runner{program(R"(exec <&-; sleep 0.02; echo '{"value":1}'; exit)")};
  EXPECT_EQ(call(runner, "1").value, "1");
}

TEST_F(ProgramRunnerTest, AProgramThatNeverReadsFailsItsTask) {
  ProgramRunner leaving{{.name = "tool", .command = {"sh", "-c", "exit 7"}}};
  EXPECT_EQ(call(leaving, "1").error, "the program tool exited with code 7 without an answer");
  ProgramRunner greeting{{.name = "tool", .command = {"sh", "-c", "echo ready; sleep 1000"}}};
  EXPECT_THAT(call(greeting, "1").error, HasSubstr("it wrote something before it had read the task"));
}

TEST_F(ProgramRunnerTest, SaysWhyAProgramCannotBeStarted) {
  ProgramRunner runner{{.name = "tool", .command = {"no-such-program"}}};
  EXPECT_EQ(call(runner, "1").error, "cannot run 'no-such-program': No such file or directory");
}

}  // namespace
}  // namespace reeve::worker
