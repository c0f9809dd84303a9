// ClientSession: the connection of a client. Outcomes that it watches are gathered into one frame a turn.
// The questions (lists, status) are in client_queries.cc.
#pragma once

#include <vector>

#include "master/core/broker.h"
#include "master/net/session.h"
#include "proto/reeve.pb.h"

namespace reeve::master {

class ClientSession final : public Session {
 public:
  using Session::Session;

  // ---- effects, by way of the Turn
  void submitted(std::uint64_t request, const Result<Accepted>& answer);
  void got(std::uint64_t request, const Result<std::span<const ItemView>>& answer);
  void done(std::uint64_t request, const Result<std::uint64_t>& answer);
  void job_changed(std::uint64_t request, const JobView& job);
  void outcome(TaskId task, const Outcome& outcome);
  void lagging(JobId job);
  bool congested() const;
  void end_of_turn() override;
  void commit_failed(const Error& why) override { refuse(why); }

  void on_writable() override;

 private:
  Result<void> hello(const Frame& frame) override;
  Result<void> handle(const Frame& frame) override;
  Result<void> handle_job_command(const Frame& frame);
  Result<void> handle_queue_command(const Frame& frame);
  Result<void> handle_query(const Frame& frame);

  Result<void> submit(const Frame& frame);
  Result<void> put(const Frame& frame);
  Result<void> get(const Frame& frame);
  Result<void> took(const Frame& frame);
  Result<void> fetched(const Frame& frame);
  Result<void> cancel(const Frame& frame);
  Result<void> retry(const Frame& frame);
  Result<void> watch(const Frame& frame);

  Result<void> list_jobs(const Frame& frame);
  Result<void> add_jobs(const wire::JobList& wanted, wire::JobInfos& infos) const;
  Result<void> list_tasks(const Frame& frame);
  Result<void> list_queues(const Frame& frame);
  Result<void> list_workers(const Frame& frame);
  Result<void> status(const Frame& frame);
  Result<void> backup(const Frame& frame);

  void hold(FrameType type, const google::protobuf::MessageLite& message, Urgency urgency = Urgency::now);
  // To a question: waits for the disk like everything else, unless the disk is what is broken.
  void answer(FrameType type, const google::protobuf::MessageLite& message);
  void describe(const JobView& job, wire::JobInfo& info) const;
  void done_if_failed(std::uint64_t request, const Result<void>& result);
  Result<void> writable_store() const;
  void finish_outcomes();

  Urgency submit_answer_ = Urgency::now;  // of the Submit that is being handled
  wire::Outcomes outcomes_;               // of this turn, of one job
  std::size_t outcome_bytes_ = 0;
};

}  // namespace reeve::master
