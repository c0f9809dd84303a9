// The native server: what goes from clients to workers and back, and what waits for the disk.
#include <atomic>
#include <boost/asio/post.hpp>

#include "tests/unit/master/net/native_server_fixture.h"

namespace reeve::master {
namespace {

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

TEST_F(NativeServerTest, AListOfJobsHasABoundAlsoWhenTheyAreNamed) {
  WirePeer client{address};
  client.join_as_client(authkey);
  wire::Submit submit = submission();
  submit.set_watch(false);
  submit.mutable_spec()->clear_function();
  submit.mutable_spec()->mutable_command()->add_args(std::string(500'000, 'x'));
  client.send(FrameType::submit, submit);
  const std::uint64_t job = client.expect<wire::Submitted>(FrameType::submitted).job();
  wire::JobList list;
  list.set_request(2);
  for (int i = 0; i < 200; ++i) list.add_jobs(job);
  client.send(FrameType::job_list, list);
  const auto infos = client.expect<wire::JobInfos>(FrameType::job_infos);
  EXPECT_EQ(infos.request(), 2u);
  EXPECT_EQ(infos.error().code(), static_cast<std::uint32_t>(Errc::too_large));
  EXPECT_EQ(infos.jobs_size(), 0);
}

TEST_F(NativeServerTest, ACancelOfManyTasksGoesOnAsTheStoreTakesItAndSoDoesARetry) {
  WirePeer client{address}, other{address};
  client.join_as_client(authkey);
  other.join_as_client(authkey);
  constexpr std::uint64_t submissions = 4, batch = 10'000;
  std::uint64_t job = 0;
  for (std::uint64_t i = 1; i <= submissions; ++i) {
    wire::Submit submit = submission(i);
    submit.set_watch(false);
    submit.set_open(true);
    submit.set_job(job);
    while (submit.payloads_size() < static_cast<int>(batch)) submit.add_payloads("12");
    client.send(FrameType::submit, submit);
    job = client.expect<wire::Submitted>(FrameType::submitted).job();
  }
  std::atomic<int> transactions = 0;
  store.set_meanwhile([&] { ++transactions; });
  wire::Cancel cancel;
  cancel.set_request(9);
  cancel.set_job(job);
  client.send(FrameType::cancel, cancel);
  wire::Status question;
  question.set_request(2);
  other.send(FrameType::status, question);
  EXPECT_EQ(other.expect<wire::StatusInfo>(FrameType::status_info).request(), 2u);
  EXPECT_EQ(client.expect<wire::Done>(FrameType::done).count(), submissions * batch);
  EXPECT_GE(transactions, static_cast<int>(submissions)) << "none is much larger than a slice";

  transactions = 0;
  wire::Retry again;
  again.set_request(10);
  again.set_job(job);
  client.send(FrameType::retry, again);
  EXPECT_EQ(client.expect<wire::Done>(FrameType::done).count(), submissions * batch);
  EXPECT_GE(transactions, static_cast<int>(submissions));
  other.send(FrameType::status, question);
  EXPECT_EQ(other.expect<wire::StatusInfo>(FrameType::status_info).tasks().ready(), submissions * batch);
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

}  // namespace
}  // namespace reeve::master
