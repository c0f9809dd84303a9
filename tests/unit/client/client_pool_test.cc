// Pools of the client library: apply, map, imap, futures.
#include <numeric>
#include <ranges>
#include <set>

#include "tests/unit/client/client_fixture.h"

namespace reeve::client {
namespace {

TEST_F(ClientTest, ApplyReturnsWhatTheFunctionReturned) {
  auto client = Client::connect(master.options());
  auto pool = client.pool();
  EXPECT_EQ(pool.apply("echo", "hello").bytes, "hello");
  EXPECT_EQ(pool.apply("echo", 42).as<int>(), 42);
  EXPECT_EQ(pool.job(), 1u);
}

TEST_F(ClientTest, ManyCallsTravelInFewFrames) {
  auto client = Client::connect(master.options());
  auto pool = client.pool();
  const auto values = pool.map("echo", std::views::iota(0, 20'000));
  ASSERT_EQ(values.size(), 20'000u);
  for (int i = 0; i < 20'000; ++i) ASSERT_EQ(values[static_cast<std::size_t>(i)].as<int>(), i);
  EXPECT_LT(master.count(FrameType::submit), 200u);
  EXPECT_EQ(echo->jobs.size(), 1u);
}

TEST_F(ClientTest, AFailedTaskThrowsWhatIsKnownAboutIt) {
  echo->function = [](const std::string&, wire::Outcome& outcome) {
    outcome.set_state(wire::FAILED);
    outcome.set_error("it broke");
    outcome.set_exit_code(3);
  };
  auto client = Client::connect(master.options());
  auto pool = client.pool();
  auto future = pool.apply_async("echo", "x");
  try {
    future.get();
    FAIL() << "no exception";
  } catch (const TaskFailed& error) {
    EXPECT_EQ(error.job(), 1u);
    EXPECT_EQ(error.index(), 1u);
    EXPECT_EQ(error.outcome().exit_code, 3);
    EXPECT_THAT(error.what(), testing::HasSubstr("it broke"));
  }
  EXPECT_FALSE(future.successful());
  EXPECT_EQ(future.outcome().worker, "fake");
}

TEST_F(ClientTest, CallbacksAreCalledInTheOrderOfTheResults) {
  auto client = Client::connect(master.options());
  auto pool = client.pool();
  std::vector<int> order;  // written by one driver after the other, read after join
  for (int i = 0; i < 500; ++i)
    pool.apply_async("echo", i, [&order](const Future& future) { order.push_back(future.get().as<int>()); });
  pool.join();
  std::vector<int> expected(500);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(order, expected);
}

TEST_F(ClientTest, WhatACallbackMustNotWaitForIsNotAskedFor) {
  auto client = Client::connect(master.options());
  auto pool = client.pool();
  auto queue = client.queue("q");
  const Job job = client.job(7);
  auto stream = pool.imap("echo", std::views::iota(0, 10));
  const std::vector<std::function<void()>> waits{
      [&] { queue.put("x"); },
      [&] { queue.put_nowait("x"); },
      [&] { queue.put_many({"x", "y"}); },
      [&] { queue.get(); },
      [&] { queue.task_done(); },
      [&] { queue.join(); },
      [&] { queue.create(); },
      [&] { queue.purge(); },
      [&] { (void)queue.info(); },
      [&] { pool.apply("echo", "x"); },
      [&] { pool.map("echo", std::views::iota(0, 10)); },
      [&] { stream.next(); },
      [&] { client.submit({}, std::vector<std::string>{"x"}); },
      [&] { client.drain("w"); },
      [&] { client.status(); },
      [&] { client.jobs(); },
      [&] { (void)job.wait(); },
      [&] { (void)job.results(); },
      [&] { (void)job.cancel(); },
      [&] { (void)job.retry(); },
      [&] { job.forget(); },
  };
  std::size_t refused = 0;
  pool.apply_async("echo", "one", [&](const Future&) {
    for (const auto& wait : waits) {
      try {
        wait();
      } catch (const Exception& error) {
        if (error.code() == Errc::wrong_state) ++refused;
      }
    }
  });
  pool.join();
  EXPECT_EQ(refused, waits.size());
  EXPECT_EQ(pool.apply("echo", "after it").bytes, "after it");
  std::map<FrameType, int> came;
  for (const Received& frame : master.received()) ++came[frame.type];
  came.erase(FrameType::client_hello);
  came.erase(FrameType::fetched);
  EXPECT_THAT(came, testing::ElementsAre(testing::Pair(FrameType::submit, 2)));
}

TEST_F(ClientTest, ACallbackMayCallButNotWait) {
  auto client = Client::connect(master.options());
  auto pool = client.pool();
  Future second;
  std::optional<Errc> code;
  pool.apply_async("echo", "one", [&](const Future&) {
    second = pool.apply_async("echo", "two");
    try {
      second.get();
    } catch (const Exception& error) {
      code = error.code();
    }
  });
  pool.join();
  EXPECT_EQ(code, Errc::wrong_state);
  EXPECT_EQ(second.get().bytes, "two");
}

TEST_F(ClientTest, AnExceptionThatLeavesACallbackReachesNobodyElse) {
  auto client = Client::connect(master.options());
  auto pool = client.pool();
  auto first = pool.apply_async("echo", "one", [](const Future&) { throw std::runtime_error("a slip"); });
  EXPECT_NO_THROW(pool.join());
  EXPECT_EQ(first.get().bytes, "one");
  EXPECT_EQ(pool.apply("echo", "two").bytes, "two") << "the client goes on";
}

TEST_F(ClientTest, ACallbackThatCallsAgainWhileItsClientClosesDoesNoHarm) {
  echo->push_outcomes = false;
  std::optional<Errc> code;
  Future future;
  {
    auto client = Client::connect(master.options());
    auto pool = client.pool();
    future = pool.apply_async("echo", "one", [&](const Future&) {
      try {
        pool.apply_async("echo", "two");
      } catch (const Exception& error) {
        code = error.code();
        throw;
      }
    });
    master.wait_for(FrameType::submit);
    client.close();
  }
  EXPECT_EQ(code, Errc::unavailable);
  EXPECT_THROW(future.get(), Unavailable);
}

TEST_F(ClientTest, ImapKeepsTheOrderAndReadsItsElementsLazily) {
  auto client = Client::connect(master.options());
  auto pool = client.pool({.window = 16});
  std::size_t taken = 0;
  auto elements = std::views::iota(0, 1000) | std::views::transform([&taken](int i) {
                    ++taken;
                    return i;
                  });
  int expected = 0;
  for (const Payload& value : pool.imap("echo", elements)) {
    ASSERT_EQ(value.as<int>(), expected++);
    ASSERT_LE(taken, static_cast<std::size_t>(expected) + 16);
  }
  EXPECT_EQ(expected, 1000);
}

TEST_F(ClientTest, ImapUnorderedGivesEveryResultOnce) {
  auto client = Client::connect(master.options());
  auto pool = client.pool({.window = 50});
  long sum = 0;
  int count = 0;
  for (const Payload& value : pool.imap_unordered("echo", std::views::iota(1, 1001))) {
    sum += value.as<long>();
    ++count;
  }
  EXPECT_EQ(count, 1000);
  EXPECT_EQ(sum, 500'500);
}

TEST_F(ClientTest, ResultsThatWereReceivedAreAcknowledged) {
  auto client = Client::connect(master.options());
  auto pool = client.pool();
  pool.map("echo", std::views::iota(0, 100));
  client.close();
  master.wait_until([](const std::vector<Received>& frames) {
    std::set<std::uint32_t> indices;
    for (const Received& frame : frames) {
      if (frame.type != FrameType::fetched) continue;
      const auto message = frame.as<wire::Fetched>();
      indices.insert(message.indices().begin(), message.indices().end());
    }
    return indices.size() == 100;
  });
}

TEST_F(ClientTest, AFutureOutlivesItsPool) {
  auto client = Client::connect(master.options());
  Future future;
  {
    auto pool = client.pool();
    future = pool.apply_async("echo", "late");
    master.wait_for(FrameType::submit);  // which would say that it is all, had it not left yet
  }
  EXPECT_EQ(future.get().bytes, "late");
  master.wait_for(FrameType::close_job);
}

TEST_F(ClientTest, AClosedPoolTakesNoMoreCalls) {
  auto client = Client::connect(master.options());
  auto pool = client.pool();
  pool.apply("echo", "one");
  pool.close();
  EXPECT_THROW(pool.apply("echo", "two"), Exception);
  master.wait_for(FrameType::close_job);
}

TEST_F(ClientTest, ALastCallThatIsTheFirstMakesAJobThatIsNeverOpen) {
  auto client = Client::connect(master.options());
  auto pool = client.pool();
  TaskSpec spec;
  spec.function = "echo";
  const Future future = pool.apply_last(spec, "only");
  EXPECT_EQ(future.get().bytes, "only");
  EXPECT_FALSE(master.wait_for(FrameType::submit).as<wire::Submit>().open());
  EXPECT_THROW(pool.apply("echo", "two"), Exception);
  pool.join();
  client.close();
  EXPECT_EQ(master.count(FrameType::close_job), 0u);
}

TEST_F(ClientTest, ALastCallBehindOthersClosesTheirJob) {
  auto client = Client::connect(master.options());
  auto pool = client.pool();
  pool.apply("echo", "one");
  TaskSpec spec;
  spec.function = "echo";
  EXPECT_EQ(pool.apply_last(spec, "two").get().bytes, "two");
  EXPECT_EQ(master.wait_for(FrameType::close_job).as<wire::CloseJob>().job(), 1u);
}

TEST_F(ClientTest, AClientThatClosesBeforeTheMasterTookItsCallsStillClosesTheirJob) {
  echo->answer_submits = echo->push_outcomes = false;
  auto client = Client::connect(master.options());
  auto pool = client.pool();
  const Future future = pool.apply_async("echo", "x");
  const auto submit = master.wait_for(FrameType::submit).as<wire::Submit>();
  EXPECT_TRUE(submit.open());
  std::thread closer([&client] { client.close(); });
  for (bool closing = false; !closing; std::this_thread::yield()) try {
      (void)client.pool();
    } catch (const Unavailable&) {
      closing = true;
    }
  master.run(
      [&](FakeMaster& self) { self.send(FrameType::submitted, echo->submissions.at(submit.submission())); });
  closer.join();
  EXPECT_EQ(master.wait_for(FrameType::close_job).as<wire::CloseJob>().job(), 1u);
}

TEST_F(ClientTest, WhatComesForAPoolThatWasLeftIsNotAcknowledged) {
  echo->push_outcomes = false;
  auto client = Client::connect(master.options());
  auto pool = client.pool();
  TaskSpec spec;
  spec.function = "echo";
  const Future future = pool.apply_last(spec, "x");
  master.wait_for(FrameType::submit);
  pool.leave();
  master.run([&](FakeMaster& self) {
    wire::Outcomes outcomes;
    outcomes.set_job(1);
    *outcomes.add_items() = echo->jobs.at(1).front().outcome;
    self.send(FrameType::outcomes, outcomes);
  });
  (void)client.job(1).tasks();  // their answer comes behind it
  EXPECT_FALSE(future.ready());
  client.close();
  EXPECT_EQ(master.count(FrameType::fetched), 0u);
  EXPECT_THROW(future.get(), Unavailable);
}

TEST_F(ClientTest, CloseWithWorkUnderWayEndsItsFutures) {
  echo->push_outcomes = false;
  auto client = Client::connect(master.options());
  auto pool = client.pool();
  auto future = pool.apply_async("echo", "never");
  std::thread waiter([future] { EXPECT_THROW(future.get(), Unavailable); });
  master.wait_for(FrameType::submit);
  client.close();
  waiter.join();
  EXPECT_THROW(future.get(), Unavailable);
  EXPECT_THROW(pool.apply_async("echo", "x"), Unavailable);
}

TEST_F(ClientTest, ManyThreadsWaitAtOnce) {
  auto client = Client::connect(master.options());
  auto pool = client.pool();
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&pool, t] {
      for (int i = 0; i < 300; ++i) EXPECT_EQ(pool.apply("echo", t * 1000 + i).as<int>(), t * 1000 + i);
    });
  for (auto& thread : threads) thread.join();
}

}  // namespace
}  // namespace reeve::client
