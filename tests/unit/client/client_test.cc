// The client library against a master that does what a test wants.
#include "reeve/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <numeric>
#include <ranges>
#include <set>

#include "tests/unit/client/fake_master.h"

namespace reeve::client {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

class ClientTest : public testing::Test {
 protected:
  std::shared_ptr<Echo> echo = std::make_shared<Echo>();
  FakeMaster master{[this](FakeMaster& self, const Received& frame) { (*echo)(self, frame); }};
};

wire::Done done_for(std::uint64_t request, Errc code = Errc::ok) {
  wire::Done done;
  done.set_request(request);
  if (code != Errc::ok) done.mutable_error()->set_code(static_cast<std::uint32_t>(code));
  return done;
}

// ---------------------------------------------------------------- connecting

TEST_F(ClientTest, AWrongKeyIsToldFromAMasterThatIsNotThere) {
  ClientOptions options = master.options();
  options.authkey = "another key";
  EXPECT_THROW(Client::connect(options), AuthenticationFailed);
  options = master.options();
  options.master = "127.0.0.1:1";
  EXPECT_THROW(Client::connect(options), Unavailable);
}

// ---------------------------------------------------------------- pools

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

// ---------------------------------------------------------------- lost connections

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

// ---------------------------------------------------------------- queues

TEST_F(ClientTest, AnswersMayComeInAnyOrder) {
  std::optional<std::uint64_t> held;
  master.set_handler([&](FakeMaster& self, const Received& frame) {
    if (frame.type != FrameType::queue_list) return;
    const auto question = frame.as<wire::QueueList>();
    const auto answer = [&](std::uint64_t request, const std::string& name) {
      wire::QueueInfos infos;
      infos.set_request(request);
      infos.add_queues()->set_name(name);
      self.send(FrameType::queue_infos, infos);
    };
    if (question.queue() == "first") {
      held = question.request();
    } else {
      answer(question.request(), "second");
      answer(*held, "first");
    }
  });
  auto client = Client::connect(master.options());
  std::thread other([&] { EXPECT_EQ(client.queue("first").info().name, "first"); });
  master.wait_for(FrameType::queue_list);
  EXPECT_EQ(client.queue("second").info().name, "second");
  other.join();
}

TEST_F(ClientTest, PutNowaitIntoAFullQueueThrowsQueueFull) {
  master.set_handler([](FakeMaster& self, const Received& frame) {
    const auto put = frame.as<wire::Put>();
    EXPECT_FALSE(put.wait_for_room());
    self.send(FrameType::done, done_for(put.request(), Errc::queue_full));
  });
  auto client = Client::connect(master.options());
  EXPECT_THROW(client.queue("q").put_nowait("x"), QueueFull);
}

TEST_F(ClientTest, PutsThatWereMadeTogetherTravelTogether) {
  master.set_handler([](FakeMaster& self, const Received& frame) {
    if (frame.type != FrameType::put) return;
    wire::Submitted answer;
    answer.set_request(frame.as<wire::Put>().request());
    self.send(FrameType::submitted, answer);
  });
  auto client = Client::connect(master.options());
  auto queue = client.queue("q");
  std::vector<Payload> values(1000, Payload("v"));
  queue.put_many(values);
  std::size_t items = 0;
  for (const auto& frame : master.received())
    if (frame.type == FrameType::put) items += static_cast<std::size_t>(frame.as<wire::Put>().items_size());
  EXPECT_EQ(items, 1000u);
  EXPECT_LT(master.count(FrameType::put), 100u);
}

TEST_F(ClientTest, PutsThatDoNotFitTogetherWaitForRoomOneByOne) {
  int alone = 0;
  master.set_handler([&](FakeMaster& self, const Received& frame) {
    if (frame.type != FrameType::put) return;
    const auto put = frame.as<wire::Put>();
    if (put.items_size() > 1) {
      EXPECT_FALSE(put.wait_for_room());
      return self.send(FrameType::done, done_for(put.request(), Errc::queue_full));
    }
    EXPECT_TRUE(put.wait_for_room());
    ++alone;
    wire::Submitted answer;
    answer.set_request(put.request());
    self.send(FrameType::submitted, answer);
  });
  auto client = Client::connect(master.options());
  client.queue("q").put_many(std::vector<Payload>(20, Payload("v")));
  EXPECT_EQ(alone, 20);
}

TEST_F(ClientTest, GetTakesTheValueAndSaysSo) {
  master.set_handler([](FakeMaster& self, const Received& frame) {
    if (frame.type != FrameType::get) return;
    wire::Got got;
    got.set_request(frame.as<wire::Get>().request());
    auto* item = got.add_items();
    item->set_job(5);
    item->set_index(3);
    item->set_value("7");
    item->set_from_job(9);
    item->set_from_index(2);
    self.send(FrameType::got, got);
  });
  auto client = Client::connect(master.options());
  const Item item = client.queue("q").get();
  EXPECT_EQ(item.as<int>(), 7);
  EXPECT_EQ(item.from, (TaskName{9, 2}));
  const auto took = master.wait_for(FrameType::took).as<wire::Took>();
  ASSERT_EQ(took.items_size(), 1);
  EXPECT_EQ(took.items(0).job(), 5u);
  EXPECT_EQ(took.items(0).index(), 3u);
}

TEST_F(ClientTest, ThatAValueWasTakenIsSaidBeforeThatItIsDone) {
  master.set_handler([](FakeMaster& self, const Received& frame) {
    if (frame.type == FrameType::get) {
      wire::Got got;
      got.set_request(frame.as<wire::Get>().request());
      got.add_items()->set_job(5);
      self.send(FrameType::got, got);
    }
    if (frame.type == FrameType::task_done) {
      wire::Done done;
      done.set_request(frame.as<wire::TaskDone>().request());
      self.send(FrameType::done, done);
    }
  });
  auto client = Client::connect(master.options());
  auto queue = client.queue("q");
  constexpr int times = 50;
  for (int i = 0; i < times; ++i) {
    (void)queue.get();
    queue.task_done();
  }
  int taken = 0, done = 0;
  for (const Received& frame : master.received()) {
    if (frame.type == FrameType::took) taken += frame.as<wire::Took>().items_size();
    if (frame.type == FrameType::task_done) {
      EXPECT_LE(++done, taken);
    }
  }
  EXPECT_EQ(done, times);
}

TEST_F(ClientTest, GetOfAnEmptyQueueTimesOutAsTheMasterSays) {
  master.set_handler([](FakeMaster& self, const Received& frame) {
    const auto get = frame.as<wire::Get>();
    EXPECT_TRUE(get.wait());
    EXPECT_EQ(get.wait_max_us(), 20'000u);
    wire::Got got;
    got.set_request(get.request());
    got.mutable_error()->set_code(static_cast<std::uint32_t>(Errc::queue_empty));
    self.send(FrameType::got, got);
  });
  auto client = Client::connect(master.options());
  EXPECT_THROW(client.queue("q").get(20ms), QueueEmpty);
}

TEST_F(ClientTest, GetTimesOutWithoutAConnectionToo) {
  std::optional<FakeMaster> gone{std::in_place, [](FakeMaster&, const Received&) {}};
  auto client = Client::connect(gone->options());
  std::thread getter([&] { EXPECT_THROW(client.queue("q").get(300ms), QueueEmpty); });
  gone->wait_for(FrameType::get);
  gone.reset();
  getter.join();
}

// ---------------------------------------------------------------- jobs

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
    answer.mutable_error()->set_detail("tasks_max is 3");
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
    EXPECT_STREQ(error.what(), "tasks_max is 3");
  }
  auto pool = client.pool();
  EXPECT_THROW(pool.apply("echo", "x"), Exception);
}

}  // namespace
}  // namespace reeve::client
