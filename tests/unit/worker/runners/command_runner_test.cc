#include "worker/runners/command_runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

namespace reeve::worker {
namespace {

using namespace std::chrono_literals;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

class CommandRunnerTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "reeve-command-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory = name;
  }
  void TearDown() override { std::filesystem::remove_all(directory); }

  Outcome run(std::vector<std::string> args) {
    spec.command.args = std::move(args);
    return run();
  }
  Outcome shell(std::string script) { return run({"sh", "-c", std::move(script)}); }

  Outcome run() {
    const Work work{.fence = {Epoch{1}, {JobId{17}, 3}, 2},
                    .spec = std::make_shared<const TaskSpec>(spec),
                    .payload = payload};
    Outcome outcome;
    signal.begin(work, stop, mono_now());
    runner.run(work, signal, outcome);
    signal.end();
    return outcome;
  }

  void ask_to_stop() {
    stop = StopReason::cancelled;
    signal.stop_if_running(stop);
  }

  // Waits until the program has made this file.
  std::string wait_for(const std::string& file) const {
    for (;;) {
      std::ifstream in{file};
      std::string line;
      if (in && std::getline(in, line)) return line;
      std::this_thread::yield();
    }
  }
  // A dead process that nobody has waited for yet is dead.
  static bool alive(pid_t pid) {
    std::ifstream in{fmt::format("/proc/{}/stat", pid)};
    std::string text;
    return std::getline(in, text) && !text.contains(") Z ");
  }
  static void wait_until_dead(pid_t pid) {
    while (alive(pid)) std::this_thread::yield();
  }

  std::string directory;
  TaskSpec spec;
  std::string payload;
  std::atomic<pid_t> group{0};
  CommandRunner runner{{.output_max_bytes = 1000, .kill_grace = 200ms, .output_patience = 200ms}, &group};
  StopSignal signal;
  std::atomic<StopReason> stop{StopReason::none};
};

TEST_F(CommandRunnerTest, CapturesOutputAndErrorsApart) {
  const Outcome outcome = shell("echo out; echo err >&2");
  EXPECT_EQ(outcome.state, TaskState::succeeded);
  EXPECT_EQ(outcome.error, "");
  EXPECT_EQ(outcome.out, "out\n");
  EXPECT_EQ(outcome.err, "err\n");
  EXPECT_FALSE(outcome.out_cut);
}

TEST_F(CommandRunnerTest, AnExitCodeOtherThanZeroIsAFailure) {
  const Outcome outcome = shell("echo before; exit 3");
  EXPECT_EQ(outcome.state, TaskState::failed);
  EXPECT_EQ(outcome.exit_code, 3);
  EXPECT_EQ(outcome.error, "exited with code 3");
  EXPECT_EQ(outcome.out, "before\n");
}

TEST_F(CommandRunnerTest, ASignalIsAFailureThatNamesIt) {
  const Outcome outcome = shell("kill -SEGV $$");
  EXPECT_EQ(outcome.signal, static_cast<std::uint32_t>(SIGSEGV));
  EXPECT_EQ(outcome.error, "killed by SIGSEGV");
}

TEST_F(CommandRunnerTest, SaysWhyAProgramCannotBeRun) {
  EXPECT_EQ(run({"no-such-program"}).error, "cannot run 'no-such-program': No such file or directory");
  EXPECT_EQ(run({"/etc/passwd"}).error, "cannot run '/etc/passwd': Permission denied");
  spec.command.cwd = directory + "/missing";
  EXPECT_THAT(run({"true"}).error, testing::AllOf(StartsWith("cannot change to the directory"),
                                                  EndsWith("missing': No such file or directory")));
}

TEST_F(CommandRunnerTest, FindsAProgramAgainThatHasMoved) {
  const std::string first = directory + "/first", second = directory + "/second";
  for (const auto& place : {first, second}) std::filesystem::create_directory(place);
  spec.command.env = {{"PATH", first + ":" + second + ":/usr/bin:/bin"}};
  std::ofstream{first + "/tool"} << "#!/bin/sh\necho here\n";
  std::filesystem::permissions(first + "/tool", std::filesystem::perms::owner_all);
  EXPECT_EQ(run({"tool"}).out, "here\n");
  std::filesystem::rename(first + "/tool", second + "/tool");
  EXPECT_EQ(run({"tool"}).out, "here\n");
}

