// Function calls and queues from the command line.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "tests/integration/cluster.h"

namespace reeve::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

class CliCalls : public ::testing::Test {
 protected:
  CliCalls() { cluster_.add_worker("w1"); }
  Cluster cluster_{{.ephemeral = true}};
};

TEST_F(CliCalls, ACallPrintsItsValue) {
  const Ran ran = cluster_.reeve({"call", "square", "12"});
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_EQ(ran.out, "144\n");
  EXPECT_EQ(cluster_.reeve({"call", "square", "-5"}).out, "25\n");
  EXPECT_EQ(cluster_.reeve({"call", "echo", "1", "\"two\""}).out, "[1,\"two\"]\n");
}

TEST_F(CliCalls, ShowTellsHowAProgramEnded) {
  cluster_.reeve({"submit", "--wait", "--", "sh", "-c", "exit 7"});
  cluster_.reeve({"submit", "--wait", "--", "sh", "-c", "kill -SEGV $$"});
  const std::string exited = cluster_.reeve({"show", "1.1"}).out;
  EXPECT_THAT(exited, HasSubstr("exit code  7"));
  const std::string killed = cluster_.reeve({"show", "2.1"}).out;
  EXPECT_THAT(killed, AllOf(HasSubstr("signal   11"), Not(HasSubstr("exit code"))));
}

TEST_F(CliCalls, AFailedCallPrintsItsErrorAndExitsWithOne) {
  const Ran ran = cluster_.reeve({"call", "fail", "\"out of cheese\""});
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_EQ(ran.out, "");
  EXPECT_THAT(ran.err, HasSubstr("out of cheese"));
  EXPECT_THAT(cluster_.reeve({"call", "fail"}).err, HasSubstr("task 2.1 failed\n"));
}

TEST_F(CliCalls, ACallThatTakesTooLongGoesOnAndSaysHowToStopIt) {
  const Ran ran = cluster_.reeve({"call", "sleep", "1000", "--timeout", "50ms"});
  EXPECT_EQ(ran.exit_code, 124);
  EXPECT_THAT(ran.err, HasSubstr("reeve cancel 1"));
  EXPECT_EQ(cluster_.reeve({"cancel", "1"}).exit_code, 0);
}

TEST_F(CliCalls, ACallThatDoesNotWaitNamesItsJobWhichEndsByItself) {
  const Ran ran = cluster_.reeve({"call", "sleep", "0.3", "--timeout", "0"});
  EXPECT_EQ(ran.exit_code, 124);
  EXPECT_THAT(ran.err, HasSubstr("job 1 goes on: 'reeve wait 1'"));
  EXPECT_EQ(cluster_.reeve({"wait", "1", "--timeout", "60s"}).exit_code, 0);
  EXPECT_EQ(cluster_.reeve({"result", "1"}).out, "0.3\n");
}

TEST_F(CliCalls, ACallThatIsKilledLeavesNoOpenJobBehind) {
  Process call =
      cluster_.start_reeve({"call", "sleep", "0.2"}, {.out = cluster_.path("o"), .err = cluster_.path("e")});
  ASSERT_TRUE(eventually([&] { return cluster_.reeve({"ls", "-q"}).out == "1\n"; }));
  call.kill(SIGKILL);
  call.wait();
  EXPECT_EQ(cluster_.reeve({"wait", "1", "--timeout", "60s"}).exit_code, 0);
}

TEST_F(CliCalls, ACallMayWaitForItsWorker) {
  cluster_.stop_worker("w1");
  Process call = cluster_.start_reeve({"call", "square", "7", "--wait-for-worker"},
                                      {.out = cluster_.path("o"), .err = cluster_.path("e")});
  ASSERT_TRUE(eventually([&] { return cluster_.reeve({"ls", "-q"}).out == "1\n"; }));
  cluster_.add_worker("w2");
  EXPECT_EQ(call.wait(), 0);
  EXPECT_EQ(read_file(cluster_.path("o")), "49\n");
  EXPECT_THAT(read_file(cluster_.path("e")), HasSubstr("waiting: no worker is connected"));
}

