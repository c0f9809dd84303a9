// What the client library does when its connection is lost, refused, or leads to another master.
#include <numeric>
#include <ranges>

#include "tests/unit/client/client_fixture.h"

namespace reeve::client {
namespace {

using namespace std::chrono_literals;

TEST_F(ClientTest, AWrongKeyIsToldFromAMasterThatIsNotThere) {
  ClientOptions options = master.options();
  options.authkey = "another key";
  EXPECT_THROW(Client::connect(options), AuthenticationFailed);
  options = master.options();
  options.master = "127.0.0.1:1";
  EXPECT_THROW(Client::connect(options), Unavailable);
}

TEST_F(ClientTest, AMasterThatShakesHandsButDoesNotWelcomeIsGivenUpAfterTheConnectTimeout) {
  master.welcomes = false;
  ClientOptions options = master.options();
  options.connect_timeout = 200ms;
  EXPECT_THROW(Client::connect(options), TimedOut);
  EXPECT_EQ(master.count(FrameType::client_hello), 1u) << "it came as far as the greeting";
}

TEST_F(ClientTest, AMasterThatComesBackButDoesNotWelcomeCountsAsAway) {
  echo->push_outcomes = false;
  ClientOptions options = master.options();
  options.connect_timeout = 200ms;
  options.reconnect_for = 100ms;
  auto client = Client::connect(options);
  auto pool = client.pool();
  auto future = pool.apply_async("echo", "x");
  master.wait_for(FrameType::submit);
  master.welcomes = false;
  master.run([](FakeMaster& self) { self.cut(); });
  EXPECT_THROW(future.get(), Unavailable);
}

TEST_F(ClientTest, AWelcomeAfterASilentOneEndsTheWait) {
  ClientOptions options = master.options();
  options.connect_timeout = 200ms;
  auto client = Client::connect(options);
  master.welcomes = false;
  master.run([](FakeMaster& self) { self.cut(); });
  master.wait_for(FrameType::client_hello, 2);
  master.welcomes = true;
  auto pool = client.pool();
  EXPECT_EQ(pool.apply("echo", "x").bytes, "x");
}

TEST_F(ClientTest, AMasterThatDoesNotKnowBackupsIsNotAskedForOne) {
  auto client = Client::connect(master.options());
  EXPECT_THROW(client.backup(1, "x.db"), Unavailable);
  EXPECT_EQ(master.count(FrameType::backup), 0u);
}

TEST_F(ClientTest, ALostSubmissionIsRepeatedUnderItsNumber) {
  echo->answer_submits = echo->push_outcomes = false;
  auto client = Client::connect(master.options());
  auto pool = client.pool();
  auto future = pool.apply_async("echo", "once");
  const auto first = master.wait_for(FrameType::submit, 1).as<wire::Submit>();
  master.run([this](FakeMaster& self) {
    echo->answer_submits = echo->push_outcomes = true;
    self.cut();
  });
  EXPECT_EQ(future.get().bytes, "once");  // the result was ready before: it is fetched, not pushed
  const auto again = master.wait_for(FrameType::submit, 2).as<wire::Submit>();
  EXPECT_EQ(again.submission(), first.submission());
  EXPECT_EQ(again.payloads(0), "once");
  EXPECT_EQ(echo->repeats, 1);
  EXPECT_EQ(echo->jobs[1].size(), 1u);
}

TEST_F(ClientTest, ResultsThatWereMissedAreFetchedPageByPage) {
  echo->push_outcomes = false;
  auto client = Client::connect(master.options());
  auto pool = client.pool();
  auto results = pool.map_async("echo", std::views::iota(0, 30));
  master.wait_until([](const std::vector<Received>& frames) {
    int tasks = 0;
    for (const Received& frame : frames)
      if (frame.type == FrameType::submit) tasks += frame.as<wire::Submit>().payloads_size();
    return tasks == 30;
  });
  master.run([](FakeMaster& self) { self.cut(); });
  const auto values = results.get();
  for (int i = 0; i < 30; ++i) EXPECT_EQ(values[static_cast<std::size_t>(i)].as<int>(), i);
  const auto watch = master.wait_for(FrameType::watch, 2).as<wire::Watch>();
  EXPECT_EQ(watch.job(), 1u);
  EXPECT_TRUE(watch.outcomes());
}

TEST_F(ClientTest, LaggingMakesTheClientFetchWhatIsMissing) {
  echo->push_outcomes = false;
  auto client = Client::connect(master.options());
  auto pool = client.pool();
  auto future = pool.apply_async("echo", "slow");
  master.wait_for(FrameType::submit);
  master.run([](FakeMaster& self) {
    wire::Lagging lagging;
    lagging.set_job(1);
    self.send(FrameType::lagging, lagging);
  });
  EXPECT_EQ(future.get().bytes, "slow");
}

TEST_F(ClientTest, WhatMustNotHappenTwiceFailsWithItsConnection) {
  auto client = Client::connect(master.options());
  std::thread caller([&] { EXPECT_THROW(client.queue("q").task_done(), Unavailable); });
  master.wait_for(FrameType::task_done);
  master.run([](FakeMaster& self) { self.cut(); });
  caller.join();
}

TEST_F(ClientTest, AForgetThatTheMasterHeardTwiceSucceeds) {
  master.set_handler([](FakeMaster& self, const Received& frame) {
    if (frame.type != FrameType::forget) return;
    if (frame.connection == 1) return self.cut();  // done, but the answer is lost
    wire::Done refusal;
    refusal.set_request(frame.as<wire::Forget>().request());
    refusal.mutable_error()->set_code(static_cast<std::uint32_t>(Errc::not_found));
    self.send(FrameType::done, refusal);
  });
  auto client = Client::connect(master.options());
  EXPECT_NO_THROW(client.job(7).forget());
  EXPECT_EQ(master.count(FrameType::forget), 2u);
  EXPECT_THROW(client.job(7).forget(), NotFound) << "asked once, it is an error";
}

TEST_F(ClientTest, AMasterThatForgotEverythingEndsWhatWasUnderWayAndWhatIsAskedLater) {
  echo->push_outcomes = false;
  auto client = Client::connect(master.options());
  auto pool = client.pool();
  auto future = pool.apply_async("echo", "x");
  master.wait_for(FrameType::submit);
  master.run([](FakeMaster& self) {
    ++self.instance;
    self.cut();
  });
  try {
    future.get();
    ADD_FAILURE() << "there is nobody who knows the task";
  } catch (const Unavailable& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("started anew"));
  }
  EXPECT_THROW(client.status(), Unavailable);
}

TEST_F(ClientTest, AMasterThatStaysAwayEndsEverythingAfterReconnectFor) {
  echo->push_outcomes = false;
  std::optional<FakeMaster> gone{std::in_place,
                                 [this](FakeMaster& self, const Received& frame) { (*echo)(self, frame); }};
  ClientOptions options = gone->options();
  options.reconnect_for = 100ms;
  auto client = Client::connect(options);
  auto pool = client.pool();
  auto future = pool.apply_async("echo", "x");
  gone->wait_for(FrameType::submit);
  gone.reset();
  EXPECT_THROW(future.get(), Unavailable);
  EXPECT_THROW(client.status(), Unavailable);
}

}  // namespace
}  // namespace reeve::client
