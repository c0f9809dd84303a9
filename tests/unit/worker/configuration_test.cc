#include "worker/configuration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "tests/fakes/temp_dir.h"

namespace reeve::worker {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

class WorkerConfigurationTest : public testing::Test {
 protected:
  void SetUp() override { ::setenv("REEVE_AUTHKEY", "a key that is long enough", 1); }
  void TearDown() override { ::unsetenv("REEVE_AUTHKEY"); }

  // The code to exit with, or nothing.
  std::optional<int> take(std::vector<const char*> flags, const std::string& file = "") {
    const std::string path = dir_ / "worker.toml";
    std::ofstream(path) << file;
    std::vector<const char*> argv{"reeve-worker", "--config", path.c_str()};
    argv.insert(argv.end(), flags.begin(), flags.end());
    testing::internal::CaptureStderr();
    const auto code = configuration_.take(static_cast<int>(argv.size()), argv.data());
    said_ = testing::internal::GetCapturedStderr();
    return code;
  }
  std::string refusal() {
    const auto options = configuration_.options();
    return options ? "" : options.error().detail;
  }

  TempDir dir_;
  Configuration configuration_;
  std::string said_;
};

TEST_F(WorkerConfigurationTest, EachProgramHasASectionOfItsOwn) {
  ASSERT_EQ(take({}, R"(
slots = 3
[programs.classify]
command = ["python3", "/srv/classify.py", "--fast"]
cwd = "/srv"
[programs.upper]
command = ["upper"]
)"),
            std::nullopt)
      << said_;
  const auto options = configuration_.options();
  ASSERT_TRUE(options) << options.error().detail;
  EXPECT_EQ(options->slots, 3u);
  ASSERT_THAT(options->programs, SizeIs(2));
  EXPECT_EQ(options->programs[0].name, "classify");
  EXPECT_THAT(options->programs[0].command, ElementsAre("python3", "/srv/classify.py", "--fast"));
  EXPECT_EQ(options->programs[0].cwd, "/srv");
  EXPECT_EQ(options->programs[1].name, "upper");
  EXPECT_THAT(options->programs[1].command, ElementsAre("upper"));
}

TEST_F(WorkerConfigurationTest, AProgramThatMakesNoSenseIsNamedWithItsPlace) {
  const struct {
    const char* file;
    const char* message;
  } cases[] = {
      {"[programs.x]\ncommand = []\n", "it is an array: the program and its arguments"},
      {"[programs.x]\ncommand = \"python3 x.py\"\n", "it is an array: the program and its arguments"},
      {"[programs.x]\ncommand = [\"\"]\n", "it is an array: the program and its arguments"},
      {"[programs.x]\ncomand = [\"true\"]\n", "a program has a command, or python"},
      {"[programs.x]\npython = \"classify\"\n", "not of the form module:function"},
      {"[programs.x]\nmax_tasks_per_child = \"many\"\n", "it is a whole number, 0 (no limit) or more"},
      {"[programs.x]\nmax_tasks_per_child = -1\n", "it is a whole number, 0 (no limit) or more"},
      {"[programs.x]\nmax_tasks_per_child = 1.5\n", "it is a whole number, 0 (no limit) or more"},
      {"[programs]\ncommand = [\"true\"]\n", "[programs.NAME]"},
      {"[programs.x.y]\ncommand = [\"true\"]\n", "[programs.NAME]"},
  };
  for (const auto& [file, message] : cases) {
    EXPECT_EQ(take({}, file), 4) << file;
    EXPECT_THAT(said_, HasSubstr(message)) << file;
    EXPECT_THAT(said_, HasSubstr("worker.toml:2")) << file;
  }
}

TEST_F(WorkerConfigurationTest, AProgramWithoutACommandIsRefused) {
  ASSERT_EQ(take({}, "[programs.x]\ncwd = \"/srv\"\n"), std::nullopt);
  const auto* const nothing =
      "[programs.x] has nothing to run: give it python = \"module:function\" or command = [\"program\", "
      "\"argument\", …]";
  EXPECT_EQ(refusal(), nothing);
  ASSERT_EQ(take({}, "[programs.x]\ninitializer = \"m:f\"\n"), std::nullopt);
  EXPECT_EQ(refusal(), nothing);
}

TEST_F(WorkerConfigurationTest, APythonFunctionIsAProgramOfTheInterpreter) {
  ASSERT_EQ(take({"--python", "/opt/python"}, R"(
[programs.square]
python = "classic:square"
initializer = "classic:load"
max_tasks_per_child = 100
)"),
            std::nullopt)
      << said_;
  const auto options = configuration_.options();
  ASSERT_TRUE(options) << options.error().detail;
  ASSERT_THAT(options->programs, SizeIs(1));
  const ProgramSetting& program = options->programs[0];
  EXPECT_EQ(program.max_tasks_per_child, 100u);
  EXPECT_EQ(program.command.front(), "/opt/python");
  EXPECT_EQ(program.command.back(), "classic:load");
}

TEST_F(WorkerConfigurationTest, AProgramIsEitherACommandOrAPythonFunction) {
  ASSERT_EQ(take({}, "[programs.x]\npython = \"m:f\"\ncommand = [\"true\"]\n"), std::nullopt);
  EXPECT_EQ(refusal(), "[programs.x] has both a command and a Python function");
}

TEST_F(WorkerConfigurationTest, OnlyPythonFunctionsHaveAnInitializer) {
  ASSERT_EQ(take({}, "[programs.x]\ncommand = [\"true\"]\ninitializer = \"m:f\"\n"), std::nullopt);
  EXPECT_EQ(refusal(), "[programs.x]: only Python functions have an initializer");
}

TEST_F(WorkerConfigurationTest, WhatOnlyAProcessPoolCanDoNeedsOne) {
  ASSERT_EQ(take({"--initializer", "load"}), std::nullopt);
  EXPECT_THAT(refusal(), HasSubstr("--pool process"));
  ASSERT_EQ(take({"--initializer", "load", "--pool", "process"}), std::nullopt);
  EXPECT_EQ(refusal(), "");
}

TEST_F(WorkerConfigurationTest, ALabelIsANameAndAValue) {
  ASSERT_EQ(take({"--labels", "rack=3,gpu"}), std::nullopt);
  EXPECT_THAT(refusal(), HasSubstr("NAME=VALUE, not 'gpu'"));
}

}  // namespace
}  // namespace reeve::worker
