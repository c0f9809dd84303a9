#include "master/store/commit_thread.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "tests/unit/master/store/sample_records.h"

namespace reeve::master {
namespace {

using ::testing::SizeIs;

// A store that notes on which thread it works, and fails when told.
class NotingStore : public Store {
 public:
  Result<Recovered> open() override { return Recovered{}; }
  Result<void> apply(Records& batch) override {
    thread = std::this_thread::get_id();
    if (fail_next) {
      fail_next = false;
      return fail(Errc::storage_failed, "the disk is full");
    }
    applied += batch.size();
    batch.clear();
    return {};
  }
  Result<std::vector<StoredOutcome>> outcomes(JobId, std::uint32_t, std::uint32_t, std::size_t) override {
    return {};
  }
  Result<std::vector<ChunkRecord>> chunks(JobId, std::uint32_t, std::uint32_t) override { return {}; }
  bool durable() const override { return false; }

  std::size_t applied = 0;
  bool fail_next = false;
  std::thread::id thread;
};

// What the loop's post is in the master: the way back to the owner's thread.
class Mailbox {
 public:
  void post(CommitThread::Committed message) {
    const std::lock_guard lock{mutex_};
    messages_.push_back(std::move(message));
    arrived_.notify_one();
  }
  CommitThread::Committed take() {
    std::unique_lock lock{mutex_};
    arrived_.wait(lock, [this] { return !messages_.empty(); });
    auto message = std::move(messages_.front());
    messages_.pop_front();
    return message;
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<CommitThread::Committed> messages_;
};

class CommitThreadTest : public ::testing::Test {
 protected:
  NotingStore store_;
  Mailbox mailbox_;
  CommitThread commits_{store_,
                        [this](CommitThread::Committed message) { mailbox_.post(std::move(message)); }};
};

TEST_F(CommitThreadTest, ABatchIsAppliedOnAnotherThreadAndItsTicketComesBack) {
  commits_.commit(batch(job_record(1), job_record(2)), 42);
  EXPECT_TRUE(commits_.busy());
  const auto done = mailbox_.take();
  commits_.accept();
  EXPECT_FALSE(commits_.busy());
  EXPECT_EQ(done.ticket, 42u);
  EXPECT_TRUE(done.result);
  EXPECT_TRUE(done.records.empty());
  EXPECT_EQ(store_.applied, 2u);
  EXPECT_NE(store_.thread, std::this_thread::get_id());
}

TEST_F(CommitThreadTest, AFailedBatchComesBackWholeAndCanBeCommittedAgain) {
  store_.fail_next = true;
  commits_.commit(batch(job_record(1), job_record(2)), 1);
  auto failed = mailbox_.take();
  commits_.accept();
  ASSERT_FALSE(failed.result);
  EXPECT_EQ(failed.result.error().code, Errc::storage_failed);
  ASSERT_THAT(failed.records, SizeIs(2));

  commits_.commit(std::move(failed.records), 1);
  EXPECT_TRUE(mailbox_.take().result);
  EXPECT_EQ(store_.applied, 2u);
}

TEST_F(CommitThreadTest, ManyBatchesInARowAllArriveInOrder) {
  for (std::uint64_t ticket = 1; ticket <= 10'000; ++ticket) {
    commits_.commit(batch(job_record(ticket)), ticket);
    ASSERT_EQ(mailbox_.take().ticket, ticket);
    commits_.accept();
  }
  EXPECT_EQ(store_.applied, 10'000u);
}

TEST_F(CommitThreadTest, StoppingFinishesTheBatchInFlight) {
  commits_.commit(batch(job_record(1)), 1);
  commits_.stop();
  EXPECT_EQ(store_.applied, 1u);
  EXPECT_EQ(mailbox_.take().ticket, 1u);
  commits_.stop();  // again: nothing
}

}  // namespace
}  // namespace reeve::master
