// What `reeve` says and answers when something is wrong.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>

#include "tests/integration/cluster.h"

namespace reeve::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// `reeve` without any cluster.
Ran run_alone(const TempDir& dir, const std::vector<std::string>& args, Env env = {}) {
  std::vector<std::string> words{program("reeve")};
  words.insert(words.end(), args.begin(), args.end());
  env.emplace_back("HOME", dir.path());
  env.emplace_back("XDG_STATE_HOME", dir.path() + "/state");
  Process process(words, env, {.out = dir.path() + "/out", .err = dir.path() + "/err"});
  const int exit_code = process.wait().value_or(-1);
  return {
      .exit_code = exit_code, .out = read_file(dir.path() + "/out"), .err = read_file(dir.path() + "/err")};
}

// A port on which somebody listens who never says a word.
class SilentPort {
 public:
  SilentPort() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(fd_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(fd_, 1) != 0 ||
        ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
      throw std::runtime_error("cannot listen");
    name_ = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  }
  ~SilentPort() { close(); }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  const std::string& name() const { return name_; }

 private:
  int fd_;
  std::string name_;
};

class WithoutMaster : public ::testing::Test {
 protected:
  TempDir dir_;
  Env key_{{"REEVE_AUTHKEY", "a key that is long enough"}};
};

TEST_F(WithoutMaster, NoKeyIsToldWithTheWaysToGiveOne) {
  const Ran ran = run_alone(dir_, {"status"});
  EXPECT_EQ(ran.exit_code, 3);
  EXPECT_THAT(ran.err, AllOf(HasSubstr("no authkey"), HasSubstr(dir_.path() + "/state/reeve/authkey"),
                             HasSubstr("REEVE_AUTHKEY_FILE")));
}

TEST_F(WithoutMaster, AKeyFileThatOthersCanReadIsRefused) {
  const std::string file = dir_.path() + "/key";
  write_file(file, "a key that is long enough\n");
  ::chmod(file.c_str(), 0644);
  const Ran ran = run_alone(dir_, {"status", "--authkey-file", file});
  EXPECT_EQ(ran.exit_code, 3);
  EXPECT_THAT(ran.err, HasSubstr("chmod 600"));
}

TEST_F(WithoutMaster, AMasterThatIsNotThereIsToldAtOnce) {
  SilentPort port;
  const std::string name = port.name();
  port.close();
  const Ran ran = run_alone(dir_, {"ls", "--master", name}, key_);
  EXPECT_EQ(ran.exit_code, 3);
  EXPECT_THAT(ran.err,
              AllOf(HasSubstr(name), HasSubstr("refused"), HasSubstr("is reeve-master running there?")));
}

TEST_F(WithoutMaster, AServerThatStaysSilentIsGivenUpAfterTheConnectTimeout) {
  const SilentPort port;
  const Ran ran = run_alone(dir_, {"ls", "--master", port.name(), "--connect-timeout", "200ms"}, key_);
  EXPECT_EQ(ran.exit_code, 3);
  EXPECT_THAT(ran.err, HasSubstr(port.name()));
}

