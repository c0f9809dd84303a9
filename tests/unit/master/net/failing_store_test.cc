// What a master says while its store cannot be written, and goes on with when it can.
#include "tests/unit/master/net/native_server_fixture.h"

namespace reeve::master {
namespace {

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

}  // namespace
}  // namespace reeve::master
