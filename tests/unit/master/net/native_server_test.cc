// The native server in this process, with a store whose commits the test holds back or fails.
#include "master/net/native_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>
#include <condition_variable>
#include <future>
#include <mutex>
#include <semaphore>
#include <thread>

#include "master/store/memory_store.h"
#include "proto/convert.h"
#include "tests/fakes/temp_dir.h"
#include "tests/fakes/wire_peer.h"

namespace reeve::master {
namespace {

using namespace std::chrono_literals;
using fakes::WirePeer;
using testing::HasSubstr;

constexpr std::string_view authkey = "a key for tests";

// A store that says it is durable, and commits only when it may.
class GatedStore final : public Store {
 public:
  Result<Recovered> open() override { return memory_.open(); }
  Result<void> apply(Records& batch) override {
    std::unique_lock lock{mutex_};
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
    --waiting_;
    if (meanwhile_) meanwhile_();
    if (failing_) return fail(Errc::storage_failed, "the disk is full");
    return memory_.apply(batch);
  }
  Result<std::vector<StoredOutcome>> outcomes(JobId job, std::uint32_t first, std::uint32_t last,
                                              std::size_t limit) override {
    return memory_.outcomes(job, first, last, limit);
  }
  Result<std::vector<ChunkRecord>> chunks(JobId job, std::uint32_t first, std::uint32_t last) override {
    return memory_.chunks(job, first, last);
  }
  Result<std::unique_ptr<StoreBackup>> backup(std::string file) override {
    return fail(Errc::storage_failed, "cannot copy into {}", file);
  }
  bool durable() const override { return true; }

  void set_open(bool open) {
    set([&] { open_ = open; });
  }
  void set_failing(bool failing) {
    set([&] { failing_ = failing; });
  }
  // What happens while something is being written.
  void set_meanwhile(std::function<void()> meanwhile) {
    set([&] { meanwhile_ = std::move(meanwhile); });
  }
  void wait_until_somebody_waits() {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [this] { return waiting_ > 0; });
  }

 private:
  template <typename Change>
  void set(Change change) {
    const std::lock_guard lock{mutex_};
    change();
    changed_.notify_all();
  }
  MemoryStore memory_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = true;
  bool failing_ = false;
  int waiting_ = 0;
  std::function<void()> meanwhile_;
};

class NativeServerTest : public testing::Test {
 protected:
  NativeServerTest() {
    ServerLimits limits;
    limits.listener.unauthenticated_max = 8;
    limits.listener.handshake_deadline = 300ms;
    limits.connection.frame_max_bytes = 1 << 20;
    broker = std::make_unique<Broker>(Limits{}, *store.open(), clock_now(), 1);
    server = std::make_unique<NativeServer>(io, *broker, store, std::string{authkey}, limits);
    EXPECT_TRUE(server->listen({"127.0.0.1", 0}));
    address = server->address();
    server->start();
    loop = std::thread([this] { io.run(); });
  }
  ~NativeServerTest() override {
    store.set_failing(false);
    store.set_open(true);
    end_loop();
    if (server) server->stop();
  }
  void end_loop() {
    if (!loop.joinable()) return;
    io.stop();
    loop.join();
    io.restart();
  }

  static wire::Submit submission(std::uint64_t number = 1) {
    wire::Submit submit;
    submit.set_request(number);
    submit.set_submission(number);
    submit.mutable_spec()->set_function("f");
    submit.add_payloads("12");
    submit.set_watch(true);
    return submit;
  }

  static wire::Complete complete_all(const wire::Grant& grant) {
    wire::Complete complete;
    complete.set_batch(1);
    for (const auto& task : grant.tasks()) {
      auto& finished = *complete.add_attempts();
      finished.mutable_fence()->set_epoch(grant.epoch());
      finished.mutable_fence()->set_job(task.job());
      finished.mutable_fence()->set_index(task.index());
      finished.mutable_fence()->set_attempt(task.attempt());
      finished.mutable_outcome()->set_state(wire::SUCCEEDED);
      finished.mutable_outcome()->set_value("144");
    }
    return complete;
  }