TEST_F(WithoutMaster, AWrongCommandLineIsUsageAndNamesWhatIsWrong) {
  const struct {
    std::vector<std::string> words;
    std::string message;
  } cases[] = {
      {{"sumbit"}, "did you mean 'submit'?"},
      {{"submit"}, "COMMAND ARG… is missing"},
      {{"submit", "--retires", "3", "--", "true"}, "did you mean --retries?"},
      {{"submit", "--range", "5-1", "--", "true"}, "empty"},
      {{"submit", "--range", "1-18446744073709551615", "--", "true"}, "18446744073709551615 is too large"},
      {{"submit", "--range", "1-5", "--each-line", "x", "--", "true"}, "exclude each other"},
      {{"submit", "--each-line", "/nonexistent", "--", "true"}, "/nonexistent"},
      {{"submit", "--each-line", "/dev/null", "--", "true"}, "no elements"},
      {{"submit", "--range", "1-5", "--", "{}"}, "sh -c"},
      {{"submit", "--env", "PATH", "--", "true"}, "NAME=VALUE"},
      {{"submit", "--time-limit", "soon", "--", "true"}, "not a time"},
      {{"submit", "-q", "true"}, "COMMAND ARG… is missing"},
      {{"call", "square", "abc"}, "not JSON"},
      {{"map", "square"}, "--range"},
      {{"wait"}, "JOB is missing"},
      {{"wait", "seventeen"}, "neither a job"},
      {{"wait", "17.3"}, "takes whole jobs"},
      {{"result", "0"}, "neither a job"},
      {{"queue", "frob"}, "no command 'queue frob'"},
      {{"queue", "put", "q"}, "put what?"},
      {{"queue", "put", "q", "--encoding", "json", R"({"$bytes":"abc"})"}, "no Python value for this JSON"},
      {{"queue", "create", "q", "--kind", "heap"}, "fifo, lifo, priority"},
      {{"completion", "tcsh"}, "bash, zsh, fish"},
      {{"ls", "--master", "nowhere:port"}, "nowhere:port"},
  };
  for (const auto& [words, message] : cases) {
    const Ran ran = run_alone(dir_, words, key_);
    EXPECT_EQ(ran.exit_code, 4) << message;
    EXPECT_THAT(ran.err, HasSubstr(message));
    std::remove((dir_.path() + "/err").c_str());
  }
}

TEST_F(WithoutMaster, HelpIsThereForEveryCommandWithoutAMaster) {
  const Ran all = run_alone(dir_, {"--help"});
  EXPECT_EQ(all.exit_code, 0);
  for (const char* command :
       {"submit", "call", "map", "wait", "result", "ls", "show", "why", "cancel", "retry", "forget",
        "queue put", "worker drain", "status", "admin backup", "keygen", "completion"}) {
    EXPECT_THAT(all.out, HasSubstr(command));
    std::vector<std::string> words;
    const std::string_view name = command;
    words.emplace_back(name.substr(0, name.find(' ')));
    if (name.find(' ') != name.npos) words.emplace_back(name.substr(name.find(' ') + 1));
    words.emplace_back("--help");
    std::remove((dir_.path() + "/out").c_str());
    const Ran help = run_alone(dir_, words);
    EXPECT_EQ(help.exit_code, 0) << command;
    EXPECT_THAT(help.out, HasSubstr("Usage: reeve " + std::string(command)));
  }
}

TEST_F(WithoutMaster, NoCommandAtAllIsUsage) {
  const Ran ran = run_alone(dir_, {});
  EXPECT_EQ(ran.exit_code, 4);
  EXPECT_THAT(ran.err, HasSubstr("Usage: reeve"));
  const Ran family = run_alone(dir_, {"queue"});
  EXPECT_EQ(family.exit_code, 4);
  EXPECT_THAT(family.err, AllOf(HasSubstr("Usage: reeve queue"), HasSubstr("queue peek")));
  EXPECT_EQ(run_alone(dir_, {"queue", "--help"}).exit_code, 0);
  const Ran json = run_alone(dir_, {"--json"});
  EXPECT_EQ(json.exit_code, 4);
  EXPECT_THAT(json.err, AllOf(HasSubstr("\"schema\":\"reeve.error/1\""), HasSubstr("no command")));
}

