// Python functions with a real python3, as a slot of the worker runs them.
#include "worker/runners/python_program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "common/pickle/limits.h"
#include "tests/fakes/temp_dir.h"
#include "tests/unit/worker/runners/fifo.h"
#include "tests/unit/worker/runners/run_once.h"
#include "worker/runners/program_runner.h"

namespace reeve::worker {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using testing::HasSubstr;
using testing::StartsWith;

class PythonProgramTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { std::signal(SIGPIPE, SIG_IGN); }

  PythonProgramTest() {
    std::ofstream(dir_ / "work.py") << R"(
import os
import sys

HERE = os.getcwd()
ready = []

def prepare():
    ready.append("prepared")

def prepare_when_put_right():
    os.chdir("/")
    os.environ["PYTHONHOME"] = "/nowhere"
    with open(HERE + "/tries", "w") as tries:
        tries.write("tried\n")
    if not os.path.exists(HERE + "/put_right"):
        raise RuntimeError("not put right")

def prepare_with_a_fork():
    if os.fork() != 0:
        os.wait()

class Box:
    def __init__(self, value):
        self.value = value

def same(value):
    return value

def boxed(value):
    return Box(value)

def describe(value):
    print("what a function prints is no answer")
    return "%s %r %s" % (type(value).__name__, value, "".join(ready))

def fail(value):
    raise ValueError("cannot do " + str(value))

def fail_at_length(value):
    raise ValueError("cannot do " + value * 20_000_000 + " at all")

def leave(value):
    raise SystemExit(3)

def crash(value):
    os._exit(9)

def half_a_pair(value):
    return chr(0xD800)

def fail_for_a_file(value):
    raise ValueError("file " + os.fsdecode(b"\xff") + " is no name")

def nested(depth):
    value = []
    for _ in range(depth - 1):
        value = [value]
    return value

def like_bytes(value):
    return [{"$bytes": value}]

def many_keys(value):
    return [{1: "a", "1": "b", None: 3}]

def close_output(value):
    sys.stdout.close()
    return value

def replace_output(value):
    sys.stdout = value
    return os.getpid()

def fork(value):
    child = os.fork()
    if child == 0:
        if value == "raise":
            raise ValueError("not ours")
        return "not ours"
    return ["ours", os.waitpid(child, 0)[1]]

def pid(value):
    return os.getpid()
)";
  }

  ProgramOptions function(const std::string& name, const std::string& initializer = {}) const {
    return {.name = name,
            .command = python_command("python3", {"work:" + name, initializer}),
            .reads_pickles = true,
            .cwd = dir_.path(),
            .kill_grace = 50ms,
            .restart = {.first = 1ms, .max = 2ms}};
  }
  Outcome call(ProgramRunner& runner, std::string payload, Encoding encoding = Encoding::json) {
    TaskSpec spec;
    spec.encoding = encoding;
    return run_(runner, spec, std::move(payload));
  }

  TempDir dir_;
  RunOnce run_;
};

TEST_F(PythonProgramTest, JsonIsAnsweredWithJson) {
  ProgramRunner runner{function("same")};
  for (const std::string json : {"null", "[1, 2.5, \"\\u00e9\", {\"a\": true}]",
                                 "123456789012345678901234567890", "{\"$bytes\": \"AP8=\"}"}) {
    const Outcome outcome = call(runner, json);
    EXPECT_EQ(outcome.value, json);
    EXPECT_EQ(outcome.encoding, Encoding::json);
  }
}

