#include "worker/processes/guard.h"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>

#include "tests/fakes/temp_dir.h"
#include "tests/unit/worker/runners/fifo.h"
#include "worker/processes/spawner.h"

namespace reeve::worker {
namespace {

// guard_subject.cc: a process with a guard, that runs a shell script in a CommandRunner.
pid_t start_subject(const std::string& script, const std::string& fifo, const char* end_ms = nullptr) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::execl(REEVE_GUARD_SUBJECT, REEVE_GUARD_SUBJECT, script.c_str(), fifo.c_str(), end_ms, nullptr);
    ::_exit(127);
  }
  return child;
}

int wait_for(pid_t child) {
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return status;
}

TEST(Guard, AKilledWorkerTakesItsProcessGroupsWithIt) {
  const TempDir dir;
  Fifo fifo{dir / "fifo"};
  const pid_t subject = start_subject(
      "trap '' TERM HUP; exec 9>$1; sh -c 'trap \"\" TERM HUP; sleep 1000 & wait' & echo ready >&9; wait",
      fifo.path());
  EXPECT_EQ(fifo.line(), "ready");
  ::kill(subject, SIGKILL);
  wait_for(subject);
  fifo.wait_for_last_writer();
}

TEST(Guard, AWorkerThatStandsStillBeyondItsLeaseLosesItsProcessGroups) {
  const TempDir dir;
  Fifo fifo{dir / "fifo"};
  const pid_t subject =
      start_subject("trap '' TERM HUP; exec 9>$1; echo ready >&9; sleep 1000", fifo.path(), "2000");
  EXPECT_EQ(fifo.line(), "ready");
  ::kill(subject, SIGSTOP);
  fifo.wait_for_last_writer();
  ::kill(subject, SIGCONT);
  EXPECT_EQ(WEXITSTATUS(wait_for(subject)), 1) << "it sees that the program was killed";
}

TEST(Guard, AWorkerThatEndsByItselfLeavesNoGuard) {
  const TempDir dir;
  Fifo fifo{dir / "fifo"};
  const int status = wait_for(start_subject("echo $(cut -d' ' -f4 /proc/$$/stat) >$1", fifo.path()));
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST(GroupTable, AProgramStandsInItWhileItRuns) {
  auto table = GroupTable::make(2);
  ASSERT_TRUE(table);
  Spawner spawner{table->entry(1)};
  const Descriptor null{::open("/dev/null", O_RDWR | O_CLOEXEC)};
  char sleep[] = "sleep", time[] = "1000";
  char* argv[] = {sleep, time, nullptr};
  auto group = spawner.start({.path = "/bin/sleep", .argv = argv, .envp = environ},
                             {.in = null.get(), .out = null.get(), .err = null.get()});
  ASSERT_TRUE(group);
  EXPECT_EQ(*table->entry(0), 0);
  EXPECT_EQ(::getpgid(*table->entry(1)), *table->entry(1));
  EXPECT_TRUE(GroupTable::kill(*table->entry(1)));
  EXPECT_FALSE(GroupTable::kill(*table->entry(1)));
  EXPECT_EQ(group->end().signal, SIGKILL);
}

TEST(GroupTable, KnowsWhenWhatRunsMustEnd) {
  auto table = GroupTable::make(3);
  ASSERT_TRUE(table);
  EXPECT_EQ(table->end(), GroupTable::never);
  auto attached = GroupTable::map(Descriptor{::dup(table->fd())});
  ASSERT_TRUE(attached);
  const TimePoint end = mono_now();
  table->set_end(end);
  EXPECT_EQ(attached->end(), end);
}

TEST(GroupTable, IsSharedThroughItsDescriptor) {
  auto table = GroupTable::make(3);
  ASSERT_TRUE(table);
  auto attached = GroupTable::map(Descriptor{::dup(table->fd())});
  ASSERT_TRUE(attached);
  *attached->entry(2) = 12345;
  EXPECT_EQ(*table->entry(2), 12345);
  *attached->entry(2) = 0;
  EXPECT_EQ(table->kill_all(), 0u);
}

TEST(GroupTable, AProgramThatCannotStartLeavesNoEntry) {
  auto table = GroupTable::make(1);
  ASSERT_TRUE(table);
  Spawner spawner{table->entry(0)};
  const Descriptor null{::open("/dev/null", O_RDWR | O_CLOEXEC)};
  char name[] = "x";
  char* argv[] = {name, nullptr};
  EXPECT_FALSE(spawner.start({.path = "/no/such", .argv = argv, .envp = environ},
                             {.in = null.get(), .out = null.get(), .err = null.get()}));
  EXPECT_EQ(*table->entry(0), 0);
}

}  // namespace
}  // namespace reeve::worker
