#include "master/net/turn.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "common/app/log.h"
#include "common/base/assert.h"
#include "master/net/client_session.h"
#include "master/net/worker_session.h"

namespace reeve::master {

namespace asio = boost::asio;

Turn::Turn(asio::io_context& io, Store& store, std::function<void()> caught_up)
    : io_(io),
      store_(store),
      caught_up_(std::move(caught_up)),
      patience_timer_(io),
      retry_timer_(io),
      random_(std::random_device{}()) {
  if (!store.durable()) return;
  commit_thread_ =
      std::make_unique<CommitThread>(store, [this, alive = alive_](CommitThread::Committed done) {
        asio::post(io_, [this, alive, done = std::move(done)]() mutable {
          if (*alive) committed(std::move(done));
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

void Turn::touch(ClientSession& session) {
  if (!std::exchange(session.touched, true)) touched_.push_back(session.id());
}

void Turn::touch(WorkerSession& session) {
  if (!std::exchange(session.touched, true)) touched_.push_back(session.id());
}

Ticket Turn::ticket_of_this_turn() const { return records_.empty() ? in_flight_ : open_; }

void Turn::end() {
  const Ticket ticket = ticket_of_this_turn();
  commit_if_idle();
  for (const SessionId id : std::exchange(touched_, {})) {
    Session* session = find(id);
    if (session == nullptr) continue;
    session->touched = false;
    session->end_of_turn();
    session->outbox().seal(ticket);
    session->outbox().release(committed_);
    if (session->outbox().holds_any() && !std::exchange(session->holding, true)) holding_.push_back(id);
    flush(*session);
  }
  if (guests_ != nullptr) guests_->end_of_turn(ticket, committed_);
}

// What nobody waits for stays a moment, and leaves with the session's next frame or the timer.
void Turn::flush(Session& session) {
  Outbox& outbox = session.outbox();
  if (!outbox.patient()) return outbox.flush();
  if (outbox.idle() || std::exchange(session.patient, true)) return;
  if (patient_.empty()) {
    patience_timer_.expires_after(patience);
    patience_timer_.async_wait([this](const boost::system::error_code& cancelled) {
      if (!cancelled) flush_patient();
    });
  }
  patient_.push_back(session.id());
}

void Turn::flush_patient() {
  for (const SessionId id : std::exchange(patient_, {})) {
    Session* session = find(id);
    if (session == nullptr) continue;
    session->patient = false;
    session->outbox().flush();
  }
}

void Turn::after_commit(std::function<void()> then) {
  const Ticket ticket = ticket_of_this_turn();
  if (ticket <= committed_)
    then();
  else
    after_commit_.emplace_back(ticket, std::move(then));
}

void Turn::commit_if_idle() {
  if (records_.empty() || !trouble_.empty()) return;
  if (!commit_thread_) {
    const Result<void> applied = store_.apply(records_);
    ASSERT(applied, "a store in memory cannot fail");
    records_.clear();
    unwritten_bytes_ = 0;
    committed_ = in_flight_ = open_++;
    return;
  }
  if (commit_thread_->busy()) return;
  in_flight_ = open_++;
  in_flight_closed_ = wall_now();
  in_flight_bytes_ = std::exchange(unwritten_bytes_, 0);
  commit_thread_->commit(std::exchange(records_, {}), in_flight_);
}

void Turn::committed(CommitThread::Committed done) {
  commit_thread_->accept();
  if (!done.result) return commit_failed(done.result.error(), std::move(done.records), done.ticket);
  const bool was_behind = behind();
  in_flight_bytes_ = 0;
  committed_ = done.ticket;
  durable_through_ = in_flight_closed_;
  ++commits_;
  if (records_.empty()) records_ = std::move(done.records);  // for its capacity
  if (!trouble_.empty()) {
    log::info("the store can be written again: going on");
    trouble_.clear();
    failures_in_a_row_ = 0;
    caught_up_();
  }
  if (was_behind && !behind()) caught_up_();
  while (!after_commit_.empty() && after_commit_.front().first <= committed_) {
    const auto then = std::move(after_commit_.front().second);
    after_commit_.pop_front();
    then();
  }
  release();
  commit_if_idle();
}

void Turn::release() {
  for (const SessionId id : std::exchange(holding_, {})) {
    Session* session = find(id);
    if (session == nullptr) continue;
    session->outbox().release(committed_);
    session->holding = session->outbox().holds_any();
    if (session->holding) holding_.push_back(id);
    flush(*session);
  }
  if (guests_ != nullptr) guests_->committed(committed_);
}

void Turn::commit_failed(Error why, Records batch, Ticket ticket) {
  ++commit_failures_;
  if (trouble_.empty()) log::error("{}: nothing is acknowledged until the store can be written", why.detail);
  trouble_ = fmt::format("the store cannot be written: {}", why.detail);
  const Error unacknowledged{
      Errc::storage_failed,
      trouble_ + "; this was not acknowledged, and may or may not happen when the store works again"};
  for (const SessionId id : holding_) {
    ClientSession* session = client(id);
    if (session == nullptr)
      continue;  // workers wait: their results stay with them until they are acknowledged
    session->refuse(unacknowledged);
  }
  if (guests_ != nullptr) guests_->commit_failed(unacknowledged);
  const Duration pause = retry_backoff.after(++failures_in_a_row_, random_);
  retry_timer_.expires_after(pause);
  retry_timer_.async_wait(
      [this, batch = std::move(batch), ticket](const boost::system::error_code& error) mutable {
        if (error || !commit_thread_) return;
        commit_thread_->commit(std::move(batch), ticket);
      });
}

bool Turn::finish() {
  end();
  if (!commit_thread_) return true;
  const auto commit_may_be_all_that_is_left = asio::make_work_guard(io_);
  while (trouble_.empty() && (commit_thread_->busy() || !records_.empty())) io_.run_one();
  commit_thread_->stop();
  return trouble_.empty();
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

void Turn::stop(SessionId to, const Fence& fence) {
  if (WorkerSession* session = worker(to)) session->stop(fence);
}

void Turn::drain(SessionId to, bool on) {
  if (WorkerSession* session = worker(to)) session->drain(on);
}

void Turn::disconnect(SessionId id, const Error& why) {
  if (WorkerSession* session = worker(id)) session->refuse(why);
}

}  // namespace reeve::master
