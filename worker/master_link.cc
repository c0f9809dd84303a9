#include "worker/master_link.h"

#include <openssl/rand.h>

#include <algorithm>

#include "common/app/log.h"
#include "common/base/assert.h"
#include "common/base/duration.h"
#include "proto/convert.h"

namespace reeve::worker {
namespace {

constexpr std::size_t worker_key_bytes = 16;
constexpr std::uint32_t spec_ids_max = 1u << 16;
constexpr Duration shortest_wait = std::chrono::milliseconds{500};
constexpr int wait_parts = 6, attempt_parts = 3;      // of a lease
constexpr std::size_t kept_message_bytes = 4u << 20;  // messages larger than this do not keep their memory

std::string random_key() {
  std::string key(worker_key_bytes, '\0');
  ASSERT(RAND_bytes(reinterpret_cast<unsigned char*>(key.data()), static_cast<int>(key.size())) == 1);
  return key;
}

template <typename Message>
Result<void> parse(const Frame& frame, Message& message) {
  if (message.ParseFromArray(frame.body.data(), static_cast<int>(frame.body.size()))) return {};
  return fail(Errc::protocol_error, "a malformed message of type {}", static_cast<unsigned>(frame.type));
}

template <typename Repeated>
std::vector<Fence> fences_from(const Repeated& messages) {
  std::vector<Fence> fences;
  fences.reserve(static_cast<std::size_t>(messages.size()));
  for (const auto& fence : messages) fences.push_back(from_wire(fence));
  return fences;
}

}  // namespace

MasterLink::MasterLink(boost::asio::io_context& io, LinkOptions options, Agent& agent, AgentEffects& fx,
                       std::function<void()> turn)
    : io_(io),
      options_(std::move(options)),
      worker_key_(random_key()),
      agent_(agent),
      fx_(fx),
      turn_(std::move(turn)),
      timer_(io),
      random_(std::random_device{}()) {}

MasterLink::~MasterLink() {
  if (connection_) connection_->close();
}

// ---------------------------------------------------------------- connecting

void MasterLink::start() { connect(); }

void MasterLink::connect() {
  state_ = State::connecting;
  const auto deadline = std::chrono::duration_cast<std::chrono::milliseconds>(
      within_lease(options_.connect_deadline, attempt_parts));
  connecting_ = async_connect(io_, options_.master, options_.authkey, Role::worker, deadline, {},
                              [this](Result<std::shared_ptr<Connection>> connection) {
                                connecting_.reset();
                                on_connected(std::move(connection));
                              });
}

void MasterLink::on_connected(Result<std::shared_ptr<Connection>> connection) {
  if (!connection) {
    if (first_connect_ && connection.error().code == Errc::authentication_failed)
      return std::exchange(first_connect_, nullptr)(fail(connection.error()));
    return retry_later(connection.error());
  }
  connection_ = std::move(*connection);
  state_ = State::greeting;
  say_hello();
  connection_->start(*this);
  timer_.expires_after(within_lease(options_.welcome_deadline, attempt_parts));
  timer_.async_wait([this](const boost::system::error_code& cancelled) {
    if (!cancelled && state_ == State::greeting)
      reconnect({Errc::timed_out, "the master did not answer the hello"});
  });
}

void MasterLink::say_hello() {
  const Introduction& about = options_.introduction;
  wire::WorkerHello hello;
  hello.set_worker_key(worker_key_);
  hello.set_name(about.name);
  hello.set_host(about.host);
  hello.set_pid(about.pid);
  hello.set_slots(about.slots);
  for (const auto& function : about.functions) hello.add_functions(function);
  hello.set_commands(about.commands);
  for (const auto& queue : about.queues) hello.add_queues(queue);
  to_wire(about.labels, *hello.mutable_labels());
  for (const Fence& fence : agent_.held()) to_wire(fence, *hello.add_held());
  for (const Fence& fence : agent_.unacknowledged()) to_wire(fence, *hello.add_finished());
  hello.set_version(REEVE_VERSION);
  hello.set_draining(agent_.draining());
  hello.set_connection(++connections_);
  hello_sent_ = mono_now();
  append_frame(connection_->out(), FrameType::worker_hello, hello);
  connection_->flush();
}

// A master that is back waits for its workers, but only for one lease: whoever waits longer finds its tasks given
// to others.
Duration MasterLink::within_lease(Duration longest, int parts) const {
  if (lease_ == Duration{0}) return longest;
  return std::clamp<Duration>(lease_ / parts, std::min<Duration>(shortest_wait, longest), longest);
}

void MasterLink::retry_later(const Error& why) {
  state_ = State::waiting;
  Backoff backoff = options_.reconnect;
  backoff.max = within_lease(backoff.max, wait_parts);
  const Duration wait = backoff.after(++failures_, random_);
  if (last_failure_ != why.detail) {
    last_failure_ = why.detail;
    log::warn("no connection to the master at {}: {}; trying again until there is one",
              to_string(options_.master), why.detail);
  }
  timer_.expires_after(wait);
  timer_.async_wait([this](const boost::system::error_code& cancelled) {
    if (!cancelled) connect();
  });
}

void MasterLink::reconnect(const Error& why) {
  if (!connection_ || state_ == State::leaving) return;
  connection_->close();
  lost(why);
}

void MasterLink::on_closed(const Error& why) { lost(why); }

void MasterLink::lost(const Error& why) {
  connection_.reset();
  if (state_ == State::leaving) return std::exchange(gone_, nullptr)();
  if (state_ == State::welcomed) {
    log::warn("lost the master at {}: {}; {} tasks go on here", to_string(options_.master), why.detail,
              agent_.unfinished());
    agent_.disconnected();
    last_failure_ = why.detail;  // it has been said
  }
  retry_later(why);
}

void MasterLink::leave(std::function<void()> gone) {
  timer_.cancel();
  connecting_.reset();
  gone_ = std::move(gone);
  const bool welcomed = connected();
  state_ = State::leaving;
  if (!connection_) {
    boost::asio::post(io_, [this] { std::exchange(gone_, nullptr)(); });
    return;
  }
  if (welcomed) append_frame(connection_->out(), FrameType::goodbye, wire::Goodbye{});
  connection_->close_after_flush({Errc::cancelled, "the worker leaves"});
}

// ---------------------------------------------------------------- frames from the master

Result<void> MasterLink::on_frame(const Frame& frame) {
  now_ = mono_now();
  if (frame.type == FrameType::refused) return on_refused(frame);
  if (state_ == State::greeting) return on_welcome(frame);
  switch (frame.type) {
    case FrameType::grant:
      return on_grant(frame);
    case FrameType::completed:
      return on_completed(frame);
    case FrameType::stop:
      return on_stop(frame);
    case FrameType::heartbeat: {
      wire::Heartbeat beat;
      if (auto ok = parse(frame, beat); !ok) return ok;
      agent_.heartbeat_echoed(TimePoint{Duration{static_cast<std::int64_t>(beat.sent_us())}});
      return {};
    }
    case FrameType::drain: {
      wire::Drain drain;
      if (auto ok = parse(frame, drain); !ok) return ok;
      log::info("the master asks this worker to {}", drain.on() ? "drain: it takes nothing new" : "go on");
      agent_.drain(drain.on(), now_, fx_);
      return {};
    }
    default:
      return fail(Errc::protocol_error, "a message of type {} is not for a worker",
                  static_cast<unsigned>(frame.type));
  }
}

Result<void> MasterLink::on_welcome(const Frame& frame) {
  if (frame.type != FrameType::worker_welcome)
    return fail(Errc::protocol_error, "a master's first frame must be WorkerWelcome");
  wire::WorkerWelcome welcome;
  if (auto ok = parse(frame, welcome); !ok) return ok;
  constexpr std::uint64_t longest_us = 366ULL * 24 * 3600 * 1'000'000;
  if (welcome.lease_us() == 0 || welcome.lease_us() > longest_us || welcome.heartbeat_us() == 0 ||
      welcome.heartbeat_us() > welcome.lease_us())
    return fail(Errc::protocol_error, "the master welcomed with a lease of {} us and heartbeats every {} us",
                welcome.lease_us(), welcome.heartbeat_us());
  timer_.cancel();
  state_ = State::welcomed;
  failures_ = 0;
  last_failure_.clear();
  specs_.clear();
  const Duration lease{static_cast<std::int64_t>(welcome.lease_us())};
  lease_ = lease;
  const std::vector<Fence> dropped = fences_from(welcome.dropped());
  log::info("connected to the master at {} as worker {}, epoch {}, lease {}{}", connection_->peer_address(),
            welcome.worker(), welcome.epoch(), format_duration(lease),
            dropped.empty() ? "" : fmt::format("; {} tasks held here belong to others now", dropped.size()));
  agent_.connected(hello_sent_, lease, Duration{static_cast<std::int64_t>(welcome.heartbeat_us())}, dropped,
                   now_, fx_);
  if (first_connect_) std::exchange(first_connect_, nullptr)({});
  return {};
}

Result<void> MasterLink::on_refused(const Frame& frame) {
  wire::Refused refused;
  if (auto ok = parse(frame, refused); !ok) return ok;
  return fail(from_wire(refused.error()).code, "refused by the master: {}", refused.error().detail());
}

Result<void> MasterLink::on_grant(const Frame& frame) {
  if (auto ok = parse(frame, grant_); !ok) return ok;
  for (const auto& definition : grant_.specs())
    if (auto ok = define(definition); !ok) return ok;
  for (const wire::Granted& task : grant_.tasks()) {
    if (task.spec() >= specs_.size() || !specs_[task.spec()])
      return fail(Errc::protocol_error, "a task with the unknown spec {}", task.spec());
    const Fence fence{.epoch = Epoch{grant_.epoch()},
                      .task = {.job = JobId{task.job()}, .index = task.index()},
                      .attempt = task.attempt()};
    auto held = agent_.granted(fence, specs_[task.spec()], task.payload(), now_, fx_);
    if (!held) return held;
  }
  if (frame.body.size() > kept_message_bytes) wire::Grant{}.Swap(&grant_);
  return {};
}

Result<void> MasterLink::define(const wire::SpecDef& definition) {
  if (definition.id() >= spec_ids_max)
    return fail(Errc::protocol_error, "spec id {} is too large", definition.id());
  auto spec = from_wire(definition.spec());
  if (!spec) return fail(spec.error());
  if (definition.id() >= specs_.size()) specs_.resize(definition.id() + 1);
  specs_[definition.id()] = std::make_shared<const TaskSpec>(std::move(*spec));
  return {};
}

Result<void> MasterLink::on_stop(const Frame& frame) {
  wire::Stop stop;
  if (auto ok = parse(frame, stop); !ok) return ok;
  agent_.stop_requested(fences_from(stop.attempts()), fx_);
  return {};
}

Result<void> MasterLink::on_completed(const Frame& frame) {
  wire::Completed completed;
  if (auto ok = parse(frame, completed); !ok) return ok;
  agent_.completed(completed.batch(), static_cast<std::size_t>(completed.refused_size()), now_, fx_);
  return {};
}

void MasterLink::on_frames_handled() { turn_(); }

// ---------------------------------------------------------------- frames to the master

void MasterLink::send(const AgentEffects& fx) {
  if (!connected()) return;
  std::string& out = connection_->out();
  if (fx.heartbeat) {
    wire::Heartbeat beat;
    beat.set_sent_us(static_cast<std::uint64_t>(fx.heartbeat->time_since_epoch().count()));
    append_frame(out, FrameType::heartbeat, beat);
  }
  if (fx.capacity) {
    wire::Capacity capacity;
    capacity.set_held_max(*fx.capacity);
    append_frame(out, FrameType::capacity, capacity);
  }
  if (!fx.returned.empty()) {
    wire::Returned returned;
    for (const Fence& fence : fx.returned) to_wire(fence, *returned.add_attempts());
    append_frame(out, FrameType::returned, returned);
  }
  send_outcomes();
}

void MasterLink::send_outcomes() {
  // What does not fit now goes when the connection is writable again.
  while (!connection_->congested() && connection_->open()) {
    const auto batch = agent_.next_complete();
    if (!batch) break;
    complete_.Clear();
    complete_.set_batch(batch->number);
    for (const Attempt* attempt : batch->attempts) {
      wire::Finished& finished = *complete_.add_attempts();
      to_wire(attempt->work.fence, *finished.mutable_fence());
      to_wire(attempt->outcome, *finished.mutable_outcome());
    }
    append_frame(connection_->out(), FrameType::complete, complete_);
    if (complete_.ByteSizeLong() > kept_message_bytes) wire::Complete{}.Swap(&complete_);
    if (connection_->out().size() >= frame_target_bytes) connection_->flush();
  }
  connection_->flush();
}

void MasterLink::on_writable() {
  if (connected()) send_outcomes();
}

}  // namespace reeve::worker
