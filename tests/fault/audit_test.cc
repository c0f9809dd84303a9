// The audit finds what it is there to find: a sound ledger passes, and each kind of damage is named.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fault/ledger.h"

namespace reeve::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::int64_t second = 1'000'000;

class AuditTest : public ::testing::Test {
 protected:
  AuditTest() {
    clients =
        "submitted key 1\nacked key 7 1\nresult 7.1 succeeded key/1 by attempt 1\n"
        "putting v\nput v\ngot v 9.1\nfinishing v\nfinished v\n";
    notes =
        "start 7.1 1 4 w 100 1000000 key/1\ntick 7.1 1 4 w 100 1020000 key/1\nend 7.1 1 4 w 100 1030000 "
        "key/1\n";
    state.jobs.push_back({.number = 7, .name = "key", .tasks = {{1, "succeeded", "key/1 by attempt 1"}}});
  }
  std::vector<std::string> violations() const {
    ClientLedger ledger;
    ledger.read(clients);
    return audit(ledger, read_runs(notes), faults, state,
                 {.lease_us = 4 * second, .overlap_max_us = 1 * second, .commit_max_us = 1 * second})
        .violations;
  }
  void expect(const std::string& what) const { EXPECT_THAT(violations(), ElementsAre(HasSubstr(what))); }
  // The task ran once more, on another worker, five seconds after the first time began.
  void run_again() {
    notes += "start 7.1 2 4 other 200 6000000 key/1\nend 7.1 2 4 other 200 6500000 key/1\n";
  }

  std::string clients, notes;
  std::vector<Fault> faults;
  FinalState state;
};

TEST_F(AuditTest, ASoundLedgerPasses) { EXPECT_THAT(violations(), IsEmpty()); }

TEST_F(AuditTest, AnAcknowledgedJobThatIsGoneIsFound) {
  state.jobs.clear();
  expect("is lost");
}

TEST_F(AuditTest, AJobWithFewerTasksThanWereAcknowledgedIsFound) {
  state.jobs[0].tasks.clear();
  expect("0 tasks, 1 were acknowledged");
}

TEST_F(AuditTest, AJobThatWasForgottenMustHaveBeenReadWhole) {
  state.jobs.clear();
  clients += "forgetting 7\n";
  EXPECT_THAT(violations(), IsEmpty());
  clients = "submitted key 1\nacked key 7 1\nforgetting 7\n";
  EXPECT_THAT(violations(), ElementsAre(HasSubstr("told 0 results")));
}

TEST_F(AuditTest, ASubmissionThatWasQueuedTwiceIsFoundEvenIfItWasNotAcknowledged) {
  clients = "submitted key 1\n";
  state.jobs.push_back({.number = 8, .name = "key", .tasks = {}});
  EXPECT_THAT(violations(), Contains(HasSubstr("queued 2 times")));
}

TEST_F(AuditTest, ATaskThatDidNotSucceedIsFound) {
  state.jobs[0].tasks[0].state = "failed";
  clients = "submitted key 1\nacked key 7 1\n";
  expect("is failed");
}

TEST_F(AuditTest, ATaskThatNobodyCancelledMustNotBeCancelled) {
  state.jobs[0].tasks[0].state = "cancelled";
  clients = "submitted key 1\nacked key 7 1\n";
  expect("is cancelled");
  clients += "cancelling key\n";
  EXPECT_THAT(violations(), IsEmpty());
}

TEST_F(AuditTest, AResultThatChangedIsFound) {
  run_again();
  faults.push_back({Fault::Kind::kill, Fault::Role::worker, "w", 2 * second, 3 * second});
  state.jobs[0].tasks[0].value = "key/1 by attempt 2";
  expect("a client was told 'succeeded key/1 by attempt 1', now it is 'succeeded key/1 by attempt 2'");
}

TEST_F(AuditTest, AResultOfAnAttemptThatNeverEndedIsFound) {
  notes = "start 7.1 1 4 w 100 1000000 key/1\n";
  expect("never ended");
}

TEST_F(AuditTest, AnAttemptThatWasStartedTwiceIsFound) {
  notes += "start 7.1 1 4 w 200 6000000 key/1\nend 7.1 1 4 w 200 6500000 key/1\n";
  faults.push_back({Fault::Kind::kill, Fault::Role::worker, "w", 2 * second, 3 * second});
  expect("attempt 1 of epoch 4 was started twice");
}

TEST_F(AuditTest, ATaskThatWasStartedAgainWithoutAReasonIsFound) {
  run_again();
  expect("though nothing happened");
}

TEST_F(AuditTest, ATaskThatWasToRunAtMostOnceMayFailButNotRunTwice) {
  clients = "submitted key 1 once\nacked key 7 1\n";
  state.jobs[0].tasks[0].state = "failed";
  EXPECT_THAT(violations(), IsEmpty());
  run_again();
  faults.push_back({Fault::Kind::kill, Fault::Role::worker, "w", 2 * second, 3 * second});
  expect("at most once and ran 2 times");
}

TEST_F(AuditTest, AShortRestartOfTheMasterIsNoReasonToStartATaskAgain) {
  run_again();
  faults.push_back({Fault::Kind::kill, Fault::Role::master, "master", second, 2 * second});
  expect("though nothing happened");
}

