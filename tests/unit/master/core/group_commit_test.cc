#include "master/core/group_commit.h"

#include <gtest/gtest.h>

#include <string>

namespace reeve::master {
namespace {

using namespace std::chrono_literals;

constexpr WallTime noon{12h};
const Error disk_full{Errc::storage_failed, "no space left on device"};

Record record(const std::string& queue) { return QueueRecord{.name = queue}; }
std::string queue_of(const Records& records) { return std::get<QueueRecord>(records.at(0)).name; }

TEST(GroupCommit, WhatIsSaidInATurnWaitsForTheTransactionThatWillHoldItsRecords) {
  GroupCommit commits{1};
  EXPECT_EQ(commits.ticket(), commits.committed()) << "nothing was decided: nothing to wait for";
  commits.keep(record("a"));
  const Ticket ticket = commits.ticket();
  EXPECT_GT(ticket, commits.committed());
  const auto transaction = commits.begin(noon);
  ASSERT_TRUE(transaction);
  EXPECT_EQ(transaction->ticket, ticket);
  EXPECT_FALSE(commits.succeeded({})) << "nothing waits for a turn";
  EXPECT_EQ(commits.committed(), ticket);
  EXPECT_EQ(commits.durable_through(), noon);
}

TEST(GroupCommit, WhatIsSaidWithoutARecordWaitsForWhatIsBeingWritten) {
  GroupCommit commits{1};
  commits.keep(record("a"));
  const auto transaction = commits.begin(noon);
  EXPECT_EQ(commits.ticket(), transaction->ticket) << "it may speak of what is being written";
}

TEST(GroupCommit, RecordsGatherWhileATransactionIsBeingWritten) {
  GroupCommit commits{1};
  commits.keep(record("a"));
  ASSERT_TRUE(commits.begin(noon));
  commits.keep(record("b"));
  commits.keep(record("c"));
  EXPECT_FALSE(commits.begin(noon));
  EXPECT_TRUE(commits.succeeded({})) << "they wait for the end of a turn";
  const auto next = commits.begin(noon);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->records.size(), 2u);
}

TEST(GroupCommit, AFailedTransactionIsWrittenAgainBeforeAnyOther) {
  GroupCommit commits{1};
  commits.keep(record("a"));
  auto transaction = commits.begin(noon);
  EXPECT_GT(commits.failed(disk_full, std::move(transaction->records)), 0ms);
  commits.keep(record("b"));
  EXPECT_FALSE(commits.begin(noon));
  EXPECT_FALSE(commits.may_hand_out());
  EXPECT_NE(commits.trouble().find("no space left"), std::string::npos);

  const auto again = commits.again();
  EXPECT_EQ(again.ticket, transaction->ticket);
  EXPECT_EQ(queue_of(again.records), "a");
  EXPECT_TRUE(commits.succeeded({})) << "tasks may be handed out again";
  EXPECT_TRUE(commits.trouble().empty());
  EXPECT_EQ(queue_of(commits.begin(noon)->records), "b");
}

TEST(GroupCommit, NothingIsHandedOutWhileTooManyResultsWaitForTheStore) {
  GroupCommit commits{1};
  commits.keep(OutcomeRecord{.task = {JobId{1}, 1}, .outcome = {.value = std::string(65u << 20, 'x')}});
  EXPECT_FALSE(commits.may_hand_out());
  ASSERT_TRUE(commits.begin(noon));
  EXPECT_FALSE(commits.may_hand_out());
  EXPECT_TRUE(commits.succeeded({}));
  EXPECT_TRUE(commits.may_hand_out());
}

TEST(GroupCommit, ChangesOfDeclaredObjectsThatWaitForTheStoreCountAsResultsDo) {
  GroupCommit commits{1};
  commits.keep(CellRecord{.object = "it", .number = 1, .content = std::string(65u << 20, 'x')});
  EXPECT_FALSE(commits.may_hand_out());
  EXPECT_EQ(commits.unwritten_bytes(), 65u << 20);
  ASSERT_TRUE(commits.begin(noon));
  EXPECT_EQ(commits.unwritten_bytes(), 65u << 20);
  EXPECT_TRUE(commits.succeeded({}));
  EXPECT_EQ(commits.unwritten_bytes(), 0u);
}

TEST(GroupCommit, WhoReadsTheStoreWaitsForWhatWasDecidedBefore) {
  GroupCommit commits{1};
  std::string order;
  commits.after_commit([&](const auto&) { order += "at once "; });
  commits.keep(record("a"));
  commits.after_commit([&](const auto&) { order += "first "; });
  ASSERT_TRUE(commits.begin(noon));
  commits.keep(record("b"));
  commits.after_commit([&](const auto&) { order += "second "; });
  EXPECT_EQ(order, "at once ");
  commits.succeeded({});
  EXPECT_EQ(order, "at once first ");
  ASSERT_TRUE(commits.begin(noon));
  commits.succeeded({});
  EXPECT_EQ(order, "at once first second ");
}

TEST(GroupCommit, WhoReadsTheStoreDoesNotWaitWhileItCannotBeWritten) {
  GroupCommit commits{1};
  std::string order;
  const auto read = [&order](const Result<void>& kept) {
    order += kept ? "kept " : kept.error().code == Errc::storage_failed ? "trouble " : "? ";
  };
  commits.keep(record("a"));
  commits.after_commit(read);
  auto transaction = commits.begin(noon);
  EXPECT_EQ(order, "");
  commits.failed(disk_full, std::move(transaction->records));
  EXPECT_EQ(order, "trouble ") << "who waited already";
  commits.after_commit(read);
  EXPECT_EQ(order, "trouble trouble ");
  commits.again();
  commits.succeeded({});
  commits.after_commit(read);
  EXPECT_EQ(order, "trouble trouble kept ");
}

}  // namespace
}  // namespace reeve::master
