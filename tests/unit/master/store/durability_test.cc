// A process that is killed at any moment leaves behind everything it had acknowledged.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <random>
#include <set>

#include "master/store/commit_thread.h"
#include "master/store/sqlite_store.h"
#include "tests/fakes/temp_dir.h"
#include "tests/unit/master/store/sample_records.h"

namespace reeve::master {
namespace {

// Commits one job after the other and writes the number of each to `acknowledge` once it is durable. Never
// returns.
[[noreturn]] void write_until_killed(const std::string& dir, int acknowledge) {
  SqliteStore store{{.data_dir = dir}};
  auto recovered = store.open();
  if (!recovered) _exit(2);
  for (std::uint64_t job = recovered->next_job;; ++job) {
    Records records = batch(job_record(job), chunk_record(job, 1, {"a", "b"}), outcome_record(job, 1, 2));
    if (!store.apply(records)) _exit(3);
    if (write(acknowledge, &job, sizeof job) != sizeof job) _exit(4);
  }
}

// Lets a child write until it has acknowledged `enough` jobs, kills it, and returns the last one it
// acknowledged.
std::uint64_t run_and_kill(const std::string& dir, int enough) {
  int ends[2];
  if (pipe(ends) != 0) return 0;
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    write_until_killed(dir, ends[1]);
  }
  close(ends[1]);
  std::uint64_t last = 0, job = 0;
  for (int i = 0; read(ends[0], &job, sizeof job) == sizeof job; ++i) {
    last = job;
    if (i == enough) kill(child, SIGKILL);  // and read on: what is in the pipe was acknowledged too
  }
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status)) << "the writer ended by itself: " << WEXITSTATUS(status);
  return last;
}

TEST(DurabilityTest, NothingAcknowledgedIsLostWhenTheProcessIsKilled) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937 random{seed};
  const TempDir dir;
  for (int round = 0; round < 8; ++round) {
    const std::uint64_t acknowledged =
        run_and_kill(dir.path(), std::uniform_int_distribution{1, 400}(random));
    SqliteStore store{{.data_dir = dir.path()}};
    const auto recovered = store.open();
    ASSERT_TRUE(recovered) << recovered.error().detail;
    // One more may have been committed without the word getting out.
    ASSERT_GE(recovered->jobs.size(), acknowledged);
    ASSERT_LE(recovered->jobs.size(), acknowledged + 1);
    for (const auto& job : recovered->jobs) {
      ASSERT_EQ(job.chunks.size(), 1u);
      ASSERT_EQ(job.chunks[0].finals.size(), 1u);
      ASSERT_EQ((*job.chunks[0].record.payloads)[0], "a");
    }
  }
}

}  // namespace
}  // namespace reeve::master
