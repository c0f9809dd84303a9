#include "worker/runners/command_runner.h"

#include <dirent.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/fakes/temp_dir.h"
#include "tests/unit/worker/runners/fifo.h"
#include "tests/unit/worker/runners/run_once.h"

namespace reeve::worker {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// The shell's own arguments: $1, $2, …
TaskSpec shell(std::string script, std::vector<std::string> arguments = {}) {
  TaskSpec spec;
  spec.command.args = {"sh", "-c", std::move(script), "sh"};
  for (std::string& argument : arguments) spec.command.args.push_back(std::move(argument));
  return spec;
}

TaskSpec program(std::vector<std::string> args) {
  TaskSpec spec;
  spec.command.args = std::move(args);
  return spec;
}

std::size_t open_descriptors() {
  const auto all = std::filesystem::directory_iterator("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

class CommandRunnerTest : public testing::Test {
 protected:
  // No child is left behind, dead or alive.
  void TearDown() override {
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
    EXPECT_EQ(errno, ECHILD);
  }
  Outcome run(TaskSpec spec, std::string payload = {}) { return once(runner, std::move(spec), payload); }

  std::string write_file(const std::string& name, std::string_view text, unsigned mode) {
    const std::string path = dir / name;
    std::ofstream{path} << text;
    ::chmod(path.c_str(), mode);
    return path;
  }

  TempDir dir;
  RunOnce once;
  CommandRunner runner{{.output_max_bytes = 1000, .kill_grace = 10s}};
};

// ---------------------------------------------------------------- how it ended

TEST_F(CommandRunnerTest, ExitCodeZeroSucceeds) {
  const Outcome outcome = run(program({"true"}));
  EXPECT_EQ(outcome.state, TaskState::succeeded);
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(outcome.signal, 0u);
}

TEST_F(CommandRunnerTest, AnotherExitCodeFailsAndKeepsTheOutput) {
  const Outcome outcome = run(shell("echo out; echo err >&2; exit 3"));
  EXPECT_EQ(outcome.state, TaskState::failed);
  EXPECT_EQ(outcome.error, "exited with code 3");
  EXPECT_EQ(outcome.exit_code, 3);
  EXPECT_EQ(outcome.out, "out\n");
  EXPECT_EQ(outcome.err, "err\n");
}

TEST_F(CommandRunnerTest, ASignalFailsByItsName) {
  const Outcome outcome = run(shell("kill -SEGV $$"));
  EXPECT_EQ(outcome.state, TaskState::failed);
  EXPECT_EQ(outcome.error, "killed by SIGSEGV");
  EXPECT_EQ(outcome.signal, static_cast<std::uint32_t>(SIGSEGV));
  EXPECT_EQ(run(shell("kill -40 $$")).error, "killed by signal 40");
}

// ---------------------------------------------------------------- what cannot be run

TEST_F(CommandRunnerTest, AMissingProgramIsNamed) {
  EXPECT_EQ(run(program({"no-such-program"})).error,
            "cannot run 'no-such-program': No such file or directory");
  EXPECT_EQ(run(program({"/no/such"})).error, "cannot run '/no/such': No such file or directory");
  EXPECT_EQ(run(program({"no-such-program"})).exit_code, 127);
  EXPECT_EQ(run(program({""})).error, "cannot run '': No such file or directory");
}

TEST_F(CommandRunnerTest, AFileThatMayNotBeRunIsNamed) {
  const std::string file = write_file("data", "1 2 3\n", 0600);
  EXPECT_EQ(run(program({file})).error, fmt::format("cannot run '{}': Permission denied", file));
  EXPECT_EQ(run(program({file})).exit_code, 126);
  TaskSpec spec = program({"data"});
  spec.command.env = {{"PATH", dir.path()}};
  EXPECT_EQ(run(spec).error, "cannot run 'data': Permission denied");
}

TEST_F(CommandRunnerTest, AScriptWithoutInterpreterIsTheShells) {
  const std::string file = write_file("script", "echo plain \"$1\"\n", 0700);
  TaskSpec spec = program({file, "{}"});
  spec.command.payload_to_args = true;
  const auto shared = std::make_shared<const TaskSpec>(spec);
  EXPECT_EQ(once(runner, shared, "a").out, "plain a\n");
  EXPECT_EQ(once(runner, shared, "b").out, "plain b\n");
}

TEST_F(CommandRunnerTest, AMissingDirectoryIsNamed) {
  TaskSpec spec = program({"true"});
  spec.command.cwd = "/no/such";
  EXPECT_EQ(run(spec).error, "cannot change to /no/such: No such file or directory");
}

TEST_F(CommandRunnerTest, TooManyArgumentsAreAnError) {
  EXPECT_EQ(run(program({"true", std::string(1 << 20, 'x')})).error,
            "cannot run 'true': Argument list too long");
}

TEST_F(CommandRunnerTest, ATaskWithoutCommandIsAnError) {
  EXPECT_EQ(run(TaskSpec{}).error, "the task has no command");
}

TEST_F(CommandRunnerTest, ZeroBytesInArgumentsAreAnError) {
  EXPECT_EQ(run(program({"echo", std::string("a\0b", 3)})).error, "an argument contains a zero byte");
}

// ---------------------------------------------------------------- what it gets

TEST_F(CommandRunnerTest, EveryPlaceholderBecomesThePayload) {
  TaskSpec spec = program({"printf", "%s|", "{}", "a{}b{}", "{}{}", "{ }", "{{}}"});
  spec.command.payload_to_args = true;
  EXPECT_EQ(run(spec, "x y").out, "x y|ax ybx y|x yx y|{ }|{x y}|");
  EXPECT_EQ(run(spec, "").out, "|ab||{ }|{}|");
  EXPECT_EQ(run(spec, "{}").out, "{}|a{}b{}|{}{}|{ }|{{}}|");
}

TEST_F(CommandRunnerTest, PlaceholdersStayWhereNobodyAskedForThem) {
  EXPECT_EQ(run(program({"echo", "{}"}), "x").out, "{}\n");
  TaskSpec spec = program({"{}"});
  spec.command.payload_to_args = true;
  EXPECT_EQ(run(spec, "true").error, "cannot run '{}': No such file or directory");
}

TEST_F(CommandRunnerTest, APayloadWithAZeroByteCannotBeAnArgument) {
  TaskSpec spec = program({"echo", "{}"});
  spec.command.payload_to_args = true;
  EXPECT_THAT(run(spec, std::string("a\0b", 3)).error, HasSubstr("zero byte"));
}

TEST_F(CommandRunnerTest, TheEnvironmentTellsWhichAttemptThisIs) {
  TaskSpec spec = shell("echo $REEVE_JOB $REEVE_TASK $REEVE_INDEX $REEVE_ATTEMPT $REEVE_EPOCH $REEVE_QUEUE");
  spec.queue = "pictures";
  spec.command.env = {{"REEVE_TASK", "mine"}};
  EXPECT_EQ(run(spec).out, "17 17.3 3 2 1 pictures\n");
}

TEST_F(CommandRunnerTest, TheEnvironmentIsOursAndTheTasksOnTopOfIt) {
  ::setenv("REEVE_TEST_KEPT", "kept", 1);
  ::setenv("REEVE_TEST_REPLACED", "old", 1);
  ::setenv("REEVE_AUTHKEY", "secret", 1);
  ::setenv("NOTIFY_SOCKET", "/run/notify", 1);
  CommandRunner fresh{{}};
  for (const char* name : {"REEVE_TEST_KEPT", "REEVE_TEST_REPLACED", "REEVE_AUTHKEY", "NOTIFY_SOCKET"})
    ::unsetenv(name);
  TaskSpec spec = program({"env"});
  spec.command.env = {{"REEVE_TEST_REPLACED", "first"}, {"EMPTY", ""}, {"REEVE_TEST_REPLACED", "new=1"}};
  const std::vector<std::string> seen = lines_of(once(fresh, spec).out);
  EXPECT_EQ(std::ranges::count(seen, "REEVE_TEST_KEPT=kept"), 1);
  EXPECT_EQ(std::ranges::count(seen, "REEVE_TEST_REPLACED=new=1"), 1);
  EXPECT_EQ(std::ranges::count(seen, "EMPTY="), 1);
  EXPECT_EQ(std::ranges::count(seen, "REEVE_QUEUE=default"), 1);
  EXPECT_THAT(seen, Not(testing::Contains(StartsWith("REEVE_AUTHKEY="))));
  EXPECT_THAT(seen, Not(testing::Contains(StartsWith("NOTIFY_SOCKET="))));
  EXPECT_THAT(seen, Not(testing::Contains("REEVE_TEST_REPLACED=first")));
}

TEST_F(CommandRunnerTest, AnEmptyEnvironmentStillFindsTheUsualPrograms) {
  char** const before = environ;
  char* none[] = {nullptr};
  environ = none;
  CommandRunner fresh{{}};
  environ = before;
  const Outcome outcome = once(fresh, program({"env"}));
  EXPECT_THAT(lines_of(outcome.out), ElementsAre("REEVE_JOB=17", "REEVE_TASK=17.3", "REEVE_INDEX=3",
                                                 "REEVE_ATTEMPT=2", "REEVE_EPOCH=1", "REEVE_QUEUE=default"));
}

TEST_F(CommandRunnerTest, InvalidVariableNamesAreAnError) {
  for (const char* name : {"", "A=B"}) {
    TaskSpec spec = program({"true"});
    spec.command.env = {{name, "x"}};
    EXPECT_EQ(run(spec).error, fmt::format("the environment variable '{}' is not a valid one", name));
  }
}

TEST_F(CommandRunnerTest, ThePathIsTheTasks) {
  write_file("tool", "#!/bin/sh\necho from the path\n", 0700);
  TaskSpec spec = program({"tool"});
  spec.command.env = {{"PATH", "/no/such:" + dir.path() + ":/bin"}};
  EXPECT_EQ(run(spec).out, "from the path\n");
}

TEST_F(CommandRunnerTest, RelativePathsStartInTheTasksDirectory) {
  write_file("tool", "#!/bin/sh\necho here\n", 0700);
  TaskSpec spec = program({"./tool"});
  spec.command.cwd = dir.path();
  EXPECT_EQ(run(spec).out, "here\n");
  spec.command.args = {"tool"};
  spec.command.env = {{"PATH", ":/bin"}};
  EXPECT_EQ(run(spec).out, "here\n");
  spec.command.args = {"pwd", "-P"};
  EXPECT_EQ(run(spec).out, std::filesystem::canonical(dir.path()).string() + "\n");
}

TEST_F(CommandRunnerTest, AProgramThatMovesBetweenTwoTasksIsFoundAgain) {
  std::filesystem::create_directory(dir / "a");
  std::filesystem::create_directory(dir / "b");
  write_file("a/tool", "#!/bin/sh\necho tool\n", 0700);
  TaskSpec command = program({"tool"});
  command.command.env = {{"PATH", fmt::format("{0}/a:{0}/b:/bin", dir.path())}};
  const auto spec = std::make_shared<const TaskSpec>(command);
  EXPECT_EQ(once(runner, spec).out, "tool\n");
  std::filesystem::rename(dir / "a/tool", dir / "b/tool");
  EXPECT_EQ(once(runner, spec).out, "tool\n");
  std::filesystem::remove(dir / "b/tool");
  EXPECT_EQ(once(runner, spec).error, "cannot run 'tool': No such file or directory");
}

TEST_F(CommandRunnerTest, StandardInputIsEmptyUnlessGiven) {
  EXPECT_EQ(run(program({"cat"}), "payload").out, "");
  TaskSpec spec = program({"cat"});
  spec.command.stdin_bytes = "given";
  EXPECT_EQ(run(spec, "payload").out, "given");
  spec.command.payload_to_stdin = true;
  EXPECT_EQ(run(spec, "payload").out, "payload");
  EXPECT_EQ(run(spec, "").out, "");
  spec.command.args = {"cat", "/dev/stdin"};
  EXPECT_EQ(run(spec, "payload").out, "payload");
}

TEST_F(CommandRunnerTest, StandardInputThatNobodyReadsHoldsNobodyUp) {
  TaskSpec spec = shell("exec <&-; echo done");
  spec.command.payload_to_stdin = true;
  EXPECT_EQ(run(spec, std::string(8 << 20, 'x')).out, "done\n");
  spec = program({"wc", "-c"});
  spec.command.payload_to_stdin = true;
  EXPECT_EQ(run(spec, std::string(8 << 20, 'x')).out, "8388608\n");
}

TEST_F(CommandRunnerTest, AProgramInheritsNoDescriptor) {
  const Descriptor inheritable{::open("/dev/null", O_RDONLY)};
  EXPECT_EQ(run(program({"ls", "/proc/self/fd"})).out, "0\n1\n2\n3\n");  // 3: the directory itself
}

TEST_F(CommandRunnerTest, AProgramStartsWithDefaultSignals) {
  sigset_t some, before;
  sigemptyset(&some);
  sigaddset(&some, SIGTERM);
  sigaddset(&some, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &some, &before);
  const auto pipe_before = ::signal(SIGPIPE, SIG_IGN);
  const auto hup_before = ::signal(SIGHUP, [](int) {});
  CommandRunner fresh{{}};
  const Outcome outcome = once(fresh, program({"sed", "-n", "/Sig[BIC][lg][knt]/p", "/proc/self/status"}));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::signal(SIGPIPE, pipe_before);
  ::signal(SIGHUP, hup_before);
  EXPECT_EQ(outcome.out, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\nSigCgt:\t0000000000000000\n");
}

TEST_F(CommandRunnerTest, AProgramHasTheDescriptorLimitThatItIsGiven) {
  CommandRunner fresh{{.descriptors = rlimit{.rlim_cur = 123, .rlim_max = 456}}};
  EXPECT_EQ(once(fresh, shell("ulimit -Sn; ulimit -Hn")).out, "123\n456\n");
}

TEST_F(CommandRunnerTest, AProgramLeadsItsOwnProcessGroup) {
  const std::vector<std::string> lines = lines_of(run(shell("echo $$; cut -d' ' -f5 /proc/$$/stat")).out);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0], lines[1]);
}

// ---------------------------------------------------------------- what it writes

TEST_F(CommandRunnerTest, OutputUpToTheLimitIsKeptWhole) {
  const Outcome outcome = run(shell("head -c 1000 /dev/zero; head -c 999 /dev/zero >&2"));
  EXPECT_EQ(outcome.out.size(), 1000u);
  EXPECT_EQ(outcome.err.size(), 999u);
  EXPECT_FALSE(outcome.out_cut);
  EXPECT_FALSE(outcome.err_cut);
}

TEST_F(CommandRunnerTest, OutputOverTheLimitIsCutAndMarked) {
  const Outcome outcome = run(shell("head -c 1001 /dev/zero; echo short >&2"));
  EXPECT_EQ(outcome.state, TaskState::succeeded);
  EXPECT_EQ(outcome.out.size(), 1000u);
  EXPECT_TRUE(outcome.out_cut);
  EXPECT_EQ(outcome.err, "short\n");
  EXPECT_FALSE(outcome.err_cut);
}

TEST_F(CommandRunnerTest, HugeOutputOnBothSidesNeitherHangsNorGrows) {
  const Outcome outcome = run(shell("head -c 20000000 /dev/zero & head -c 20000000 /dev/zero >&2; wait"));
  EXPECT_EQ(outcome.state, TaskState::succeeded);
  EXPECT_TRUE(outcome.out_cut);
  EXPECT_TRUE(outcome.err_cut);
}

TEST_F(CommandRunnerTest, InterleavedOutputGoesWhereItBelongs) {
  const Outcome outcome =
      run(shell("i=0; while [ $i -lt 100 ]; do echo o$i; echo e$i >&2; i=$((i + 1)); done"));
  EXPECT_EQ(lines_of(outcome.out).size(), 100u);
  EXPECT_EQ(lines_of(outcome.err).size(), 100u);
  EXPECT_THAT(outcome.out, Not(HasSubstr("e")));
  EXPECT_THAT(outcome.err, Not(HasSubstr("o")));
}

TEST_F(CommandRunnerTest, AProgramThatClosesItsOutputsIsWaitedFor) {
  EXPECT_EQ(run(shell("exec >&- 2>&-; sleep 0.1; exit 4")).error, "exited with code 4");
}

// ---------------------------------------------------------------- stopping it

TEST_F(CommandRunnerTest, TheTimeLimitEndsIt) {
  TaskSpec spec = shell("echo begun; sleep 1000");
  spec.time_limit = 200ms;
  const Outcome outcome = run(spec);
  EXPECT_EQ(outcome.state, TaskState::failed);
  EXPECT_EQ(outcome.error, "timed out after 0.2s");
  EXPECT_TRUE(outcome.timed_out);
  EXPECT_EQ(outcome.signal, static_cast<std::uint32_t>(SIGTERM));
}

TEST_F(CommandRunnerTest, AProgramMayUseTheGraceToTidyUp) {
  Fifo fifo{dir / "fifo"};
  std::jthread canceller([&] {
    fifo.line();
    once.stop(StopReason::cancelled);
  });
  const Outcome outcome = run(
      shell("trap 'echo tidy; exit 7' TERM; echo ready >$1; while :; do sleep 0.01; done", {fifo.path()}));
  EXPECT_EQ(outcome.state, TaskState::cancelled);
  EXPECT_EQ(outcome.error, "cancelled");
  EXPECT_EQ(outcome.out, "tidy\n");
  EXPECT_EQ(outcome.exit_code, 7);
}

TEST_F(CommandRunnerTest, AProgramThatIgnoresTermIsKilledAfterTheGrace) {
  CommandRunner strict{{.kill_grace = 50ms}};
  TaskSpec spec = shell("trap '' TERM; echo begun; while :; do sleep 0.01; done");
  spec.time_limit = 200ms;
  const Outcome outcome = once(strict, spec);
  EXPECT_TRUE(outcome.timed_out);
  EXPECT_EQ(outcome.signal, static_cast<std::uint32_t>(SIGKILL));
}

TEST_F(CommandRunnerTest, StoppingReachesTheWholeGroup) {
  Fifo fifo{dir / "fifo"};
  std::jthread canceller([&] {
    fifo.line();
    once.stop(StopReason::shut_down);
  });
  // Grandchildren that hold the fifo, one of them with outputs of its own.
  const Outcome outcome =
      run(shell("exec 9>$1; sleep 1000 & sh -c 'sleep 1000 & wait' >/dev/null 2>&1 & echo ready >&9; wait",
                {fifo.path()}));
  EXPECT_EQ(outcome.error, "stopped: the worker shut down");
  fifo.wait_for_last_writer();
}

TEST_F(CommandRunnerTest, GrandchildrenHaveTheGraceAsWell) {
  Fifo fifo{dir / "fifo"};
  std::jthread canceller([&] {
    fifo.line();
    once.stop(StopReason::cancelled);
  });
  // The shell dies of SIGTERM at once, its child takes longer than output_patience.
  const Outcome outcome = run(
      shell("sh -c 'trap \"sleep 0.8; echo tidy; exit\" TERM; echo ready >$0; while :; do sleep 0.01; done' "
            "$1; true",
            {fifo.path()}));
  EXPECT_EQ(outcome.state, TaskState::cancelled);
  EXPECT_EQ(outcome.out, "tidy\n");
}

TEST_F(CommandRunnerTest, AStopBeforeTheStartRunsNothing) {
  once.stop(StopReason::lease_lost);
  const Outcome outcome = run(shell("touch $1", {dir / "ran"}));
  EXPECT_EQ(outcome.error, "stopped: its lease was lost");
  EXPECT_FALSE(std::filesystem::exists(dir / "ran"));
}

TEST_F(CommandRunnerTest, AWakeUpLeftOverFromBeforeStopsNothing) {
  once.stop(StopReason::cancelled);
  run(program({"true"}));
  once.reset();
  EXPECT_EQ(run(shell("sleep 0.05; echo whole")).out, "whole\n");
}

// ---------------------------------------------------------------- what it leaves behind

TEST_F(CommandRunnerTest, WhatHoldsTheOutputsIsKilledSoonAfterTheProgram) {
  Fifo fifo{dir / "fifo"};
  const Outcome outcome = run(shell("exec 9>$1; sleep 1000 & echo done", {fifo.path()}));
  EXPECT_EQ(outcome.state, TaskState::succeeded);
  EXPECT_EQ(outcome.out, "done\n");
  fifo.wait_for_last_writer();
}

TEST_F(CommandRunnerTest, WhatHoldsNoOutputIsKilledWithTheProgram) {
  Fifo fifo{dir / "fifo"};
  EXPECT_EQ(run(shell("exec 9>$1; sleep 1000 >/dev/null 2>&1 & exit 0", {fifo.path()})).state,
            TaskState::succeeded);
  fifo.wait_for_last_writer();
}

TEST_F(CommandRunnerTest, AChildMayFinishItsOutputAfterTheProgram) {
  EXPECT_EQ(run(shell("(sleep 0.05; echo late) & echo early")).out, "early\nlate\n");
}

TEST_F(CommandRunnerTest, ADaemonThatFloodsTheOutputHoldsNobodyUp) {
  const Outcome outcome = run(shell("setsid yes >/dev/stdout & echo $! >&2; sleep 0.05"));
  EXPECT_EQ(outcome.state, TaskState::succeeded);
  EXPECT_TRUE(outcome.out_cut);
}

TEST_F(CommandRunnerTest, ManyAtOnceLeakNothing) {
  run(program({"true"}));
  const std::size_t before = open_descriptors();
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([i] {
        CommandRunner mine{{}};
        RunOnce run_mine;
        TaskSpec spec = shell("echo $1; cat; [ -d /proc/self/fd/9 ] && exit 9; exit $2",
                              {std::to_string(i), std::to_string(i)});
        spec.command.stdin_bytes = "input";
        const auto shared = std::make_shared<const TaskSpec>(spec);
        for (int n = 0; n < 50; ++n) {
          const Outcome outcome = run_mine(mine, shared);
          EXPECT_EQ(outcome.out, fmt::format("{}\ninput", i));
          EXPECT_EQ(outcome.exit_code, i);
          EXPECT_FALSE(run_mine(mine, program({"/no/such"})).error.empty());
        }
      });
  }
  EXPECT_EQ(open_descriptors(), before);
}

}  // namespace
}  // namespace reeve::worker