TEST_F(AuditTest, AnotherWorkersEndIsNoReasonToStartATaskAgain) {
  run_again();
  faults.push_back({Fault::Kind::kill, Fault::Role::worker, "other", second, 2 * second});
  expect("though nothing happened");
}

TEST_F(AuditTest, TwoAttemptsAtOnceAreFound) {
  notes = "start 7.1 1 4 w 100 1000000 key/1\ntick 7.1 1 4 w 100 8000000 key/1\n";
  run_again();
  state.jobs[0].tasks[0].value = "key/1 by attempt 2";
  clients = "submitted key 1\nacked key 7 1\n";
  faults.push_back({Fault::Kind::stop, Fault::Role::worker, "w", second, 9 * second});
  expect("ran twice at once for 2000 ms");
  faults[0].pid = 100;  // the run itself stood still: it did not live all the time
  EXPECT_THAT(violations(), IsEmpty());
}

TEST_F(AuditTest, AnAttemptThatBeginsAfterALaterOneIsFound) {
  notes += "start 7.1 2 4 other 200 500000 key/1\nend 7.1 2 4 other 200 600000 key/1\n";
  faults.push_back({Fault::Kind::kill, Fault::Role::worker, "other", second / 2, second});
  expect("attempt 1 began after attempt 2 had");
}

TEST_F(AuditTest, ATaskWhoseSubmissionWasLostWithTheMasterMayRunAgain) {
  notes += "start 7.1 1 5 other 200 3000000 key/1\nend 7.1 1 5 other 200 3500000 key/1\n";
  expect("though nothing happened");
  faults.push_back({Fault::Kind::kill, Fault::Role::master, "master", 2 * second, 2 * second});
  expect("though nothing happened");  // acknowledged before
  clients += "submitted key 1\nacked key 7 1 2500000\n";
  clients.erase(clients.find("acked"), clients.find("result") - clients.find("acked"));
  EXPECT_THAT(violations(), IsEmpty());
  faults[0].begin = 2 * second + second / 2 - 1;  // long after the task began: its submission was on the disk
  expect("though nothing happened");
}

TEST_F(AuditTest, ALostSubmissionsRunUnderTheNumberOfAnotherIsToldApart) {
  notes += "start 8.1 1 3 w 100 500000 key/1\nend 8.1 1 3 w 100 600000 key/1\n";
  EXPECT_THAT(violations(), Contains(HasSubstr("ran as task 8.1, which it is not")));
  faults.push_back({Fault::Kind::kill, Fault::Role::master, "master", 700'000, 800'000});
  EXPECT_THAT(violations(), Contains(HasSubstr("ran as task 8.1, which it is not")));  // acknowledged before
  clients += "submitted key 1\nacked key 7 1 900000\n";
  clients.erase(clients.find("acked"), clients.find("result") - clients.find("acked"));
  EXPECT_THAT(violations(), IsEmpty());
}

TEST_F(AuditTest, AProgramThatNobodySubmittedIsFound) {
  notes += "start 8.1 1 4 w 100 500000 what/1\n";
  expect("nobody submitted it");
}

TEST_F(AuditTest, AResultOfAnotherProgramIsFound) {
  clients = "submitted key 1\nacked key 7 1\nsubmitted lost 1\n";
  notes += "start 7.1 1 3 w 100 500000 lost/1\nend 7.1 1 3 w 100 600000 lost/1\n";
  faults.push_back({Fault::Kind::kill, Fault::Role::master, "master", 700'000, 800'000});
  EXPECT_THAT(violations(), IsEmpty());
  state.jobs[0].tasks[0].value = "lost/1 by attempt 1";
  expect("has a result of another program");
}

TEST_F(AuditTest, ATaskThatWasToRunAtMostOnceMustNotRunUnderTwoNumbersEither) {
  clients = "submitted key 1 once\n";
  notes += "start 8.1 1 3 w 100 500000 key/1\n";
  faults.push_back({Fault::Kind::kill, Fault::Role::master, "master", 700'000, 800'000});
  expect("at most once and ran 2 times");
}

TEST_F(AuditTest, ALostValueIsFound) {
  clients += "putting u\nput u\n";
  EXPECT_THAT(violations(), Contains(HasSubstr("1 values that were acknowledged are lost")));
}

TEST_F(AuditTest, AValueThatWasQueuedTwiceIsFound) {
  state.values.emplace_back("v", "9.2");
  EXPECT_THAT(violations(), Contains(HasSubstr("queued more than once")));
}

TEST_F(AuditTest, AValueThatComesAgainWithoutAReasonIsFound) {
  clients += "got v 9.1\n";
  expect("1 values came twice, with 0 reasons");
}

TEST_F(AuditTest, AValueThatCannotBeFinishedWithoutAReasonIsFound) {
  clients += "error v task_done called too often: 0 of queue values are taken and not done\n";
  expect("could not be finished, with 0 reasons");
}

TEST_F(AuditTest, ACountOfUnfinishedValuesThatIsOffIsFound) {
  state.unfinished = 1;
  expect("counts 1 unfinished values; it should be 0 to 0");
}

}  // namespace
}  // namespace reeve::testing
