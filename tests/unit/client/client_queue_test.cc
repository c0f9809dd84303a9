// Queues of the client library.
#include <future>

#include "client/core/core.h"
#include "client/core/pool_state.h"
#include "tests/unit/client/client_fixture.h"

namespace reeve::client {
namespace {

using namespace std::chrono_literals;

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

// One thread drives and is held up in a callback. The value for another thread arrived behind what the callback is
// about, so that the driver looks at it when its get has given up already, and before it hears of that.
TEST_F(ClientTest, ValuesThatComeWhileTheirGetGivesUpGoBackIntoTheirQueue) {
  CoreSettings settings;
  settings.link.master = *parse_endpoint(master.address(), 1);
  settings.link.authkey = fake_key;
  settings.link.connect_timeout = 10s;
  settings.unsent_max_bytes = 1 << 20;
  settings.answer_patience = 50ms;
  const auto core = std::make_shared<Core>(std::move(settings));
  core->connect();
  {
    Pool pool{std::make_shared<PoolState>(core, TaskSpec{}, "", 1)};
    echo->push_outcomes = false;
    std::promise<void> given_up;
    pool.apply_async("echo", "held", [&](const Future&) { given_up.get_future().wait(); });
    master.wait_for(FrameType::submit);
    master.run([this](FakeMaster&) { echo->push_outcomes = true; });
    std::thread driver([&] { pool.join(); });
    for (;;) {  // until it is this thread that drives, which it does from then on
      std::promise<std::thread::id> called;
      pool.apply_async("echo", "ping", [&](const Future&) { called.set_value(std::this_thread::get_id()); });
      if (called.get_future().get() == driver.get_id()) break;
    }
    master.set_handler([this](FakeMaster& self, const Received& frame) {
      if (frame.type != FrameType::get || frame.connection != 1) return (*echo)(self, frame);
      wire::Outcomes held;
      held.set_job(1);
      *held.add_items() = echo->jobs[1][0].outcome;
      self.send_with_next(FrameType::outcomes, held);
      wire::Got got;
      got.set_request(frame.as<wire::Get>().request());
      got.add_items()->set_job(5);
      self.send(FrameType::got, got);
    });
    EXPECT_THROW(Queue(core, "q").get(50ms), QueueEmpty);
    given_up.set_value();
    driver.join();
    master.wait_for(FrameType::client_hello, 2);  // with its connection the value went back
    EXPECT_EQ(master.count(FrameType::took), 0u);
  }
  core->close();
}

TEST_F(ClientTest, AGetInACallbackThrowsAndTakesNothing) {
  auto client = Client::connect(master.options());
  auto pool = client.pool();
  std::optional<Errc> code;
  pool.apply_async("echo", "x", [&](const Future&) {
    try {
      (void)client.queue("q").get();
    } catch (const Exception& error) {
      code = error.code();
    }
  });
  pool.join();
  EXPECT_EQ(code, Errc::wrong_state);
  pool.apply("echo", "y");  // what was asked before it has arrived when this has
  EXPECT_EQ(master.count(FrameType::get), 0u);
}

}  // namespace
}  // namespace reeve::client
