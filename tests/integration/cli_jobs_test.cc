// Jobs from the command line, with real masters and workers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/integration/cluster.h"

namespace reeve::testing {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class CliJobs : public ::testing::Test {
 protected:
  CliJobs() { cluster_.add_worker("w1"); }

  // The number that `submit -q` printed.
  std::string submit(std::vector<std::string> args) {
    args.insert(args.begin(), {"submit", "--quiet"});
    const Ran ran = cluster_.reeve(args);
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    return ran.out.substr(0, ran.out.find('\n'));
  }

  Cluster cluster_{{.ephemeral = true}};
};

TEST_F(CliJobs, ACommandRunsAndItsOutputComesBackByteForByte) {
  const std::string bytes = std::string("a\0b\xff", 4) + "no line end";
  write_file(cluster_.path("input"), bytes);
  const std::string job = submit({"--stdin", cluster_.path("input"), "--", "sh", "-c", "cat; echo oops >&2"});
  EXPECT_EQ(cluster_.reeve({"wait", job}).exit_code, 0);
  const Ran result = cluster_.reeve({"result", job});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.out, bytes);
  EXPECT_EQ(result.err, "oops\n");
}

TEST_F(CliJobs, SubmitWithWaitAnswersWithTheJobsEnd) {
  EXPECT_EQ(cluster_.reeve({"submit", "--wait", "--", "true"}).exit_code, 0);
  const Ran failed = cluster_.reeve({"submit", "--wait", "--", "sh", "-c", "exit 3"});
  EXPECT_EQ(failed.exit_code, 1);
  EXPECT_THAT(failed.out, HasSubstr("job 2 failed: 1 of 1 task failed"));
  const Ran result = cluster_.reeve({"result", "2"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("exit"));
}

TEST_F(CliJobs, ExitCodesTellFailedFromCancelledFromTimedOut) {
  const std::string slow = submit({"--", "sleep", "1000"});
  const Ran late = cluster_.reeve({"wait", slow, "--timeout", "50ms"});
  EXPECT_EQ(late.exit_code, 124);
  const Ran as_json = cluster_.reeve({"wait", slow, "--timeout", "50ms", "--json"});
  EXPECT_EQ(as_json.exit_code, 124);
  EXPECT_THAT(as_json.err, ::testing::StartsWith(R"({"schema":"reeve.error/1","error":"timed_out",)"));
  EXPECT_THAT(late.err, HasSubstr("reeve cancel " + slow));
  EXPECT_THAT(cluster_.reeve({"cancel", slow}).out, HasSubstr("1 task cancelled"));
  EXPECT_EQ(cluster_.reeve({"wait", slow}).exit_code, 2);
  EXPECT_THAT(cluster_.reeve({"result", slow}).err, HasSubstr("task " + slow + ".1 cancelled\n"));
  const std::string bad = submit({"--", "false"});
  EXPECT_EQ(cluster_.reeve({"wait", slow, bad}).exit_code, 1);
}

TEST_F(CliJobs, ARangePutsItsNumbersIntoTheArguments) {
  const std::string job = submit({"--range", "1-9:4", "--", "echo", "n={}", "{}{}"});
  EXPECT_EQ(cluster_.reeve({"wait", job}).exit_code, 0);
  EXPECT_EQ(cluster_.reeve({"result", "-q", job}).out, "n=1 11\nn=5 55\nn=9 99\n");
  EXPECT_THAT(cluster_.reeve({"result", job}).out, StartsWith("==> " + job + ".1 succeeded"));
}

TEST_F(CliJobs, QuietAndQueueShareALetterWithoutConfusion) {
  const Ran quiet = cluster_.reeve({"submit", "--range", "1-3", "-q", "--", "true"});
  EXPECT_EQ(quiet.out, "1\n");
  const Ran queued = cluster_.reeve({"submit", "-q", "fast", "--", "true"});
  EXPECT_THAT(queued.out, HasSubstr("job 2: 1 task submitted"));
  EXPECT_THAT(cluster_.reeve({"queue", "ls", "-q"}).out, HasSubstr("fast\n"));
}

TEST_F(CliJobs, AHundredThousandLinesAreOneJob) {
  std::string lines;
  for (int i = 1; i <= 100'000; ++i) lines += "line " + std::to_string(i) + "\n";
  cluster_.stop_worker("w1");  // this is about submitting
  const Ran ran = cluster_.reeve({"submit", "-q", "--each-line", "-", "--", "echo", "{}"}, lines);
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_EQ(ran.out, "1\n");
  EXPECT_THAT(cluster_.reeve({"ls"}).out, HasSubstr("0/100,000"));
  EXPECT_THAT(cluster_.reeve({"show", "1.100000"}).out, HasSubstr("line 100000"));
}

TEST_F(CliJobs, ALineThatIsTooLongForTheMasterIsNamed) {
  cluster_.stop_worker("w1");
  const std::string lines = "first\n" + std::string(20u << 20, 'x') + "\nlast\n";
  const Ran ran = cluster_.reeve({"submit", "--each-line", "-", "--", "echo", "{}"}, lines);
  EXPECT_EQ(ran.exit_code, 4);
  EXPECT_THAT(ran.err, HasSubstr("task 2: a payload of 20971520 bytes; the master takes 16777216 at most"));
}

TEST_F(CliJobs, ATaskThatPausesAfterAFailureSaysForHowLong) {
  ASSERT_EQ(cluster_.reeve({"submit", "-q", "--retries", "1", "--backoff", "1h", "--", "false"}).out, "1\n");
  EXPECT_TRUE(eventually([&] { return cluster_.reeve({"show", "-q", "1.1"}).out == "waiting\n"; }));
  EXPECT_THAT(cluster_.reeve({"why", "1.1"}).out,
              AllOf(HasSubstr("starts in"), HasSubstr("after 1 attempt failed")));
  EXPECT_THAT(cluster_.reeve({"why", "1"}).out, HasSubstr("1 task waits until a delay"));
  EXPECT_THAT(cluster_.reeve({"show", "1.1"}).out, HasSubstr("not before"));
}

TEST_F(CliJobs, AnErrorInTheMiddleOfAFileCancelsWhatWasSubmitted) {
  cluster_.stop_worker("w1");
  std::string values;
  for (int i = 0; i < 20'000; ++i) values += std::to_string(i) + "\n";
  const Ran ran = cluster_.reeve({"submit", "--each-json", "-", "--", "echo", "{}"}, values + "nonsense\n");
  EXPECT_EQ(ran.exit_code, 4);
  EXPECT_THAT(ran.err, AllOf(HasSubstr(":20001:"), HasSubstr("cancelled")));
  EXPECT_EQ(cluster_.reeve({"wait", "1"}).exit_code, 2);
}

TEST_F(CliJobs, EachJsonTakesTheMembersOfAnArray) {
  const std::string file = cluster_.path("values.json");
  write_file(file, R"([1, {"a": [2, 3]}, "x y"])");
  const std::string job = submit({"--each-json", file, "--", "echo", "{}"});
  EXPECT_EQ(cluster_.reeve({"wait", job}).exit_code, 0);
  EXPECT_EQ(cluster_.reeve({"result", "-q", job}).out, "1\n{\"a\": [2, 3]}\n\"x y\"\n");
}

TEST_F(CliJobs, TheEnvironmentAndTheDirectoryReachTheCommand) {
  const std::string job =
      submit({"--env", "COLOUR=blue", "--cwd", "/", "--", "sh", "-c", "echo $COLOUR $PWD"});
  EXPECT_EQ(cluster_.reeve({"wait", job}).exit_code, 0);
  EXPECT_EQ(cluster_.reeve({"result", job}).out, "blue /\n");
}

TEST_F(CliJobs, ElementsCanGoToStandardInput) {
  const std::string job = submit({"--range", "1-2", "--to-stdin", "--", "cat"});
  EXPECT_EQ(cluster_.reeve({"wait", job}).exit_code, 0);
  EXPECT_EQ(cluster_.reeve({"result", job + ".2"}).out, "2");
}

TEST_F(CliJobs, OnlyFailedTasksAreTriedAgain) {
  const std::string mark = cluster_.path("mark");
  const std::string job =
      submit({"--range", "1-3", "--", "sh", "-c", "test -e " + mark + " || test {} -ne 2"});
  EXPECT_EQ(cluster_.reeve({"wait", job}).exit_code, 1);
  write_file(mark, "now");
  EXPECT_THAT(cluster_.reeve({"retry", "--failed", job}).out,
              HasSubstr("job " + job + ": 1 task will be tried again\n"));
  EXPECT_EQ(cluster_.reeve({"wait", job}).exit_code, 0);
}

TEST_F(CliJobs, ATimeLimitEndsATaskAndSaysSo) {
  const Ran ran = cluster_.reeve({"submit", "--wait", "--time-limit", "100ms", "--", "sleep", "1000"});
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_THAT(cluster_.reeve({"show", "1.1"}).out, HasSubstr("time limit"));
}

TEST_F(CliJobs, ResultsThatAreNotThereYetAreNoSuccess) {
  const std::string job = submit({"--", "sleep", "1000"});
  const Ran one = cluster_.reeve({"result", job + ".1"});
  EXPECT_EQ(one.exit_code, 4);
  EXPECT_THAT(one.err, HasSubstr("reeve wait " + job));
  EXPECT_EQ(cluster_.reeve({"result", job}).exit_code, 4);
}

TEST_F(CliJobs, CtrlCEndsTheWaitingAndNotTheJob) {
  const std::string job = submit({"--", "sleep", "1000"});
  Process wait = cluster_.start_reeve({"wait", job}, {.out = cluster_.path("o"), .err = cluster_.path("e")});
  // The master counts the waiting program among its clients: then it waits.
  ASSERT_TRUE(eventually([&] { return cluster_.reeve({"status", "--json"}).out.contains("\"clients\":2"); }));
  ASSERT_TRUE(eventually([&] { return wait.catches(SIGINT); }));
  wait.kill(SIGINT);
  EXPECT_EQ(wait.wait(), 130);
  EXPECT_THAT(read_file(cluster_.path("e")),
              AllOf(HasSubstr("job " + job + " goes on"), HasSubstr("reeve cancel " + job)));
  EXPECT_THAT(cluster_.reeve({"ls"}).out, HasSubstr("running"));
}

TEST_F(CliJobs, ListsShowWhatRunsAndAllOfIt) {
  submit({"-n", "first", "--", "true"});
  EXPECT_EQ(cluster_.reeve({"wait", "1"}).exit_code, 0);
  submit({"-n", "second", "--", "sleep", "1000"});
  EXPECT_EQ(cluster_.reeve({"ls", "-q"}).out, "2\n");
  EXPECT_EQ(cluster_.reeve({"ls", "-qa"}).out, "2\n1\n");
  EXPECT_THAT(cluster_.reeve({"ls", "--all"}).out,
              AllOf(HasSubstr("first"), HasSubstr("second"), HasSubstr("succeeded")));
  EXPECT_EQ(cluster_.reeve({"forget", "1"}).exit_code, 0);
  EXPECT_EQ(cluster_.reeve({"ls", "-qa"}).out, "2\n");
}

TEST_F(CliJobs, AfterWaitsForTheOtherJob) {
  const std::string first = submit({"--", "sleep", "1000"});
  const std::string second = submit({"--after", first, "--", "true"});
  EXPECT_THAT(cluster_.reeve({"why", second}).out, HasSubstr(first));
  EXPECT_EQ(cluster_.reeve({"cancel", first}).exit_code, 0);
  EXPECT_EQ(cluster_.reeve({"wait", first}).exit_code, 2);
}

TEST_F(CliJobs, TasksAreListedByState) {
  const std::string job = submit({"--range", "1-4", "--", "sh", "-c", "test {} -ne 3"});
  EXPECT_EQ(cluster_.reeve({"wait", job}).exit_code, 1);
  EXPECT_EQ(cluster_.reeve({"show", job, "--state", "failed", "-q"}).out, job + ".3\n");
  EXPECT_THAT(cluster_.reeve({"show", job, "--tasks"}).out,
              AllOf(ContainsRegex("1\\.1 +succeeded"), ContainsRegex("1\\.3 +failed")));
}

}  // namespace
}  // namespace reeve::testing
