#include "master/net/turn.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <random>
#include <utility>

#include "common/app/log.h"
#include "common/base/assert.h"
#include "master/net/client_session.h"
#include "master/net/worker_session.h"

namespace reeve::master {

namespace asio = boost::asio;

Turn::Turn(asio::io_context& io, Store& store, std::function<void()> turn_soon)
    : io_(io),
      store_(store),
      turn_soon_(std::move(turn_soon)),
      commits_(std::random_device{}()),
      patience_timer_(io),
      retry_timer_(io) {
  if (!store.durable()) return;
  commit_thread_ =
      std::make_unique<CommitThread>(store, [this, alive = alive_](CommitThread::Committed done) {
        asio::post(io_, [this, alive, done = std::move(done)]() mutable {
          if (*alive) commit_ended(std::move(done));
        });
      });
}

Turn::~Turn() { *alive_ = false; }

void Turn::detach(SessionId id) {
  clients_.erase(id);
  workers_.erase(id);
  recent_client_ = {};
  recent_worker_ = {};
}

ClientSession* Turn::client(SessionId id) const {
  if (recent_client_.first == id) return recent_client_.second;
  const auto found = clients_.find(id);
  if (found == clients_.end()) return nullptr;
  recent_client_ = *found;
  return found->second;
}

WorkerSession* Turn::worker(SessionId id) const {
  if (recent_worker_.first == id) return recent_worker_.second;
  const auto found = workers_.find(id);
  if (found == workers_.end()) return nullptr;
  recent_worker_ = *found;
  return found->second;
}

Session* Turn::find(SessionId id) const {
  if (ClientSession* session = client(id)) return session;
  return worker(id);
}

void Turn::end() {
  const Ticket ticket = commits_.ticket();
  commit_if_idle();
  const Ticket committed = commits_.committed();
  arm_patience_timer(departures_.end_of_turn(ticket, committed, [this](SessionId id) { return find(id); }));
  if (guests_ != nullptr) guests_->end_of_turn(ticket, committed);
}

void Turn::arm_patience_timer(bool wanted) {
  if (!wanted) return;
  patience_timer_.expires_after(Departures<Session>::patience);
  patience_timer_.async_wait([this](const boost::system::error_code& cancelled) {
    if (!cancelled) departures_.leave_now([this](SessionId id) { return find(id); });
  });
}

void Turn::commit_if_idle() {
  auto transaction = commits_.begin(wall_now());
  if (!transaction) return;
  if (commit_thread_) return commit_thread_->commit(std::move(transaction->records), transaction->ticket);
  const Result<void> applied = store_.apply(transaction->records);
  ASSERT(applied, "a store in memory cannot fail");
  if (commits_.succeeded(std::move(transaction->records))) turn_soon_();
}

void Turn::commit_ended(CommitThread::Committed done) {
  commit_thread_->accept();
  if (!done.result) return commit_failed(done.result.error(), std::move(done.records));
  if (!commits_.trouble().empty()) log::info("the store can be written again: going on");
  const bool turn_wanted = commits_.succeeded(std::move(done.records));
  arm_patience_timer(departures_.committed(commits_.committed(), [this](SessionId id) { return find(id); }));
  if (guests_ != nullptr) guests_->committed(commits_.committed());
  if (finishing_)
    commit_if_idle();  // there are no more turns
  else if (turn_wanted || !commits_.idle())
    turn_soon_();
}

void Turn::commit_failed(const Error& why, Records records) {
  if (commits_.trouble().empty())
    log::error("{}: nothing is acknowledged until the store can be written", why.detail);
  retry_timer_.expires_after(commits_.failed(why, std::move(records)));
  retry_timer_.async_wait([this](const boost::system::error_code& cancelled) {
    if (cancelled || !commit_thread_) return;
    auto transaction = commits_.again();
    commit_thread_->commit(std::move(transaction.records), transaction.ticket);
  });
  const Error unacknowledged = commits_.unacknowledged();
  departures_.commit_failed(unacknowledged, [this](SessionId id) { return find(id); });
  if (guests_ != nullptr) guests_->commit_failed(unacknowledged);
}

bool Turn::finish() {
  finishing_ = true;
  end();
  if (!commit_thread_) return true;
  // What is decided meanwhile, for peers who go on asking, is not waited for: nobody is told of it.
  const Ticket decided = commits_.ticket();
  const auto commit_may_be_all_that_is_left = asio::make_work_guard(io_);
  while (commits_.trouble().empty() && commits_.committed() < decided) io_.run_one();
  commit_thread_->stop();
  return commits_.trouble().empty();
}

// ---- Effects

void Turn::submitted(SessionId to, std::uint64_t request, const Result<Accepted>& answer) {
  if (ClientSession* session = client(to))
    session->submitted(request, answer);
  else if (guests_ != nullptr)
    guests_->submitted(to, request, answer);
}

void Turn::got(SessionId to, std::uint64_t request, const Result<std::span<const ItemView>>& answer) {
  if (ClientSession* session = client(to))
    session->got(request, answer);
  else if (guests_ != nullptr)
    guests_->got(to, request, answer);
}

void Turn::done(SessionId to, std::uint64_t request, const Result<std::uint64_t>& answer) {
  if (ClientSession* session = client(to))
    session->done(request, answer);
  else if (guests_ != nullptr)
    guests_->done(to, request, answer);
}

void Turn::job_changed(SessionId to, std::uint64_t request, const JobView& job) {
  if (ClientSession* session = client(to)) session->job_changed(request, job);
}

void Turn::outcome(SessionId to, TaskId task, const Outcome& outcome) {
  if (ClientSession* session = client(to)) session->outcome(task, outcome);
}

bool Turn::congested(SessionId to) const {
  const ClientSession* session = client(to);
  return session != nullptr && session->congested();
}

void Turn::lagging(SessionId to, JobId job) {
  if (ClientSession* session = client(to)) session->lagging(job);
}

void Turn::grant(SessionId to, const Grant& grant) {
  if (WorkerSession* session = worker(to)) session->grant(grant);
}

void Turn::stop(SessionId to, const Fence& fence, bool held) {
  if (WorkerSession* session = worker(to)) session->stop(fence, held);
}

void Turn::drain(SessionId to, bool on) {
  if (WorkerSession* session = worker(to)) session->drain(on);
}

void Turn::disconnect(SessionId id, const Error& why) {
  if (WorkerSession* session = worker(id)) session->refuse(why);
}

}  // namespace reeve::master