  GatedStore store;
  boost::asio::io_context io{1};
  std::unique_ptr<Broker> broker;
  std::unique_ptr<NativeServer> server;
  Endpoint address;
  std::thread loop;
};

TEST_F(NativeServerTest, ATaskGoesFromClientToWorkerAndItsOutcomeBack) {
  WirePeer client{address}, worker{address};
  client.join_as_client(authkey);
  worker.join_as_worker(authkey, 1);
  client.send(FrameType::submit, submission());
  const auto submitted = client.expect<wire::Submitted>(FrameType::submitted);
  EXPECT_EQ(submitted.count(), 1u);

  const auto grant = worker.expect<wire::Grant>(FrameType::grant);
  ASSERT_EQ(grant.tasks_size(), 1);
  EXPECT_EQ(grant.tasks(0).payload(), "12");
  ASSERT_EQ(grant.specs_size(), 1);
  EXPECT_EQ(grant.specs(0).spec().function(), "f");

  worker.send(FrameType::complete, complete_all(grant));
  EXPECT_EQ(worker.expect<wire::Completed>(FrameType::completed).batch(), 1u);
  const auto outcomes = client.expect<wire::Outcomes>(FrameType::outcomes);
  ASSERT_EQ(outcomes.items_size(), 1);
  EXPECT_EQ(outcomes.items(0).value(), "144");
}

TEST_F(NativeServerTest, APatientAnswerLeavesWithTheOutcome) {
  WirePeer client{address}, worker{address};
  client.join_as_client(authkey);
  worker.join_as_worker(authkey, 1);
  wire::Submit submit = submission();
  submit.set_patient(true);
  client.send(FrameType::submit, submit);
  worker.send(FrameType::complete, complete_all(worker.expect<wire::Grant>(FrameType::grant)));
  EXPECT_EQ(client.receive()->type, FrameType::submitted);
  EXPECT_EQ(client.receive()->type, FrameType::outcomes);
}

TEST_F(NativeServerTest, APatientAnswerDoesNotWaitForAnOutcomeThatTakesLong) {
  WirePeer client{address}, worker{address};
  client.join_as_client(authkey);
  worker.join_as_worker(authkey, 1);
  wire::Submit submit = submission();
  submit.set_patient(true);
  client.send(FrameType::submit, submit);
  EXPECT_EQ(client.receive()->type, FrameType::submitted);
}

TEST_F(NativeServerTest, APatientAnswerWaitsForTheDiskAllTheSame) {
  WirePeer client{address}, worker{address};
  client.join_as_client(authkey);
  worker.join_as_worker(authkey, 1);
  store.set_open(false);
  wire::Submit submit = submission();
  submit.set_patient(true);
  client.send(FrameType::submit, submit);
  worker.expect<wire::Grant>(FrameType::grant);
  store.wait_until_somebody_waits();
  EXPECT_FALSE(client.wait_readable(10));
  store.set_open(true);
  EXPECT_EQ(client.expect<wire::Submitted>(FrameType::submitted).count(), 1u);
}

TEST_F(NativeServerTest, ASubmissionIsAcknowledgedOnlyWhenItIsOnDiskButGrantedBefore) {
  WirePeer client{address}, worker{address};
  client.join_as_client(authkey);
  worker.join_as_worker(authkey, 1);
  store.set_open(false);
  client.send(FrameType::submit, submission());
  worker.expect<wire::Grant>(FrameType::grant);
  store.wait_until_somebody_waits();
  EXPECT_FALSE(client.wait_readable(0));
  store.set_open(true);
  EXPECT_EQ(client.expect<wire::Submitted>(FrameType::submitted).count(), 1u);
}

// Otherwise a master that ends just then would not know after its restart that it has to wait for this worker.
TEST_F(NativeServerTest, ANewWorkerIsWelcomedOnlyWhenTheStoreKnowsOfIt) {
  store.set_open(false);
  WirePeer worker{address};
  ASSERT_TRUE(worker.shake_hands(authkey, Role::worker));
  wire::WorkerHello hello;
  hello.set_worker_key(std::string(16, 'w'));
  hello.set_name("new");
  worker.send(FrameType::worker_hello, hello);
  store.wait_until_somebody_waits();
  EXPECT_FALSE(worker.wait_readable(0));
  store.set_open(true);
  EXPECT_EQ(worker.receive()->type, FrameType::worker_welcome);
}

TEST_F(NativeServerTest, AWorkerThatIsBackIsWelcomedBeforeItIsToldWhatToStop) {
  WirePeer client{address}, worker{address};
  client.join_as_client(authkey);
  worker.join_as_worker(authkey, 1);
  client.send(FrameType::submit, submission());
  const auto grant = worker.expect<wire::Grant>(FrameType::grant);
  wire::Fence fence;
  fence.set_epoch(grant.epoch());
  fence.set_job(grant.tasks(0).job());
  fence.set_index(grant.tasks(0).index());
  fence.set_attempt(grant.tasks(0).attempt());
  wire::Cancel cancel;
  cancel.set_request(2);
  cancel.set_job(fence.job());
  client.send(FrameType::cancel, cancel);
  client.expect<wire::Done>(FrameType::done);

  WirePeer again{address};
  ASSERT_TRUE(again.shake_hands(authkey, Role::worker));
  wire::WorkerHello hello;
  hello.set_worker_key(std::string(16, 'w'));
  hello.set_name("worker-w");
  *hello.add_held() = fence;
  again.send(FrameType::worker_hello, hello);
  EXPECT_EQ(again.receive()->type, FrameType::worker_welcome);
  EXPECT_EQ(again.expect<wire::Stop>(FrameType::stop).attempts_size(), 1);
}

// The grant waits for the disk. A stop that came before it would be of an attempt that the worker does not know, and
// nobody would tell it again.
TEST_F(NativeServerTest, AWorkerIsGrantedATaskAtMostOnceBeforeItIsToldToStopIt) {
  WirePeer client{address}, worker{address};
  client.join_as_client(authkey);
  worker.join_as_worker(authkey, 1);
  store.set_open(false);
  wire::Submit submit = submission();
  submit.mutable_spec()->set_at_most_once(true);
  client.send(FrameType::submit, submit);
  store.wait_until_somebody_waits();
  wire::Cancel cancel;
  cancel.set_request(2);
  cancel.set_job(1);
  client.send(FrameType::cancel, cancel);
  EXPECT_FALSE(worker.wait_readable(10));
  store.set_open(true);
  EXPECT_EQ(worker.receive()->type, FrameType::grant);
  EXPECT_EQ(worker.receive()->type, FrameType::stop);
  client.expect<wire::Done>(FrameType::done);
}

TEST_F(NativeServerTest, AFailingStoreAcknowledgesNothingSaysWhyAndGoesOnWhenItWorksAgain) {
  WirePeer client{address};
  client.join_as_client(authkey);
  store.set_failing(true);
  client.send(FrameType::submit, submission());
  const auto refused = client.expect<wire::Refused>(FrameType::refused);
  EXPECT_EQ(refused.error().code(), static_cast<std::uint32_t>(Errc::storage_failed));
  EXPECT_THAT(refused.error().detail(), HasSubstr("the disk is full"));

  WirePeer second{address};
  second.join_as_client(authkey, 'd');
  second.send(FrameType::submit, submission());
  const auto answer = second.expect<wire::Submitted>(FrameType::submitted);
  EXPECT_EQ(answer.error().code(), static_cast<std::uint32_t>(Errc::storage_failed));
  wire::Status question;
  question.set_request(2);
  second.send(FrameType::status, question);
  EXPECT_THAT(second.expect<wire::StatusInfo>(FrameType::status_info).trouble(),
              HasSubstr("the disk is full"));

  store.set_failing(false);
  WirePeer third{address};
  third.join_as_client(authkey, 'c');  // the first client comes back and repeats itself
  for (bool accepted = false; !accepted;) {
    third.send(FrameType::submit, submission());
    accepted = third.expect<wire::Submitted>(FrameType::submitted).count() == 1;
  }
  wire::JobList list;
  list.set_all(true);
  third.send(FrameType::job_list, list);
  EXPECT_EQ(third.expect<wire::JobInfos>(FrameType::job_infos).jobs_size(), 1) << "and it is there once";
}

TEST_F(NativeServerTest, AJobIsNotToldToBeFinishedBeforeItsResultIsOnDisk) {
  WirePeer client{address}, worker{address};
  client.join_as_client(authkey);
  worker.join_as_worker(authkey, 1);
  client.send(FrameType::submit, submission());
  const auto job = client.expect<wire::Submitted>(FrameType::submitted).job();
  const auto grant = worker.expect<wire::Grant>(FrameType::grant);
  store.set_failing(true);
  wire::Complete complete;
  complete.set_batch(1);
  auto& finished = *complete.add_attempts();
  finished.mutable_fence()->set_epoch(grant.epoch());
  finished.mutable_fence()->set_job(job);
  finished.mutable_fence()->set_index(1);
  finished.mutable_fence()->set_attempt(1);
  finished.mutable_outcome()->set_state(wire::SUCCEEDED);
  worker.send(FrameType::complete, complete);
  client.expect<wire::Refused>(FrameType::refused);  // it watches the job: its news cannot be kept

  WirePeer asker{address};
  asker.join_as_client(authkey, 'd');
  const auto ask = [&] {
    wire::JobList list;
    list.add_jobs(job);
    asker.send(FrameType::job_list, list);
    return asker.expect<wire::JobInfos>(FrameType::job_infos).jobs(0);
  };
  const wire::JobInfo before = ask();
  EXPECT_EQ(before.finished_us(), 0u);
  EXPECT_THAT(before.trouble(), HasSubstr("the disk is full"));
  store.set_failing(false);
  while (ask().finished_us() == 0) continue;
}

class FailingStoreTest : public NativeServerTest {
 protected:
  // Two jobs whose tasks have ended: what is said of the first is on disk, the second's end cannot be written.
  FailingStoreTest() {
    client.join_as_client(authkey);
    worker.join_as_worker(authkey, 2);
    client.send(FrameType::submit, submission(1));
    worker.send(FrameType::complete, complete_all(worker.expect<wire::Grant>(FrameType::grant)));
    client.expect<wire::Outcomes>(FrameType::outcomes);
    client.send(FrameType::submit, submission(2));
    client.expect<wire::Submitted>(FrameType::submitted);
    const auto grant = worker.expect<wire::Grant>(FrameType::grant);
    store.set_failing(true);
    worker.send(FrameType::complete, complete_all(grant));
    client.expect<wire::Refused>(FrameType::refused);
    asker.emplace(address);
    asker->join_as_client(authkey, 'd');
  }