TEST_F(WithoutMaster, KeygenWritesAPrivateFileOnceAndNeverOverAnother) {
  const std::string file = dir_.path() + "/new.key";
  EXPECT_EQ(run_alone(dir_, {"keygen", file}).exit_code, 0);
  struct stat info{};
  ASSERT_EQ(::stat(file.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  const std::string key = read_file(file);
  EXPECT_EQ(key.size(), 65u);

  const Ran again = run_alone(dir_, {"keygen", file});
  EXPECT_EQ(again.exit_code, 4);
  EXPECT_THAT(again.err, HasSubstr("never overwritten"));
  EXPECT_EQ(read_file(file), key);
}

TEST_F(WithoutMaster, PrintConfigSaysWhereEachSettingComesFrom) {
  write_file(dir_.path() + "/reeve.toml", "master = \"farm:1\"\nconnect-timeout = \"2s\"\n");
  const Ran ran =
      run_alone(dir_, {"--print-config", "--config", dir_.path() + "/reeve.toml", "--master", "other:2"});
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_THAT(ran.out, AllOf(HasSubstr("other:2"), HasSubstr("--master"), HasSubstr("reeve.toml:2")));
}

TEST_F(WithoutMaster, TheLinesForFishEndTheirQuotes) {
  const Ran ran = run_alone(dir_, {"completion", "fish"});
  ASSERT_EQ(ran.exit_code, 0);
  std::istringstream lines(ran.out);
  for (std::string line; std::getline(lines, line);) {
    bool quoted = false;
    for (std::size_t at = 0; at < line.size() && !line.starts_with('#'); ++at) {
      if (line[at] == '\\')
        ++at;
      else if (line[at] == '\'')
        quoted = !quoted;
    }
    EXPECT_FALSE(quoted) << line;
  }
}

TEST_F(WithoutMaster, BashCompletesCommandsOptionsAndTheirValues) {
  const auto completed = [&](const std::string& words) {
    const std::string script = "source <(" + program("reeve") + " completion bash); COMP_WORDS=(" + words +
                               "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _reeve; echo ${COMPREPLY[*]}";
    std::remove((dir_.path() + "/out").c_str());
    Process process({"/bin/bash", "-c", script}, {},
                    {.out = dir_.path() + "/out", .err = dir_.path() + "/err"});
    EXPECT_EQ(process.wait(), 0);
    return read_file(dir_.path() + "/out") + read_file(dir_.path() + "/err");
  };
  EXPECT_EQ(completed("reeve sub"), "submit\n");
  EXPECT_EQ(completed("reeve queue pe"), "peek\n");
  EXPECT_EQ(completed("reeve queue put --no"), "--nowait\n");
  EXPECT_EQ(completed("reeve queue create q --kind l"), "lifo\n");
  write_file(dir_.path() + "/picture.png", "");
  EXPECT_EQ(completed("reeve submit -- " + dir_.path() + "/pict"), dir_.path() + "/picture.png\n");
}

TEST(WithMaster, AWrongKeyIsToldAsSuch) {
  Cluster cluster;
  const Ran ran =
      cluster.reeve({"status"}, "", {{"REEVE_AUTHKEY_FILE", ""}, {"REEVE_AUTHKEY", "not the master's key"}});
  EXPECT_EQ(ran.exit_code, 3);
  EXPECT_THAT(ran.err, AllOf(HasSubstr("does not accept this authkey (it is from REEVE_AUTHKEY)"),
                             HasSubstr("--authkey-file")));
}

TEST(WithMaster, AMasterThatIsFullIsOutOfReachAndTheWayOutIsTold) {
  Cluster cluster({.master_args = {"--connections-max", "1"}});
  cluster.launch_worker("w1");  // tries until it has the one connection
  Ran ran;
  ASSERT_TRUE(eventually([&] {
    ran = cluster.reeve({"status"});
    return ran.exit_code != 0;
  }));
  EXPECT_EQ(ran.exit_code, 3);
  EXPECT_THAT(ran.err, AllOf(HasSubstr("1 connections"), HasSubstr("--connections-max")));
}

TEST(WithMaster, WhatDoesNotExistIsNamed) {
  Cluster cluster;
  const struct {
    std::vector<std::string> words;
    std::string message;
  } cases[] = {
      {{"wait", "99"}, "no job 99"},
      {{"result", "99"}, "no job 99"},
      {{"result", "99.1"}, "99"},
      {{"show", "99"}, "no job 99"},
      {{"show", "99.1"}, "99"},
      {{"why", "99"}, "no job 99"},
      {{"cancel", "99"}, "no job 99"},
      {{"retry", "99"}, "no job 99"},
      {{"forget", "99"}, "no job 99"},
      {{"queue", "show", "nope"}, "no queue nope"},
      {{"queue", "pause", "nope"}, "nope"},
      {{"queue", "rm", "nope"}, "nope"},
      {{"worker", "show", "nope"}, "nope"},
      {{"worker", "drain", "nope"}, "nope"},
      {{"submit", "--after", "99", "--", "true"}, "99"},
  };
  for (const auto& [words, message] : cases) {
    const Ran ran = cluster.reeve(words);
    EXPECT_EQ(ran.exit_code, 4) << words[0] << " " << words[1] << ": " << ran.err;
    EXPECT_THAT(ran.err, HasSubstr(message));
  }
}

TEST(WithMaster, AJobThatRunsIsNotForgottenAndTheWayOutIsTold) {
  Cluster cluster;
  ASSERT_EQ(cluster.reeve({"submit", "--", "true"}).exit_code, 0);
  const Ran ran = cluster.reeve({"forget", "1"});
  EXPECT_EQ(ran.exit_code, 4);
  EXPECT_THAT(ran.err, AllOf(HasSubstr("not finished"), HasSubstr("reeve cancel 1")));
}

TEST(WithMaster, ACallThatNoWorkerServesFailsAtOnceAndSaysWhatThereIs) {
  Cluster cluster;
  const Ran none = cluster.reeve({"call", "square", "12"});
  EXPECT_EQ(none.exit_code, 3);
  EXPECT_THAT(none.err, AllOf(HasSubstr("no worker is connected"), HasSubstr("--wait-for-worker")));

  cluster.add_worker("w1");
  const Ran unknown = cluster.reeve({"call", "squrae", "12"});
  EXPECT_EQ(unknown.exit_code, 3);
  EXPECT_THAT(unknown.err, AllOf(HasSubstr("'squrae'"), HasSubstr("did you mean square?")));
  EXPECT_EQ(cluster.reeve({"ls", "--all", "-q"}).out, "");  // nothing was submitted
}

TEST(WithMaster, AnArrayThatTheMasterCanNeverHoldIsRefusedBeforeItIsSent) {
  Cluster cluster({.ephemeral = true, .master_args = {"--tasks-max", "15000"}});
  const Ran ran = cluster.reeve({"submit", "--range", "1-20000", "--", "true"});
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_THAT(ran.err, AllOf(HasSubstr("20,000 tasks are too many"), HasSubstr("15,000"),
                             HasSubstr("tasks-max"), HasSubstr("nothing was submitted")));
  EXPECT_EQ(cluster.reeve({"ls", "--all", "-q"}).out, "");
  EXPECT_EQ(cluster.reeve({"submit", "--range", "1-15000", "--", "true"}).exit_code, 0);
}

TEST(WithMaster, ASubmissionThatTheMasterRefusesPartWayIsCancelledAndItsJobNamed) {
  Cluster cluster({.ephemeral = true, .master_args = {"--tasks-max", "15000"}});
  std::string lines;
  for (int i = 0; i < 20'000; ++i) lines += "x\n";
  const Ran ran = cluster.reeve({"submit", "--each-line", "-", "--", "true"}, lines);
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_THAT(ran.err, AllOf(HasSubstr("tasks-max is 15000"),
                             HasSubstr("job 1 with the 10,000 tasks before that was cancelled")));
  EXPECT_EQ(cluster.reeve({"wait", "1"}).exit_code, 2);
}

TEST(WithMaster, WhoWaitsIsToldThatTheConnectionIsLostAndThatItIsBack) {
  Cluster cluster;
  ASSERT_EQ(cluster.reeve({"submit", "--", "true"}).exit_code, 0);
  ASSERT_EQ(cluster.reeve({"queue", "create", "q"}).exit_code, 0);
  const std::vector<std::vector<std::string>> commands{
      {"wait", "1"}, {"queue", "get", "q"}, {"queue", "get", "q", "-q"}};
  std::vector<Process> waiting;
  const auto err = [&](std::size_t i) { return cluster.path("waiting" + std::to_string(i) + ".err"); };
  for (std::size_t i = 0; i < commands.size(); ++i)
    waiting.push_back(cluster.start_reeve(commands[i], {.err = err(i)}));
  ASSERT_TRUE(eventually([&] {
    return read_file(err(0)).contains("job 1 does not move") &&
           cluster.reeve({"queue", "show", "q", "--json"}).out.contains("\"getters\":2");
  }));
  cluster.stop_master(SIGKILL);
  for (const std::size_t i : {0u, 1u})
    EXPECT_TRUE(eventually([&] {
      return read_file(err(i)).contains("lost the connection to the master at " + cluster.address() +
                                        "; trying again\n");
    })) << i;
  cluster.start_master();
  for (const std::size_t i : {0u, 1u})
    EXPECT_TRUE(eventually([&] { return read_file(err(i)).contains("reeve: connected again\n"); })) << i;
  ASSERT_EQ(cluster.reeve({"queue", "put", "q", "x", "y"}).exit_code, 0);
  ASSERT_EQ(cluster.reeve({"cancel", "1"}).exit_code, 0);
  EXPECT_EQ(waiting[0].wait(), 2);
  EXPECT_EQ(waiting[1].wait(), 0);
  EXPECT_EQ(waiting[2].wait(), 0);
  EXPECT_EQ(read_file(err(2)), "");
}

TEST(WithMaster, WhatAKilledWorkerHoldsIsToldWithTheTimeAtWhichItGoesToAnother) {
  Cluster cluster({.ephemeral = true});
  cluster.add_worker("w1", {"--slots", "1"});
  ASSERT_EQ(cluster.reeve({"submit", "--", "sleep", "600"}).exit_code, 0);
  ASSERT_TRUE(eventually([&] { return cluster.reeve({"show", "1.1", "-q"}).out == "leased\n"; }));
  EXPECT_THAT(cluster.reeve({"why", "1.1"}).out, HasSubstr("nothing is wrong: worker w1 has it"));
  const std::string err = cluster.path("wait.err");
  const Process wait = cluster.start_reeve({"wait", "1"}, {.err = err});
  cluster.stop_worker("w1", SIGKILL);
  const auto told = AllOf(HasSubstr("worker w1 has not answered for "),
                          HasSubstr("task 1.1 goes to another one in "), HasSubstr("when its lease ends"));
  ASSERT_TRUE(eventually([&] { return cluster.reeve({"worker", "show", "w1", "-q"}).out == "lost\n"; }));
  EXPECT_THAT(cluster.reeve({"why", "1.1"}).out, told);
  EXPECT_THAT(cluster.reeve({"why", "1"}).out, told);
  EXPECT_THAT(cluster.reeve({"show", "1.1"}).out, told);
  EXPECT_THAT(cluster.reeve({"show", "1"}).out, HasSubstr("worker w1 does not answer"));
  EXPECT_THAT(cluster.reeve({"worker", "show", "w1"}).out,
              HasSubstr("lost: what it holds goes to others in "));
  EXPECT_TRUE(
      eventually([&] { return read_file(err).contains("job 1 does not move: worker w1 does not answer"); }));
}

TEST(WithMaster, AWorkerThatShutsDownIsNeitherCalledNorTakenForBusy) {
  Cluster cluster({.ephemeral = true});
  cluster.add_worker("w1", {"--slots", "1", "--stop-grace", "10m"});
  ASSERT_EQ(cluster.reeve({"submit", "--", "sleep", "600"}).exit_code, 0);
  ASSERT_TRUE(eventually([&] { return cluster.reeve({"show", "1.1", "-q"}).out == "leased\n"; }));
  cluster.worker("w1").kill(SIGTERM);
  ASSERT_TRUE(eventually([&] { return cluster.reeve({"worker", "show", "w1", "-q"}).out == "finishing\n"; }));
  EXPECT_THAT(cluster.reeve({"worker", "ls"}).out, HasSubstr("finishing"));

  const Ran refused = cluster.reeve({"call", "square", "12"});
  EXPECT_EQ(refused.exit_code, 3);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("worker w1 serves function 'square', but finishes what it has"),
                                 HasSubstr("--wait-for-worker")));
  ASSERT_EQ(cluster.reeve({"submit", "--", "true"}).exit_code, 0);
  EXPECT_THAT(cluster.reeve({"why", "2"}).out,
              HasSubstr("worker w1 finishes what it has and takes nothing new"));
}

TEST(WithMaster, ACallThatNobodyTakesSaysWhyWhileItWaits) {
  Cluster cluster({.ephemeral = true});
  cluster.add_worker("w1", {"--slots", "1"});
  ASSERT_EQ(cluster.reeve({"submit", "--", "sleep", "600"}).exit_code, 0);
  ASSERT_TRUE(eventually([&] { return cluster.reeve({"show", "1.1", "-q"}).out == "leased\n"; }));
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"call", "square", "12"}, {"map", "square", "--range", "1-2"}}) {
    const std::string err = cluster.path(words[0] + ".err");
    const Process waiting = cluster.start_reeve(words, {.err = err});
    EXPECT_TRUE(eventually([&] { return read_file(err).contains("all slots are busy with other tasks"); }))
        << words[0];
  }
}