TEST_F(CliCalls, MapPrintsAValueForEachElement) {
  const Ran any = cluster_.reeve({"map", "square", "--range", "1-1000"});
  EXPECT_EQ(any.exit_code, 0) << any.err;
  std::vector<std::string> lines = lines_of(any.out);
  ASSERT_EQ(lines.size(), 1000u);
  long sum = 0;
  for (const std::string& line : lines) sum += std::stol(line);
  EXPECT_EQ(sum, 1000L * 1001 * 2001 / 6);

  const Ran ordered = cluster_.reeve({"map", "square", "--range", "1-1000", "--ordered", "--window", "7"});
  lines = lines_of(ordered.out);
  ASSERT_EQ(lines.size(), 1000u);
  for (long i = 1; i <= 1000; ++i) EXPECT_EQ(lines[static_cast<std::size_t>(i - 1)], std::to_string(i * i));
}

TEST_F(CliCalls, MapPassesLinesAsTextAndJsonAsItIs) {
  EXPECT_EQ(cluster_.reeve({"map", "echo", "--ordered", "--each-line", "-"}, "a \"b\"\n\nc").out,
            "\"a \\\"b\\\"\"\n\"\"\n\"c\"\n");
  EXPECT_EQ(cluster_.reeve({"map", "echo", "--ordered", "--each-json", "-"}, "[1,[2,3]]").out, "1\n[2,3]\n");
}

TEST_F(CliCalls, MapGoesOnBehindAFailureAndExitsWithOne) {
  const Ran ran = cluster_.reeve({"map", "square", "--ordered", "--each-json", "-"}, "1 \"x\" 3");
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_EQ(ran.out, "1\n9\n");
  EXPECT_THAT(ran.err, HasSubstr("1.2 failed"));
}

TEST_F(CliCalls, AMapOverNothingIsAnErrorAsASubmitIs) {
  const Ran ran = cluster_.reeve({"map", "square", "--each-line", "-"});
  EXPECT_EQ(ran.exit_code, 4);
  EXPECT_THAT(ran.err, HasSubstr("there are no elements: nothing was called"));
}

TEST_F(CliCalls, WhatMapDidNotWaitForIsThereLater) {
  const Ran late = cluster_.reeve({"map", "sleep", "--each-json", "-", "--timeout", "10ms"}, "0.2 0.3");
  EXPECT_EQ(late.exit_code, 124);
  EXPECT_EQ(cluster_.reeve({"wait", "1"}).exit_code, 0);
  EXPECT_EQ(cluster_.reeve({"result", "1"}).out, "1.1: 0.2\n1.2: 0.3\n");
  EXPECT_EQ(cluster_.reeve({"result", "1.2"}).out, "0.3\n");
}

class CliQueues : public ::testing::Test {
 protected:
  Cluster cluster_{{.ephemeral = true}};
};

TEST_F(CliQueues, ValuesComeOutInTheOrderOfTheQueue) {
  EXPECT_EQ(cluster_.reeve({"queue", "create", "stack", "--kind", "lifo"}).exit_code, 0);
  EXPECT_EQ(cluster_.reeve({"queue", "put", "stack", "a", "b", "c"}).exit_code, 0);
  EXPECT_EQ(cluster_.reeve({"queue", "show", "stack", "-q"}).out, "3\n");
  EXPECT_EQ(cluster_.reeve({"queue", "peek", "stack"}).out, "c\n");
  EXPECT_EQ(cluster_.reeve({"queue", "get", "stack", "-n", "3"}).out, "c\nb\na\n");
}

TEST_F(CliQueues, AnEmptyQueueIsToldByTheExitCode) {
  EXPECT_EQ(cluster_.reeve({"queue", "create", "q"}).exit_code, 0);
  const Ran now = cluster_.reeve({"queue", "get", "q", "--nowait"});
  EXPECT_EQ(now.exit_code, 1);
  EXPECT_THAT(now.err, HasSubstr("queue q is empty"));
  EXPECT_EQ(cluster_.reeve({"queue", "get", "q", "--timeout", "20ms"}).exit_code, 124);
  EXPECT_EQ(cluster_.reeve({"queue", "peek", "q"}).exit_code, 1);
}

