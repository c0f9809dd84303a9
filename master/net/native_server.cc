#include "master/net/native_server.h"

#include <unistd.h>

#include <boost/asio/post.hpp>
#include <cstdio>

#include "common/app/log.h"
#include "master/net/native_proof.h"
#include "master/net/translate.h"
#include "proto/convert.h"

namespace reeve::master {

namespace asio = boost::asio;

namespace {

std::uint64_t resident_bytes() {
  unsigned long pages = 0, resident = 0;
  std::FILE* file = std::fopen("/proc/self/statm", "re");
  if (file == nullptr) return 0;
  const int fields = std::fscanf(file, "%lu %lu", &pages, &resident);
  std::fclose(file);
  return fields == 2 ? resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)) : 0;
}

// As multiprocessing.connection frames it. There the server begins, so that a Python program at this port waits; what it
// gets instead of the challenge is in its exception.
std::string python_message(std::string_view text) {
  std::string message(3, '\0');
  message.push_back(static_cast<char>(text.size()));
  return message.append(text);
}

Listener::Dialect native_dialect(std::string authkey) {
  return {.proof = [key = std::move(authkey)] { return std::make_unique<NativeProof>(key); },
          .setting_prefix = "",
          .stranger = "",
          .silent =
              "said nothing until the deadline of the handshake; a Python program would, and belongs to the "
              "port of --managers-listen",
          .word_to_silent = python_message("this is the port of reeve's clients and workers; "
                                           "Python programs belong to the one of --managers-listen")};
}

}  // namespace

void Scratch::trim(const Frame& parsed) {
  if (parsed.body.size() <= 2 * frame_target_bytes) return;
  submit = {};
  put = {};
  complete = {};
}

NativeServer::NativeServer(asio::io_context& io, Broker& broker, Store& store, std::string authkey,
                           ServerLimits limits)
    : io_(io),
      broker_(broker),
      store_(store),
      limits_(limits),
      turn_(io, store, [this] { turn_soon(); }),
      listener_(doorway_, io, refusals_, native_dialect(std::move(authkey)), limits.listener,
                [this](Arrival arrival) { welcome(std::move(arrival.socket), arrival.role); }),
      timer_(io),
      sweep_timer_(io) {}

NativeServer::~NativeServer() = default;

Result<void> NativeServer::listen(const Endpoint& endpoint) {
  if (auto listening = listener_.listen(endpoint); !listening)
    return fail(listening.error().code, "cannot listen on {}", listening.error().detail);
  return {};
}

void NativeServer::start() {
  turn_soon();  // the Broker may have something to do from the beginning
  sweep();
}

bool NativeServer::stop() {
  stopping_ = true;
  listener_.close();
  doorway_.stop();
  timer_.cancel();
  sweep_timer_.cancel();
  broker_.deliver(now(), turn_);
  const bool kept = turn_.finish();
  side_.stop();
  sessions_.clear();
  refusals_.tell_rest(TimePoint::max());
  return kept;
}

void NativeServer::welcome(asio::ip::tcp::socket socket, Role role) {
  auto connection = std::make_shared<Connection>(std::move(socket), limits_.connection);
  if (sessions_.size() >= limits_.connections_max) {
    const Error why{Errc::limit_reached,
                    fmt::format("the master has {} connections (connections-max)", sessions_.size())};
    count_refusal(why, connection->peer_address());
    wire::Refused refused;
    to_wire(why, *refused.mutable_error());
    append_frame(connection->out(), FrameType::refused, refused);
    connection->flush();  // a few bytes into an empty socket buffer
    connection->close();
    return;
  }
  const SessionId id = new_session_id();
  std::unique_ptr<Session> session;
  if (role == Role::worker)
    session = std::make_unique<WorkerSession>(*this, id, connection);
  else
    session = std::make_unique<ClientSession>(*this, id, connection);
  connection->start(*sessions_.emplace(id, std::move(session)).first->second);
}

ClientSession* NativeServer::client(SessionId id) {
  const auto found = sessions_.find(id);
  return found == sessions_.end() ? nullptr : dynamic_cast<ClientSession*>(found->second.get());
}

void NativeServer::end_session(SessionId id) {
  turn_.detach(id);
  broker_.session_left(id, now(), turn_);
  sessions_.erase(id);
  turn_soon();
}

void NativeServer::turn_soon() {
  if (turn_pending_ || stopping_) return;
  turn_pending_ = true;
  asio::post(io_, [this] {
    turn_pending_ = false;
    if (!stopping_) end_of_turn();
  });
}

void NativeServer::end_of_turn() {
  if (broker_.has_more() && turn_.may_go_on()) broker_.go_on(now(), turn_);
  if (turn_.may_hand_out())
    broker_.dispatch(now(), turn_);
  else
    broker_.deliver(now(), turn_);
  turn_.end();
  if (broker_.has_more() && turn_.may_go_on()) turn_soon();  // behind what is ready now
  arm_timer();
}