TEST_F(CommandRunnerTest, RunsAScriptWithoutAFirstLineAsTheShellDoes) {
  std::ofstream{directory + "/script"} << "echo \"plain $1\"\n";
  std::filesystem::permissions(directory + "/script", std::filesystem::perms::owner_all);
  EXPECT_EQ(run({directory + "/script", "words"}).out, "plain words\n");
}

TEST_F(CommandRunnerTest, PutsThePayloadIntoTheArguments) {
  spec.command.payload_to_args = true;
  payload = "a b";
  EXPECT_EQ(run({"printf", "%s|", "{}", "x{}y{}", "{"}).out, "a b|xa bya b|{|");
}

TEST_F(CommandRunnerTest, RefusesAZeroByteInAnArgument) {
  spec.command.payload_to_args = true;
  payload = std::string("a\0b", 3);
  EXPECT_THAT(run({"echo", "{}"}).error, HasSubstr("zero byte"));
}

TEST_F(CommandRunnerTest, GivesInputFromTheSpecOrFromThePayload) {
  spec.command.stdin_bytes = "from the spec";
  EXPECT_EQ(run({"cat"}).out, "from the spec");
  spec.command.payload_to_stdin = true;
  payload = "from the payload";
  EXPECT_EQ(run({"cat"}).out, "from the payload");
  payload.clear();
  EXPECT_EQ(run({"cat"}).out, "");
}

TEST_F(CommandRunnerTest, MuchInputThatNobodyReadsDoesNotHangTheTask) {
  spec.command.stdin_bytes.assign(8u << 20, 'x');
  EXPECT_EQ(run({"true"}).state, TaskState::succeeded);
  EXPECT_EQ(run({"wc", "-c"}).out, "8388608\n");
}

TEST_F(CommandRunnerTest, TellsTheProgramWhichAttemptItIs) {
  spec.queue = "pictures";
  spec.command.env = {{"COLOUR", "red"}};
  const Outcome outcome =
      shell("echo $REEVE_JOB $REEVE_TASK $REEVE_INDEX $REEVE_ATTEMPT $REEVE_QUEUE $COLOUR");
  EXPECT_EQ(outcome.out, "17 17.3 3 2 pictures red\n");
}

TEST_F(CommandRunnerTest, HidesTheAuthkeyFromTheProgram) {
  ::setenv("REEVE_AUTHKEY", "secret", 1);
  const Outcome outcome = run({"env"});
  ::unsetenv("REEVE_AUTHKEY");
  EXPECT_THAT(outcome.out, testing::Not(HasSubstr("secret")));
}

TEST_F(CommandRunnerTest, ATaskMayReplaceAVariableOfTheWorker) {
  spec.command.env = {{"HOME", "/elsewhere"}};
  EXPECT_EQ(shell("env | grep -c ^HOME=; echo $HOME").out, "1\n/elsewhere\n");
}

TEST_F(CommandRunnerTest, RunsInItsWorkingDirectory) {
  spec.command.cwd = directory;
  EXPECT_EQ(run({"pwd"}).out, directory + "\n");
}

TEST_F(CommandRunnerTest, InheritsNoDescriptorsAndNoBlockedSignals) {
  EXPECT_EQ(shell("ls /proc/self/fd | tr '\\n' ' '").out, "0 1 2 3 ");  // 3: of ls itself
  EXPECT_THAT(shell("grep -E 'Sig(Blk|Ign)' /proc/self/status").out,
              testing::ContainsRegex("SigBlk:\t0+\nSigIgn:\t0+\n"));
}