TEST_F(CliQueues, APausedQueueIsNotCalledEmpty) {
  EXPECT_EQ(cluster_.reeve({"queue", "put", "q", "1"}).exit_code, 0);
  EXPECT_EQ(cluster_.reeve({"queue", "pause", "q"}).exit_code, 0);
  const Ran now = cluster_.reeve({"queue", "get", "q", "--nowait"});
  EXPECT_EQ(now.exit_code, 1);
  EXPECT_THAT(now.err, HasSubstr("queue q is paused, and 1 value waits in it: 'reeve queue resume q'"));
  const Ran late = cluster_.reeve({"queue", "get", "q", "--timeout", "20ms"});
  EXPECT_EQ(late.exit_code, 124);
  EXPECT_THAT(late.err, HasSubstr("queue q is paused"));
}

TEST_F(CliQueues, AQuestionAboutAQueueThatIsNotThereSaysSoAndMakesNone) {
  const Ran get = cluster_.reeve({"queue", "get", "nope", "--nowait"});
  EXPECT_EQ(get.exit_code, 4);
  EXPECT_THAT(get.err, HasSubstr("no queue nope"));
  EXPECT_EQ(cluster_.reeve({"queue", "ls", "-q"}).out, "");
  // Whoever waits may come before the first value.
  EXPECT_EQ(cluster_.reeve({"queue", "get", "later", "--timeout", "20ms"}).exit_code, 124);
  EXPECT_EQ(cluster_.reeve({"queue", "ls", "-q"}).out, "later\n");
}

TEST_F(CliQueues, AQueueIsRemovedWhenNothingIsLeftInItAlsoWithoutTaskDone) {
  EXPECT_EQ(cluster_.reeve({"queue", "put", "colours", "red", "blue"}).exit_code, 0);
  EXPECT_EQ(cluster_.reeve({"queue", "get", "colours"}).out, "red\n");
  const Ran refused = cluster_.reeve({"queue", "rm", "colours"});
  EXPECT_EQ(refused.exit_code, 4);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("1 wait in it"), HasSubstr("'reeve queue purge colours'")));
  EXPECT_EQ(cluster_.reeve({"queue", "get", "colours"}).out, "blue\n");
  EXPECT_EQ(cluster_.reeve({"queue", "rm", "colours"}).exit_code, 0);
  EXPECT_EQ(cluster_.reeve({"queue", "show", "colours"}).exit_code, 4);
}

TEST_F(CliQueues, AFullQueueIsToldByTheExitCode) {
  EXPECT_EQ(cluster_.reeve({"queue", "create", "q", "--maxsize", "2"}).exit_code, 0);
  EXPECT_EQ(cluster_.reeve({"queue", "put", "q", "1", "2"}).exit_code, 0);
  const Ran now = cluster_.reeve({"queue", "put", "q", "3", "--nowait"});
  EXPECT_EQ(now.exit_code, 1);
  EXPECT_THAT(now.err, HasSubstr("queue q is full"));
  EXPECT_EQ(cluster_.reeve({"queue", "put", "q", "3", "--timeout", "20ms"}).exit_code, 124);
}

TEST_F(CliQueues, APutThatFailsPartWaySaysHowManyValuesWerePut) {
  EXPECT_EQ(cluster_.reeve({"queue", "create", "q", "--maxsize", "3"}).exit_code, 0);
  const std::string lines = "1\n2\n3\n4\n5\n";
  const Ran now = cluster_.reeve({"queue", "put", "q", "--each-line", "-", "--nowait"}, lines);
  EXPECT_EQ(now.exit_code, 1);
  EXPECT_THAT(now.err, HasSubstr("queue q is full; the first 3 values were put"));
  EXPECT_EQ(cluster_.reeve({"queue", "get", "q", "-n", "2"}).out, "1\n2\n");
  const Ran late =
      cluster_.reeve({"queue", "put", "q", "--each-line", "-", "--timeout", "20ms", "--json"}, "4\n5\n6\n");
  EXPECT_EQ(late.exit_code, 124);
  EXPECT_THAT(late.err, AllOf(HasSubstr("\"error\":\"timed_out\""), HasSubstr("\"put\":2,\"unsure\":0")));
  EXPECT_EQ(cluster_.reeve({"queue", "get", "q", "-n", "3"}).out, "3\n4\n5\n");
  const Ran broken = cluster_.reeve({"queue", "put", "q", "--encoding", "json", "1", "x"});
  EXPECT_EQ(broken.exit_code, 4);
  EXPECT_THAT(broken.err, HasSubstr("nothing was put"));
}