  template <typename Message>
  Error ask(FrameType type, Message message) {
    message.set_request(7);
    asker->send(type, message);
    return from_wire(asker->expect<wire::Done>(FrameType::done).error());
  }
  wire::TaskInfos tasks_of(std::uint64_t job) {
    wire::TaskList list;
    list.set_job(job);
    list.set_outcomes(true);
    asker->send(FrameType::task_list, list);
    return asker->expect<wire::TaskInfos>(FrameType::task_infos);
  }

  WirePeer client{address}, worker{address};
  std::optional<WirePeer> asker;
};

TEST_F(FailingStoreTest, WhatChangesJobsAndQueuesIsRefused) {
  wire::Forget forget;
  wire::CloseJob close;
  wire::Retry retry;
  for (std::uint64_t job : {1, 99}) {  // also of what is not there: its end may be what cannot be written
    forget.set_job(job), close.set_job(job), retry.set_job(job);
    EXPECT_EQ(ask(FrameType::forget, forget).code, Errc::storage_failed);
    EXPECT_EQ(ask(FrameType::close_job, close).code, Errc::storage_failed);
    EXPECT_EQ(ask(FrameType::retry, retry).code, Errc::storage_failed);
  }
  wire::TaskDone done;
  wire::QueueControl remove;
  done.set_queue("not there"), remove.set_queue("not there");
  remove.set_action(wire::REMOVE);
  EXPECT_EQ(ask(FrameType::task_done, done).code, Errc::storage_failed);
  EXPECT_EQ(ask(FrameType::queue_control, remove).code, Errc::storage_failed);
}

TEST_F(FailingStoreTest, HowTasksEndedIsToldAtOnceAsFarAsItIsOnDisk) {
  const wire::TaskInfos first = tasks_of(1);
  ASSERT_EQ(first.tasks_size(), 1) << first.error().detail();
  EXPECT_EQ(first.tasks(0).outcome().value(), "144");
  const wire::TaskInfos second = tasks_of(2);
  EXPECT_EQ(second.error().code(), static_cast<std::uint32_t>(Errc::storage_failed));
  EXPECT_THAT(second.error().detail(), HasSubstr("the disk is full"));
  store.set_failing(false);
  while (tasks_of(2).has_error()) continue;
  EXPECT_EQ(tasks_of(2).tasks(0).outcome().value(), "144");
}

// Else a master whose peers never pause would never end.
TEST_F(NativeServerTest, AMasterThatEndsWaitsForWhatWasDecidedAndNotForWhatComesThen) {
  end_loop();
  constexpr int more_max = 100;
  int more = 0;
  const auto decide = [&] {
    EXPECT_TRUE(broker->queue_open(fmt::format("queue-{}", more), clock_now(), server->turn()));
  };
  store.set_meanwhile([&] {
    if (++more < more_max) boost::asio::post(io, decide);
  });
  decide();
  EXPECT_TRUE(server->stop());
  EXPECT_LT(more, more_max);
  server.reset();
}

TEST_F(NativeServerTest, AWrongKeyIsRefused) {
  WirePeer peer{address};
  const auto shaken = peer.shake_hands("another key", Role::client);
  ASSERT_FALSE(shaken);
  EXPECT_EQ(shaken.error().code, Errc::authentication_failed);
}

TEST_F(NativeServerTest, GarbageInsteadOfAHandshakeClosesTheConnection) {
  WirePeer peer{address};
  peer.send_bytes("GET / HTTP/1.1\r\nHost: example\r\n\r\n");
  while (!peer.receive_bytes(1).empty()) continue;
  SUCCEED();
}

TEST_F(NativeServerTest, AStrangerThatSaysNothingIsClosedAfterItsTime) {
  WirePeer peer{address};
  EXPECT_TRUE(peer.closed_by_master());
}

TEST_F(NativeServerTest, HalfAHandshakeAndSilenceIsClosedAfterItsTime) {
  WirePeer peer{address};
  peer.send_bytes("RVE1");
  EXPECT_TRUE(peer.closed_by_master());
}

TEST_F(NativeServerTest, AProvenPeerThatNeverSaysHelloIsClosed) {
  WirePeer peer{address};
  ASSERT_TRUE(peer.shake_hands(authkey, Role::client));
  peer.expect<wire::Refused>(FrameType::refused);
  EXPECT_TRUE(peer.closed_by_master());
}

TEST_F(NativeServerTest, ManySilentStrangersDoNotKeepAClientOut) {
  std::vector<std::unique_ptr<WirePeer>> strangers;
  for (int i = 0; i < 50; ++i) strangers.push_back(std::make_unique<WirePeer>(address));
  WirePeer client{address};
  client.join_as_client(authkey);
}

TEST_F(NativeServerTest, AFrameOverTheLimitIsRefused) {
  WirePeer peer{address};
  peer.join_as_client(authkey);
  peer.send_bytes(std::string("\xff\xff\xff\x7f\x0a", 5));
  EXPECT_EQ(peer.expect<wire::Refused>(FrameType::refused).error().code(),
            static_cast<std::uint32_t>(Errc::too_large));
  EXPECT_TRUE(peer.closed_by_master());
}

TEST_F(NativeServerTest, AnUnknownFrameIsRefused) {
  WirePeer peer{address};
  peer.join_as_client(authkey);
  peer.send_bytes(std::string("\x01\x00\x00\x00\xee", 5));
  EXPECT_EQ(peer.expect<wire::Refused>(FrameType::refused).error().code(),
            static_cast<std::uint32_t>(Errc::protocol_error));
}

TEST_F(NativeServerTest, AClientThatSpeaksLikeAWorkerIsRefused) {
  WirePeer peer{address};
  peer.join_as_client(authkey);
  peer.send(FrameType::complete, wire::Complete{});
  EXPECT_EQ(peer.expect<wire::Refused>(FrameType::refused).error().code(),
            static_cast<std::uint32_t>(Errc::protocol_error));
}

TEST_F(NativeServerTest, ADamagedBodyIsRefused) {
  WirePeer peer{address};
  peer.join_as_client(authkey);
  peer.send_bytes(std::string("\x03\x00\x00\x00\x0a\xff\xff", 7));
  EXPECT_EQ(peer.expect<wire::Refused>(FrameType::refused).error().code(),
            static_cast<std::uint32_t>(Errc::protocol_error));
}

TEST_F(NativeServerTest, AResultForSomebodyElsesLeaseIsRefusedAndTheOwnerGoesOn) {
  WirePeer client{address}, owner{address}, liar{address};
  client.join_as_client(authkey);
  owner.join_as_worker(authkey, 1, 'w');
  client.send(FrameType::submit, submission());
  const auto grant = owner.expect<wire::Grant>(FrameType::grant);
  liar.join_as_worker(authkey, 1, 'l');
  wire::Complete complete;
  complete.set_batch(1);
  auto& finished = *complete.add_attempts();
  finished.mutable_fence()->set_epoch(grant.epoch());
  finished.mutable_fence()->set_job(grant.tasks(0).job());
  finished.mutable_fence()->set_index(1);
  finished.mutable_fence()->set_attempt(1);
  finished.mutable_outcome()->set_state(wire::SUCCEEDED);
  finished.mutable_outcome()->set_value("a lie");
  liar.send(FrameType::complete, complete);
  EXPECT_EQ(liar.expect<wire::Completed>(FrameType::completed).refused_size(), 1);
  finished.mutable_outcome()->set_value("the truth");
  owner.send(FrameType::complete, complete);
  EXPECT_EQ(client.expect<wire::Outcomes>(FrameType::outcomes).items(0).value(), "the truth");
}

// On the loop, as a session would.
class BackupsTest : public NativeServerTest {
 protected:
  template <typename Work>
  auto on_loop(Work work) {
    return boost::asio::post(io, boost::asio::use_future(std::move(work))).get();
  }
  BackupsTest() {
    on_loop([this] { server->backups().set_directory(dir / "made/backups"); });
  }
  Result<Backups::State> ask(std::uint64_t number, const std::string& name) {
    return on_loop([&] { return server->backups().ask(number, name); });
  }
  std::string trouble(std::uint64_t number, const std::string& name) {
    for (;;)
      if (const auto state = ask(number, name); !state) return state.error().detail;
  }