TEST_F(CommandRunnerTest, KeepsOutputUpToItsLimitAndThrowsTheRestAway) {
  const Outcome outcome = shell("head -c 3000000 /dev/zero | tr '\\0' x; echo short >&2");
  EXPECT_EQ(outcome.state, TaskState::succeeded);
  EXPECT_EQ(outcome.out, std::string(1000, 'x'));
  EXPECT_TRUE(outcome.out_cut);
  EXPECT_FALSE(outcome.err_cut);
}

TEST_F(CommandRunnerTest, ATimeLimitEndsTheProgram) {
  spec.time_limit = 50ms;
  const Outcome outcome = run({"sleep", "1000"});
  EXPECT_TRUE(outcome.timed_out);
  EXPECT_EQ(outcome.state, TaskState::failed);
  EXPECT_EQ(outcome.error, "timed out after 0.05s");
  EXPECT_EQ(outcome.signal, static_cast<std::uint32_t>(SIGTERM));
}

TEST_F(CommandRunnerTest, AProgramThatIgnoresTermIsKilled) {
  spec.time_limit = 50ms;
  const Outcome outcome = shell("trap '' TERM; echo started; while :; do sleep 1000; done");
  EXPECT_TRUE(outcome.timed_out);
  EXPECT_EQ(outcome.signal, static_cast<std::uint32_t>(SIGKILL));
  EXPECT_EQ(outcome.out, "started\n");
}

TEST_F(CommandRunnerTest, ACancelledProgramIsEndedWithItsWholeGroup) {
  std::thread stopper([&] {
    wait_for(directory + "/pid");
    ask_to_stop();
  });
  const Outcome outcome = shell("sleep 1000 & echo $! > " + directory + "/pid.new; mv " + directory +
                                "/pid.new " + directory + "/pid; wait");
  stopper.join();
  EXPECT_EQ(outcome.state, TaskState::cancelled);
  EXPECT_EQ(outcome.error, "cancelled");
  wait_until_dead(std::stoi(wait_for(directory + "/pid")));
}

TEST_F(CommandRunnerTest, AStoppedProgramHasTimeToCleanUp) {
  std::thread stopper([&] {
    wait_for(directory + "/ready");
    ask_to_stop();
  });
  const Outcome outcome = shell("trap 'echo cleaned; exit 0' TERM; echo x > " + directory +
                                "/ready; while :; do sleep 0.01; done");
  stopper.join();
  EXPECT_EQ(outcome.state, TaskState::cancelled);
  EXPECT_EQ(outcome.out, "cleaned\n");
}

TEST_F(CommandRunnerTest, AProcessThatStaysBehindDoesNotHangTheTaskAndIsKilled) {
  const TimePoint before = mono_now();
  const Outcome outcome = shell("sleep 1000 & echo $! ");
  EXPECT_LT(mono_now() - before, 60s);
  EXPECT_EQ(outcome.state, TaskState::succeeded);
  wait_until_dead(std::stoi(outcome.out));
}

TEST_F(CommandRunnerTest, AProcessThatStaysBehindWithoutThePipesIsKilledAtOnce) {
  const Outcome outcome = shell("sleep 1000 > /dev/null 2>&1 & echo $!");
  wait_until_dead(std::stoi(outcome.out));
}

TEST_F(CommandRunnerTest, OutputOfAProcessThatStaysBehindBrieflyIsKept) {
  EXPECT_EQ(shell("(sleep 0.02; echo late) & echo early").out, "early\nlate\n");
}

TEST_F(CommandRunnerTest, NamesTheGroupThatRunsAndForgetsIt) {
  std::thread stopper([&] {
    const pid_t shell_pid = std::stoi(wait_for(directory + "/pid"));
    EXPECT_EQ(group.load(), shell_pid);
    ask_to_stop();
  });
  shell("echo $$ > " + directory + "/pid; exec sleep 1000");
  stopper.join();
  EXPECT_EQ(group.load(), 0);
}

TEST_F(CommandRunnerTest, RunsOneAfterTheOther) {
  spec.command.args = {"echo", "hello"};
  for (int i = 0; i < 200; ++i) ASSERT_EQ(run().out, "hello\n");
}

}  // namespace
}  // namespace reeve::worker