TEST_F(CliQueues, ThousandsOfLinesGoThroughAQueueUnchanged) {
  std::string lines;
  for (int i = 0; i < 5000; ++i) lines += "value " + std::to_string(i) + "\n";
  EXPECT_EQ(cluster_.reeve({"queue", "put", "q", "--each-line", "-"}, lines).exit_code, 0);
  EXPECT_EQ(cluster_.reeve({"queue", "get", "q", "-n", "5000"}).out, lines);
}

TEST_F(CliQueues, AnExistingQueueIsMadeAgainOnlyWhenThatIsFine) {
  EXPECT_EQ(cluster_.reeve({"queue", "create", "q"}).exit_code, 0);
  EXPECT_EQ(cluster_.reeve({"queue", "create", "q"}).exit_code, 4);
  EXPECT_EQ(cluster_.reeve({"queue", "create", "q", "--exist-ok"}).out, "queue q was there already (fifo)\n");
  EXPECT_THAT(cluster_.reeve({"--json", "queue", "create", "q", "--exist-ok"}).out, HasSubstr(R"("found")"));
  EXPECT_EQ(cluster_.reeve({"queue", "create", "q", "--exist-ok", "--kind", "lifo"}).exit_code, 4);
  EXPECT_EQ(cluster_.reeve({"queue", "create", "new", "--exist-ok"}).out, "queue new created (fifo)\n");
}

TEST_F(CliQueues, PausedQueuesStartNothingAndPurgedOnesAreEmpty) {
  EXPECT_EQ(cluster_.reeve({"queue", "create", "q"}).exit_code, 0);
  EXPECT_EQ(cluster_.reeve({"queue", "pause", "q"}).exit_code, 0);
  cluster_.add_worker("w1");
  EXPECT_EQ(cluster_.reeve({"submit", "--queue", "q", "--range", "1-3", "--", "true"}).exit_code, 0);
  EXPECT_THAT(cluster_.reeve({"queue", "show", "q"}).out, HasSubstr("paused"));
  EXPECT_THAT(cluster_.reeve({"why", "1"}).out, HasSubstr("paused"));
  EXPECT_EQ(cluster_.reeve({"wait", "1", "--timeout", "100ms"}).exit_code, 124);
  EXPECT_THAT(cluster_.reeve({"queue", "purge", "q"}).out, HasSubstr("3 tasks dropped"));
  EXPECT_EQ(cluster_.reeve({"queue", "resume", "q"}).exit_code, 0);
  EXPECT_EQ(cluster_.reeve({"wait", "1"}).exit_code, 2);
  EXPECT_EQ(cluster_.reeve({"queue", "rm", "q"}).exit_code, 0);
  EXPECT_EQ(cluster_.reeve({"queue", "show", "q"}).exit_code, 4);
}

TEST_F(CliQueues, ADrainedWorkerTakesNothingUntilItIsUndrained) {
  cluster_.add_worker("w1");
  EXPECT_EQ(cluster_.reeve({"worker", "drain", "w1"}).exit_code, 0);
  EXPECT_EQ(cluster_.reeve({"worker", "show", "w1", "-q"}).out, "draining\n");
  EXPECT_EQ(cluster_.reeve({"call", "square", "3"}).exit_code, 3);
  EXPECT_EQ(cluster_.reeve({"worker", "undrain", "w1"}).exit_code, 0);
  EXPECT_EQ(cluster_.reeve({"call", "square", "3"}).out, "9\n");
}

TEST_F(CliQueues, OutcomesGoToTheirResultQueueAndSayWhoseTheyAre) {
  cluster_.add_worker("w1");
  EXPECT_EQ(cluster_.reeve({"submit", "--result-queue", "out", "--", "false"}).exit_code, 0);
  const Ran got = cluster_.reeve({"queue", "get", "out", "--json", "--timeout", "30s"});
  EXPECT_EQ(got.exit_code, 0) << got.err;
  EXPECT_THAT(got.out, HasSubstr("\"from\":{\"task\":\"1.1\",\"state\":\"failed\""));
}

}  // namespace
}  // namespace reeve::testing