  const TempDir dir;
};

TEST_F(BackupsTest, EveryClientHearsOfItsOwnBackupAlsoWhenOthersCameAfterIt) {
  for (std::uint64_t number = 1; number <= Backups::states_max; ++number)
    EXPECT_THAT(trouble(number, fmt::format("{}.db", number)), HasSubstr(fmt::format("/{}.db", number)));
  for (std::uint64_t number = 1; number <= Backups::states_max; ++number)
    EXPECT_THAT(trouble(number, "again.db"), HasSubstr(fmt::format("/{}.db", number)));
  EXPECT_THAT(trouble(100, "100.db"), HasSubstr("/100.db"));
  EXPECT_THAT(trouble(1, "again.db"), HasSubstr("/again.db")) << "the oldest is forgotten";
}

TEST_F(BackupsTest, ADirectoryThatCannotBeMadeIsNamed) {
  on_loop([this] { server->backups().set_directory("/dev/null/backups"); });
  EXPECT_THAT(trouble(1, "a.db"), HasSubstr("cannot make /dev/null/backups"));
}

TEST_F(BackupsTest, OneThatCannotBeginIsAnErrorAtOnce) {
  struct Gate {
    std::binary_semaphore begun{0}, may_end{0};
  };
  const auto gate = std::make_shared<Gate>();
  const auto wait = [gate](Store&) -> Result<void> {
    gate->begun.release();
    gate->may_end.acquire();
    return {};
  };
  const auto nothing = [](Store&) -> Result<void> { return {}; };
  const auto ignore = [](const Result<void>&) {};
  on_loop([&] { server->beside(wait, ignore); });
  gate->begun.acquire();
  const auto state = on_loop([&] {
    for (std::size_t i = 0; i < SideThread::waiting_max; ++i) server->beside(nothing, ignore);
    return server->backups().ask(1, "a.db");
  });
  gate->may_end.release();
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().code, Errc::limit_reached);
}

}  // namespace
}  // namespace reeve::master
