// What a worker runs besides commands: long-lived programs, functions of plugins, child processes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/integration/cluster.h"

namespace reeve::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class WorkerFunctions : public ::testing::Test {
 protected:
  std::string call(const std::string& function, const std::string& payload) {
    const Ran ran = cluster_.reeve({"call", function, payload});
    return ran.exit_code == 0 ? ran.out : ran.err;
  }

  Cluster cluster_{{.ephemeral = true}};
};

TEST_F(WorkerFunctions, ProgramsOfTheConfigurationFileServeTheirFunctions) {
  write_file(cluster_.path("count.py"), R"(
import json, os, sys
print("loaded", file=sys.stderr, flush=True)
calls = 0
for line in sys.stdin:
    calls += 1
    text = json.loads(line)["payload"]
    if text == "die":
        os._exit(3)
    print(json.dumps({"value": {"letters": len(text), "calls": calls}}), flush=True)
)");
  write_file(cluster_.path("worker.toml"), R"(
[programs.count]
command = ["python3", "count.py"]
cwd = ")" + cluster_.dir() + R"("
[programs.greet]
command = ["sh", "-c", "while read -r line; do echo '{\"value\":\"hello\"}'; done"]
)");
  cluster_.add_worker("w1", {"--config", cluster_.path("worker.toml"), "--slots", "1"});

  EXPECT_EQ(call("greet", "null"), "\"hello\"\n");
  EXPECT_EQ(call("count", "\"abc\""), "{\"letters\": 3, \"calls\": 1}\n");
  EXPECT_EQ(call("count", "\"abcd\""), "{\"letters\": 4, \"calls\": 2}\n");  // it has stayed
  EXPECT_THAT(call("count", "\"die\""), HasSubstr("the program count exited with code 3 without an answer"));
  EXPECT_EQ(call("count", "\"abc\""), "{\"letters\": 3, \"calls\": 1}\n");  // started again
  EXPECT_EQ(call("square", "12"), "144\n");
  EXPECT_TRUE(
      eventually([&] { return read_file(cluster_.path("w1.log")).contains("program count: loaded"); }));
}

TEST_F(WorkerFunctions, PythonFunctionsAreCalledWithEachTasksValue) {
  write_file(cluster_.path("classic.py"), R"(
def square(number):
    return "%d * %d = %d" % (number, number, number * number)

def fail(value):
    raise KeyError(value)
)");
  write_file(cluster_.path("worker.toml"), R"(
[programs.py_square]
python = "classic:square"
cwd = ")" + cluster_.dir() + R"("
[programs.py_fail]
python = "classic:fail"
cwd = ")" + cluster_.dir() + R"("
)");
  cluster_.add_worker("w1", {"--config", cluster_.path("worker.toml"), "--slots", "1"});

  EXPECT_EQ(call("py_square", "12"), "\"12 * 12 = 144\"\n");
  EXPECT_THAT(call("py_fail", "\"x\""), HasSubstr("KeyError: 'x'"));
}

TEST_F(WorkerFunctions, BriefFunctionsRunInTheLoopsThreadUntilOneTakesTooLong) {
  cluster_.add_worker("w1", {"--slots", "1", "--plugin", REEVE_TEST_PLUGIN});
  EXPECT_EQ(call("thread", "null"), "a slot's\n");
  EXPECT_EQ(call("brief_thread", "null"), "the loop's\n");
  EXPECT_EQ(call("not_so_brief", "null"), "the loop's\n");
  EXPECT_EQ(call("not_so_brief", "null"), "a slot's\n");
  EXPECT_EQ(call("brief_thread", "null"), "the loop's\n");
  EXPECT_TRUE(eventually([&] {
    return read_file(cluster_.path("w1.log")).contains("the function not_so_brief is no brief one");
  }));
}

TEST_F(WorkerFunctions, ABriefFunctionGoesToASlotWhileTheWorkerDoesSomethingElse) {
  cluster_.add_worker("w1", {"--slots", "2", "--plugin", REEVE_TEST_PLUGIN});
  const Process napping = cluster_.start_reeve({"call", "sleep", "60"}, {.err = cluster_.path("nap.err")});
  ASSERT_TRUE(
      eventually([&] { return cluster_.reeve({"worker", "ls", "--json"}).out.contains("\"held\":1,"); }));
  EXPECT_EQ(call("brief_thread", "null"), "a slot's\n");
}

TEST_F(WorkerFunctions, ACrashOfAChildProcessCostsOneAttemptOnly) {
  Process& worker =
      cluster_.add_worker("w1", {"--pool", "process", "--slots", "1", "--plugin", REEVE_TEST_PLUGIN});
  const std::string child = call("pid", "null");
  EXPECT_NE(child, std::to_string(worker.pid()) + "\n");
  EXPECT_EQ(call("pid", "null"), child);  // it is kept from task to task
  EXPECT_THAT(call("crash", "null"), HasSubstr("SIGSEGV"));
  EXPECT_THAT(call("pid", "null"), Not(child));
  EXPECT_EQ(call("square", "12"), "144\n");
  EXPECT_TRUE(worker.running());
}

TEST_F(WorkerFunctions, AChildThatHangsIsEndedByTheTimeLimitAndReplaced) {
  cluster_.add_worker("w1", {"--pool", "process", "--slots", "1", "--plugin", REEVE_TEST_PLUGIN});
  const Ran hung = cluster_.reeve({"call", "hang", "null", "--time-limit", "100ms", "--json"});
  EXPECT_EQ(hung.exit_code, 1);
  EXPECT_THAT(hung.out, HasSubstr("\"timed_out\":true"));
  EXPECT_EQ(call("square", "12"), "144\n");
}

TEST_F(WorkerFunctions, AChildIsReplacedAfterSoManyTasksAndInitializedAnew) {
  cluster_.add_worker("w1", {"--pool", "process", "--slots", "1", "--plugin", REEVE_TEST_PLUGIN,
                             "--max-tasks-per-child", "2", "--initializer", "initialize"});
  const std::string first = call("pid", "null");
  EXPECT_EQ(call("pid", "null"), first);
  EXPECT_NE(call("pid", "null"), first);
  EXPECT_EQ(call("initialized", "null"), "yes\n");
}

}  // namespace
}  // namespace reeve::testing