TEST(WithMaster, TwoWorkersOfOneNameAreBothShown) {
  Cluster cluster({.ephemeral = true});
  cluster.add_worker("w1", {"--slots", "3"});
  const std::string ready = cluster.path("twin.log");
  Process twin = cluster.start_program({program("reeve-worker"), "--name", "w1", "--slots", "5"},
                                       {.out = ready, .err = ready});
  ASSERT_TRUE(eventually([&] { return cluster.reeve({"worker", "ls", "-q"}).out == "w1\nw1\n"; }));
  const Ran text = cluster.reeve({"worker", "show", "w1"});
  EXPECT_EQ(text.exit_code, 0);
  EXPECT_THAT(text.out, AllOf(HasSubstr("w1 (number 1)"), HasSubstr("w1 (number 2)")));
  const Ran json = cluster.reeve({"worker", "show", "w1", "--json"});
  EXPECT_THAT(json.out, AllOf(HasSubstr("\"slots\":3"), HasSubstr("\"slots\":5")));
  EXPECT_EQ(std::ranges::count(json.out, '\n'), 2);
  EXPECT_THAT(cluster.reeve({"worker", "show", "2"}).out, HasSubstr("w1 (number 2)"));
}

TEST(WithMaster, ATimeLimitOfZeroIsNone) {
  Cluster cluster({.ephemeral = true});
  cluster.add_worker("w1");
  const Ran ran = cluster.reeve({"submit", "--time-limit", "0", "--wait", "--", "sleep", "0.2"});
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_THAT(cluster.reeve({"show", "1", "--json"}).out, HasSubstr("\"time_limit_s\":0"));
  EXPECT_EQ(cluster.reeve({"call", "--time-limit", "0s", "sleep", "0.2"}).exit_code, 0);
}

TEST(WithMaster, AWaitEndsWithAClearErrorWhenTheMasterLostItsMemory) {
  Cluster cluster({.ephemeral = true});
  const std::string out = cluster.path("wait.out"), err = cluster.path("wait.err");
  // No worker: it waits. Its output says that it has been told a job, so that it knew this master.
  Process wait = cluster.start_reeve({"submit", "--wait", "--", "true"}, {.out = out, .err = err});
  ASSERT_TRUE(eventually([&] { return read_file(out).contains('\n'); }));
  cluster.stop_master(SIGKILL);
  cluster.start_master();
  EXPECT_EQ(wait.wait(), 3);
  EXPECT_THAT(read_file(err), HasSubstr("started anew"));
}

TEST(WithMaster, ErrorsAreJsonWhenJsonWasAskedFor) {
  Cluster cluster;
  const Ran ran = cluster.reeve({"show", "99", "--json"});
  EXPECT_EQ(ran.exit_code, 4);
  EXPECT_EQ(
      ran.err,
      "{\"schema\":\"reeve.error/1\",\"error\":\"not_found\",\"message\":\"no job 99\",\"exit_code\":4}\n");
}

}  // namespace
}  // namespace reeve::testing
