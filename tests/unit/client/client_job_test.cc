// Jobs of the client library: submit, feed, wait.
#include <numeric>
#include <ranges>

#include "tests/unit/client/client_fixture.h"

namespace reeve::client {
namespace {

using namespace std::chrono_literals;

TEST_F(ClientTest, SubmitMakesOneJobOfAnyNumberOfTasks) {
  auto client = Client::connect(master.options());
  TaskSpec spec;
  spec.function = "echo";
  const Job small = client.submit(spec, {"a", "b"});
  EXPECT_FALSE(master.wait_for(FrameType::submit).as<wire::Submit>().open());
  const Job large = client.submit(spec, std::vector<std::string>(25'000, "x"));
  master.wait_for(FrameType::close_job);
  master.run([&](FakeMaster&) {
    EXPECT_EQ(echo->jobs[small.number()].size(), 2u);
    EXPECT_EQ(echo->jobs[large.number()].size(), 25'000u);
  });
  const auto results = small.results();
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[1].outcome.value, "b");
}

TEST_F(ClientTest, AFeedTellsEachOutcomeOnceAndTheEndLast) {
  auto client = Client::connect(master.options());
  TaskSpec spec;
  spec.function = "echo";
  const Job job = client.submit(spec, std::vector<std::string>(20, "x"));
  auto feed = job.watch(true);
  master.wait_for(FrameType::watch);
  master.run([&](FakeMaster& self) {  // some are pushed as well, and one connection is lost on the way
    wire::Outcomes outcomes;
    outcomes.set_job(job.number());
    *outcomes.add_items() = echo->jobs[job.number()][3].outcome;
    self.send(FrameType::outcomes, outcomes);
    self.cut();
  });
  master.wait_for(FrameType::watch, 2);
  master.run([&](FakeMaster& self) {
    wire::JobChanged changed;
    changed.mutable_job()->set_job(job.number());
    changed.mutable_job()->set_finished_us(1);
    changed.mutable_job()->mutable_counts()->set_total(20);
    changed.mutable_job()->mutable_counts()->set_succeeded(20);
    self.send(FrameType::job_changed, changed);
  });
  std::vector<std::uint32_t> indices;
  std::optional<JobInfo> last;
  while (auto event = feed.next()) {
    if (event->outcome) {
      EXPECT_FALSE(last && last->is_finished());
      indices.push_back(event->outcome->index);
    }
    if (event->info) last = event->info;
  }
  std::ranges::sort(indices);
  std::vector<std::uint32_t> expected(20);
  std::iota(expected.begin(), expected.end(), 1u);
  EXPECT_EQ(indices, expected);
  ASSERT_TRUE(last);
  EXPECT_TRUE(last->succeeded());
  EXPECT_TRUE(feed.finished());
}

// What keeps a feed alive must not be kept alive by it: the leak sanitizer tells.
TEST_F(ClientTest, AFeedIsFreedWithItsClientWhicheverEndsFirst) {
  master.set_handler([](FakeMaster&, const Received&) {});
  for (int round = 0; round < 50; ++round) {
    auto client = Client::connect(master.options());
    std::optional<JobFeed> feed = client.job(1).watch(false);
    if (round % 2 == 0) feed.reset();  // and at once:
    client.close();
    if (feed) {
      EXPECT_THROW(feed->next(), Unavailable);
    }
    EXPECT_THROW(client.job(1).watch(false), Unavailable);
  }
}

TEST_F(ClientTest, AFeedMayEndWhileThereIsNoConnection) {
  master.set_handler([](FakeMaster&, const Received&) {});
  auto client = Client::connect(master.options());
  std::optional<JobFeed> feed = client.job(1).watch(false);
  master.wait_for(FrameType::watch);
  master.run([](FakeMaster& self) { self.vanish(); });
  EXPECT_FALSE(feed->next(50ms));  // meanwhile this thread hears that the connection is lost
  feed.reset();
  client.close();
}

TEST_F(ClientTest, WaitingForAJobThatTheMasterDoesNotKnowThrowsNotFound) {
  master.set_handler([](FakeMaster& self, const Received& frame) {
    if (frame.type != FrameType::watch) return;
    wire::JobChanged changed;
    changed.set_request(frame.as<wire::Watch>().request());
    changed.mutable_error()->set_code(static_cast<std::uint32_t>(Errc::not_found));
    self.send(FrameType::job_changed, changed);
  });
  auto client = Client::connect(master.options());
  EXPECT_THROW(client.job(77).wait(), NotFound);
}

TEST_F(ClientTest, ARefusedSubmissionThrowsWhatTheMasterSaid) {
  master.set_handler([](FakeMaster& self, const Received& frame) {
    if (frame.type != FrameType::submit) return;
    wire::Submitted answer;
    answer.set_request(frame.as<wire::Submit>().request());
    answer.mutable_error()->set_code(static_cast<std::uint32_t>(Errc::limit_reached));
    answer.mutable_error()->set_detail("tasks-max is 3");
    self.send(FrameType::submitted, answer);
  });
  auto client = Client::connect(master.options());
  TaskSpec spec;
  spec.function = "echo";
  try {
    client.submit(spec, {"a"});
    FAIL() << "no exception";
  } catch (const Exception& error) {
    EXPECT_EQ(error.code(), Errc::limit_reached);
    EXPECT_STREQ(error.what(), "tasks-max is 3");
  }
  auto pool = client.pool();
  EXPECT_THROW(pool.apply("echo", "x"), Exception);
}

}  // namespace
}  // namespace reeve::client