void NativeServer::arm_timer() {
  const auto wake = broker_.wake_at();
  if (!wake || *wake >= timer_at_) return;
  timer_at_ = *wake;
  timer_.expires_at(*wake);
  timer_.async_wait([this](const boost::system::error_code& cancelled) {
    if (cancelled) return;  // armed anew for an earlier time, or the end
    timer_at_ = TimePoint::max();
    broker_.tick(now(), turn_);
    end_of_turn();
  });
}

// Connections that proved themselves and then say nothing do not stay, and what was refused without a line in the log
// gets one.
void NativeServer::sweep() {
  const TimePoint limit =
      mono_now() - std::chrono::duration_cast<Duration>(limits_.listener.handshake_deadline);
  for (const auto& [id, session] : sessions_)
    if (!session->introduced() && session->since() < limit)
      session->refuse({Errc::timed_out, "no hello came after the handshake"});
  refusals_.tell_rest(mono_now() - Refusals::log_interval);
  sweep_timer_.expires_after(std::chrono::seconds{1});
  sweep_timer_.async_wait([this](const boost::system::error_code& cancelled) {
    if (!cancelled) sweep();
  });
}

void NativeServer::read_history(Read read, std::function<void(Result<void>)> then) {
  turn_.after_commit([this, read = std::move(read), then = std::move(then)](const Result<void>& kept) {
    beside([read, kept](Store& store) { return read(store, kept); }, then);
  });
}

void NativeServer::beside(std::function<Result<void>(Store&)> work, std::function<void(Result<void>)> then) {
  auto piece = [this, work = std::move(work), then] {
    auto result = std::make_shared<Result<void>>(work(store_));
    asio::post(io_, [this, result, then] {
      if (!stopping_) then(std::move(*result));
    });
  };
  if (!side_.run(std::move(piece)))
    then(fail(Errc::limit_reached, "{} reads of history wait already", SideThread::waiting_max));
}

void NativeServer::read_chunks(JobId job, std::vector<std::pair<std::uint32_t, std::uint32_t>> ranges,
                               std::function<void(Result<std::vector<ChunkRecord>>)> then) {
  auto all = std::make_shared<std::vector<ChunkRecord>>();
  read_history(
      [job, ranges = std::move(ranges), all](Store& store, const Result<void>& kept) -> Result<void> {
        if (!kept) return kept;
        for (const auto& [first, last] : ranges) {
          auto chunks = store.chunks(job, first, last);
          if (!chunks) return fail(chunks.error());
          for (ChunkRecord& chunk : *chunks) all->push_back(std::move(chunk));
        }
        return {};
      },
      [all, then = std::move(then)](Result<void> read) {
        if (read)
          then(std::move(*all));
        else
          then(fail(read.error()));
      });
}

void NativeServer::retry(Asker asker, JobId job, RetryPlan first) {
  auto plan = std::make_shared<RetryPlan>(std::move(first));
  read_chunks(job, plan->chunks, [this, asker, job, plan](Result<std::vector<ChunkRecord>> chunks) {
    Result<void> done = chunks ? broker_.retry(asker, job, *plan, std::move(*chunks), now(), turn_)
                               : Result<void>{fail(chunks.error())};
    const bool more = done && plan->next != 0;
    if (more) done = broker_.plan_next(job, *plan);
    if (!done) {
      turn_.done(asker.session, asker.request, fail(done.error()));
      broker_.give_up_retry(job, *plan, now(), turn_);
    } else if (more) {
      retry(asker, job, std::move(*plan));
    }
    turn_soon();
  });
}

void NativeServer::describe(wire::StatusInfo& info) {
  const BrokerStats stats = broker_.stats();
  info.set_version(REEVE_VERSION);
  info.set_epoch(broker_.epoch().value);
  info.set_started_us(to_us(started_));
  info.set_durable(store_.durable());
  info.set_data_dir(data_dir_);
  info.set_trouble(turn_.trouble().empty() ? stats.trouble : turn_.trouble());
  to_wire(stats.tasks, *info.mutable_tasks());
  info.set_jobs(stats.jobs);
  info.set_queues(stats.queues);
  info.set_workers(stats.workers);
  info.set_slots(stats.slots);
  info.set_clients(stats.clients);
  info.set_rss_bytes(resident_bytes());
  const auto add = [&info](std::string_view name, std::uint64_t value) {
    auto& counter = *info.add_counters();
    counter.set_name(name.data(), name.size());
    counter.set_value(value);
  };
  add("queued_bytes", stats.queued_bytes);
  add("grants", stats.grants);
  add("retries", stats.retries);
  add("lost_attempts", stats.losses);
  add("refused_results", stats.refused_results);
  add("duplicate_submissions", stats.duplicate_submissions);
  add("expired_jobs", stats.expired_jobs);
  add("commits", turn_.commits());
  add("commit_failures", turn_.commit_failures());
  add("connections", sessions_.size());
  add("unauthenticated_connections", doorway_.strangers());
  if (const Guests* const guests = turn_.guests()) guests->describe(add);
  for (const auto& [code, count] : refusals_.counts()) add(fmt::format("refused_{}", name_of(code)), count);
}

}  // namespace reeve::master