TEST_F(PythonProgramTest, BytesThatAreNotInBase64AreRefusedInOneSentence) {
  ProgramRunner runner{function("same")};
  for (const std::string text : {"!!", "YQ", "YQ=", "YR==", "YQ==YQ==", "Y Q=", "\u00e9"}) {
    const Outcome outcome = call(runner, fmt::format(R"([{{"$bytes": "{}"}}])", text));
    EXPECT_EQ(outcome.state, TaskState::failed) << text;
    EXPECT_THAT(outcome.error, StartsWith(R"(the argument has a "$bytes" that is not in base64: ')"));
    EXPECT_THAT(outcome.error, testing::Not(HasSubstr("\n")));
  }
  EXPECT_THAT(call(runner, fmt::format(R"({{"$bytes": "{}"}})", std::string(100'000, '!'))).error,
              testing::EndsWith("!!!...'"));
  EXPECT_EQ(call(runner, R"({"$bytes": "YQ==", "more": 1})").value, R"({"$bytes": "YQ==", "more": 1})");
}

TEST_F(PythonProgramTest, PicklesAreAnsweredWithPickles) {
  ProgramRunner runner{function("describe")};
  // (1, b'x'), and what stored values have behind the pickle
  const Outcome outcome = call(runner,
                               "\x80\x03K\x01"
                               "C\x01x\x86.\xa6"s,
                               Encoding::pickle);
  EXPECT_EQ(outcome.encoding, Encoding::pickle);
  EXPECT_THAT(outcome.value, HasSubstr("tuple (1, b'x')"));
  EXPECT_THAT(outcome.value, StartsWith("\x80\x04"));
}

// Strings with bytes above 127, which Python 3 would not take, and one that is a date's state.
TEST_F(PythonProgramTest, ValuesOfPython2AreReadAsAPythonClientReadsThem) {
  ProgramRunner runner{function("describe")};
  const auto described = [&](const std::string& pickle) {
    const Outcome outcome = call(runner, pickle, Encoding::pickle);
    EXPECT_EQ(outcome.error, "");
    return outcome.value;
  };
  EXPECT_THAT(described("\x80\x02U\x02\xff\xfe."s), HasSubstr("bytes b'\\xff\\xfe'"));
  EXPECT_THAT(described("\x80\x02]U\x02\xff\xfe"
                        "a."s),
              HasSubstr("list [b'\\xff\\xfe']"));
  EXPECT_THAT(described("\x80\x02U\x03"
                        "abc."s),
              HasSubstr("str 'abc'"));
  EXPECT_THAT(described("\x80\x02"
                        "cdatetime\ndatetime\n(U\x0a\x07\xe4\x01\x02\x03\x04\x00\x00\x00\x00tR."s),
              HasSubstr("datetime.datetime(2020, 1, 2, 3, 4)"));
}

TEST_F(PythonProgramTest, AResultThatHasNoJsonIsPickled) {
  ProgramRunner runner{function("boxed")};
  const Outcome outcome = call(runner, "5");
  EXPECT_EQ(outcome.encoding, Encoding::pickle);
  EXPECT_THAT(outcome.value, HasSubstr("Box"));
}

TEST_F(PythonProgramTest, TextThatHasNoUtf8IsPickled) {
  ProgramRunner runner{function("half_a_pair")};
  const Outcome outcome = call(runner, "5");
  EXPECT_EQ(outcome.error, "");
  EXPECT_EQ(outcome.encoding, Encoding::pickle);
  EXPECT_THAT(outcome.value, HasSubstr("\xed\xa0\x80"));
}

TEST_F(PythonProgramTest, TextBeyondTheFirstPlaneIsJson) {
  ProgramRunner runner{function("same")};
  EXPECT_EQ(call(runner, "\"\xf0\x9f\x98\x80\"").value, "\"\\ud83d\\ude00\"");
}

TEST_F(PythonProgramTest, ResultsWithKeysThatAreNoTextArePickled) {
  ProgramRunner runner{function("many_keys")};
  const Outcome outcome = call(runner, "5");
  EXPECT_EQ(outcome.encoding, Encoding::pickle);
  EXPECT_THAT(outcome.value, testing::AllOf(HasSubstr("a"), HasSubstr("b")));
}

TEST_F(PythonProgramTest, AResultThatWouldComeBackAsBytesIsPickled) {
  ProgramRunner runner{function("like_bytes")};
  for (const std::string text : {"\"aGk=\"", "\"abc\""}) {
    const Outcome outcome = call(runner, text);
    EXPECT_EQ(outcome.encoding, Encoding::pickle);
    EXPECT_THAT(outcome.value, HasSubstr("$bytes"));
  }
  EXPECT_EQ(call(runner, "5").value, R"([{"$bytes": 5}])");
}

TEST_F(PythonProgramTest, ValuesAreNestedAsDeepAsTheBoundAndResultsBeyondItArePickled) {
  const auto brackets = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  const std::size_t depth_max = pickle::Limits{}.value_depth_max;
  ProgramRunner same{function("same")};
  EXPECT_EQ(call(same, brackets(depth_max)).value, brackets(depth_max));
  EXPECT_EQ(
      call(same, std::string(depth_max, '[') + R"({"$bytes": "AP8="})" + std::string(depth_max, ']')).error,
      "");
  EXPECT_THAT(call(same, brackets(depth_max + 2)).error, HasSubstr("value_depth_max is"));

  ProgramRunner runner{function("nested")};
  EXPECT_EQ(call(runner, std::to_string(depth_max)).value, brackets(depth_max));
  const Outcome deeper = call(runner, std::to_string(depth_max + 1));
  EXPECT_EQ(deeper.error, "");
  EXPECT_EQ(deeper.encoding, Encoding::pickle);
}

TEST_F(PythonProgramTest, AFunctionMayDoToItsOutputWhatItLikes) {
  ProgramRunner closing{function("close_output")};
  EXPECT_EQ(call(closing, "1").value, "1");
  EXPECT_EQ(call(closing, "2").value, "2");
  ProgramRunner replacing{function("replace_output")};
  const std::string pid = call(replacing, "null").value;
  EXPECT_EQ(call(replacing, "7").value, pid);
}

TEST_F(PythonProgramTest, OnlyTheProcessThatGotTheTaskAnswersIt) {
  ProgramRunner runner{function("fork")};
  EXPECT_EQ(call(runner, "\"return\"").value, "[\"ours\", 0]");
  EXPECT_EQ(call(runner, "\"raise\"").value, "[\"ours\", 256]");
  EXPECT_EQ(call(runner, "\"return\"").value, "[\"ours\", 0]");
}

TEST_F(PythonProgramTest, WhatAnInitializerForksEndsWithIt) {
  ProgramRunner runner{function("same", "work:prepare_with_a_fork")};
  EXPECT_EQ(call(runner, "1").value, "1");
}

TEST_F(PythonProgramTest, RawBytesAreBytes) {
  ProgramRunner runner{function("describe")};
  EXPECT_EQ(call(runner, "hi", Encoding::raw).value, "\"bytes b'hi' \"");
  EXPECT_EQ(call(runner, "\xff", Encoding::raw).value, "\"bytes b'\\\\xff' \"");
}

TEST_F(PythonProgramTest, AnExceptionFailsTheTaskWithItsTraceback) {
  ProgramRunner runner{function("fail")};
  const Outcome outcome = call(runner, "7");
  EXPECT_EQ(outcome.state, TaskState::failed);
  EXPECT_THAT(outcome.error, StartsWith("ValueError: cannot do 7\nTraceback"));
  EXPECT_THAT(outcome.error, HasSubstr("work.py"));
  EXPECT_THAT(outcome.error, testing::Not(HasSubstr("<string>")));
}

TEST_F(PythonProgramTest, AnErrorThatIsTooLongForAnAnswerIsToldWithoutItsMiddle) {
  ProgramRunner runner{function("fail_at_length")};
  const Outcome outcome = call(runner, "\"x\"");
  EXPECT_THAT(outcome.error, StartsWith("ValueError: cannot do xxx"));
  EXPECT_THAT(outcome.error, HasSubstr("characters are left out"));
  EXPECT_THAT(outcome.error, HasSubstr("xxx at all\nTraceback"));
  EXPECT_LT(outcome.error.size(), 100'000u);
}

TEST_F(PythonProgramTest, AnErrorWhoseTextHasNoUtf8IsToldAsFarAsItHas) {
  ProgramRunner runner{function("fail_for_a_file")};
  EXPECT_THAT(call(runner, "7").error, StartsWith("ValueError: file \\udcff is no name\nTraceback"));
}

TEST_F(PythonProgramTest, FunctionsThatExitDoNotEndTheChild) {
  ProgramRunner runner{function("leave")};
  EXPECT_THAT(call(runner, "1").error, StartsWith("SystemExit: 3"));
  EXPECT_THAT(call(runner, "1").error, StartsWith("SystemExit: 3"));
}

TEST_F(PythonProgramTest, ACrashCostsOneAttempt) {
  ProgramRunner runner{function("crash")};
  EXPECT_THAT(call(runner, "1").error, HasSubstr("exited with code 9 without an answer"));
  EXPECT_THAT(call(runner, "1").error, HasSubstr("exited with code 9 without an answer"));
}

TEST_F(PythonProgramTest, TheInitializerRunsOnceInEachChild) {
  ProgramRunner runner{function("describe", "work:prepare")};
  EXPECT_EQ(call(runner, "1").value, "\"int 1 prepared\"");
  EXPECT_EQ(call(runner, "1").value, "\"int 1 prepared\"");
}

TEST_F(PythonProgramTest, AnotherChildFollowsAfterSoManyTasks) {
  ProgramOptions options = function("pid");
  options.tasks_max = 2;
  ProgramRunner runner{options};
  const std::string first = call(runner, "1").value;
  EXPECT_EQ(call(runner, "1").value, first);
  EXPECT_NE(call(runner, "1").value, first);
}

TEST_F(PythonProgramTest, AModuleThatCannotBeImportedSaysWhy) {
  ProgramRunner runner{{.name = "gone",
                        .command = python_command("python3", {"no_such_module:f", {}}),
                        .restart = {.first = 1ms, .max = 2ms}}};
  EXPECT_EQ(call(runner, "1").error,
            fmt::format("cannot import module no_such_module (cwd {}): ModuleNotFoundError: No module named "
                        "'no_such_module'",
                        std::filesystem::current_path().string()));
}

TEST_F(PythonProgramTest, AModuleThatFailsSaysWhereButNothingOfWhoImportsIt) {
  std::ofstream(dir_ / "sick.py") << "import json\nimport no_such_module\n";
  std::ofstream(dir_ / "mistyped.py") << "def f(:\n    pass\n";
  ProgramOptions options = function("same");
  options.command = python_command("python3", {"sick:f", {}});
  ProgramRunner sick{options};
  const std::string error = call(sick, "1").error;
  EXPECT_THAT(error, StartsWith("cannot import module sick (cwd " + dir_.path() +
                                "): ModuleNotFoundError: No module named 'no_such_module'\nTraceback"));
  EXPECT_THAT(error, HasSubstr("sick.py\", line 2"));
  EXPECT_THAT(error, testing::Not(HasSubstr("importlib")));
  EXPECT_EQ(error.find("No module named"), error.rfind("No module named"));

  options.command = python_command("python3", {"mistyped:f", {}});
  ProgramRunner mistyped{options};
  const std::string lines = call(mistyped, "1").error;
  EXPECT_THAT(lines, StartsWith("cannot import module mistyped (cwd " + dir_.path() +
                                "): SyntaxError: invalid syntax"));
  EXPECT_EQ(lines.find("def f(:"), lines.rfind("def f(:"));
  EXPECT_EQ(lines.find("SyntaxError"), lines.rfind("SyntaxError"));
  EXPECT_THAT(lines, HasSubstr("def f(:"));
}

TEST_F(PythonProgramTest, WhatFailsBeforeTheFirstTaskIsAnErrorInTheLog) {
  Fifo tries{dir_ / "tries"};
  testing::internal::CaptureStderr();
  {
    ProgramRunner runner{function("same", "work:prepare_when_put_right")};
    tries.line();
    call(runner, "1");
  }
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_THAT(
      log,
      HasSubstr("error: program same: the initializer work:prepare_when_put_right failed: RuntimeError: not "
                "put right\n"));
  EXPECT_THAT(log, HasSubstr("not put right (repeats: 1)\n"));
}

TEST_F(PythonProgramTest, APythonThatIsTooOldSaysSoToEachTaskAndInTheLog) {
  ProgramOptions options = function("same");
  options.command[2].insert(0, "import sys; sys.version_info = (2, 7, 18, 'final', 0)\n");
  testing::internal::CaptureStderr();
  {
    ProgramRunner runner{options};
    EXPECT_EQ(call(runner, "1").error, "python must be 3.6 or newer (this is 2.7.18)");
    EXPECT_EQ(call(runner, "1").error, "python must be 3.6 or newer (this is 2.7.18)");
  }
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              StartsWith("error: program same: python must be 3.6 or newer (this is 2.7.18)\n"));
}

TEST_F(PythonProgramTest, WhatIsRunIsToldFirstAndAnyPythonReadsIt) {
  const std::string source = python_command("python3", {"work:same", {}})[2];
  EXPECT_THAT(source, StartsWith("# reeve work:same\nimport sys\nif sys.version_info"));
  EXPECT_TRUE(std::ranges::all_of(source, [](unsigned char c) { return c < 0x80; }));
  const auto begin = source.find("r'''") + 4;
  EXPECT_EQ(source.find("'''", begin), source.size() - 5);
  const std::string other = python_command("python3", {"d\u00e9j\u00e0:vu", {}})[2];
  EXPECT_THAT(other, StartsWith("# reeve function\n"));
}

TEST_F(PythonProgramTest, AFunctionThatIsNoneIsNotCalled) {
  ProgramRunner runner{function("HERE")};
  EXPECT_THAT(call(runner, "1").error, StartsWith("cannot find HERE in module work ("));
  EXPECT_THAT(call(runner, "1").error,
              testing::EndsWith("work.py): TypeError: it is no function, but of type str"));
}

TEST_F(PythonProgramTest, EachTaskIsToldWhyThereIsNoFunction) {
  ProgramRunner runner{function("no_such_function")};
  for (int i = 0; i < 4; ++i)
    EXPECT_THAT(
        call(runner, "1").error,
        testing::EndsWith("work.py): AttributeError: module 'work' has no attribute 'no_such_function'"));
}

TEST_F(PythonProgramTest, WhatHasBeenPutRightSinceIsFoundRight) {
  Fifo tries{dir_ / "tries"};
  ProgramRunner runner{function("same", "work:prepare_when_put_right")};
  tries.line();
  EXPECT_THAT(call(runner, "1").error, HasSubstr("failed: RuntimeError: not put right\nTraceback"));
  EXPECT_THAT(call(runner, "2").error, HasSubstr("failed: RuntimeError: not put right\nTraceback"));
  std::ofstream{dir_ / "put_right"};
  EXPECT_EQ(call(runner, "3").value, "3");
  EXPECT_EQ(call(runner, "4").value, "4");
}

TEST_F(PythonProgramTest, AFailureBeforeTheFirstTaskIsNotThatTasksAnswer) {
  Fifo tries{dir_ / "tries"};
  ProgramRunner runner{function("same", "work:prepare_when_put_right")};
  tries.line();
  std::ofstream{dir_ / "put_right"};
  EXPECT_EQ(call(runner, "1").value, "1");
}

TEST_F(PythonProgramTest, NamesAreModuleAndFunction) {
  for (const char* name : {"work:same", "package.work:Class.method", "w_1:f2"})
    EXPECT_TRUE(check_python_name(name));
  for (const char* name : {"work", "work:", ":same", "work:a:b", "work:f()", "a..b:f", ""})
    EXPECT_FALSE(check_python_name(name)) << name;
}

}  // namespace
}  // namespace reeve::worker
