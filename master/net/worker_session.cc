#include "master/net/worker_session.h"

#include <algorithm>
#include <utility>

#include "common/app/log.h"
#include "master/net/native_server.h"
#include "master/net/translate.h"
#include "proto/convert.h"

namespace reeve::master {

Result<void> WorkerSession::hello(const Frame& frame) {
  if (frame.type != FrameType::worker_hello)
    return fail(Errc::protocol_error, "a worker's first frame must be WorkerHello");
  wire::WorkerHello hello;
  if (auto ok = parse(frame, hello); !ok) return ok;
  if (hello.worker_key().size() != peer_key_bytes)
    return fail(Errc::protocol_error, "a worker key has {} bytes", peer_key_bytes);
  server_.turn().attach(id(), *this);
  auto admitted = server_.broker().worker_joined(id(), from_wire(hello, outbox().connection().peer_address()),
                                                 server_.now(), server_.turn());
  if (!admitted) return fail(admitted.error());
  wire::WorkerWelcome welcome;
  welcome.set_worker(admitted->id.value);
  welcome.set_epoch(server_.broker().epoch().value);
  welcome.set_lease_us(static_cast<std::uint64_t>(server_.broker().limits().lease.count()));
  welcome.set_heartbeat_us(static_cast<std::uint64_t>(server_.broker().limits().heartbeat().count()));
  for (const Fence& fence : admitted->dropped) to_wire(fence, *welcome.add_dropped());
  // A worker that the store does not know would not be waited for after a restart: until then it gets nothing.
  if (admitted->is_new) {
    outbox().hold(FrameType::worker_welcome, welcome);
    server_.turn().after_commit([&broker = server_.broker(), id = admitted->id](const Result<void>& kept) {
      if (kept) broker.worker_kept(id);
    });
  } else {
    outbox().send_now(FrameType::worker_welcome, welcome);
  }
  server_.turn().touch(*this);
  log::info("worker {} ({} slots, {} functions) joined from {}, holding {} attempts", hello.name(),
            hello.slots(), hello.functions_size(), outbox().connection().peer_address(), hello.held_size());
  return {};
}

Result<void> WorkerSession::handle(const Frame& frame) {
  server_.broker().worker_alive(id(), server_.now());
  switch (frame.type) {
    case FrameType::complete:
      return complete(frame);
    case FrameType::returned:
      return returned(frame);
    case FrameType::capacity: {
      wire::Capacity capacity;
      if (auto ok = parse(frame, capacity); !ok) return ok;
      server_.broker().worker_capacity(id(), capacity.held_max());
      return {};
    }
    case FrameType::heartbeat: {
      wire::Heartbeat beat;
      if (auto ok = parse(frame, beat); !ok) return ok;
      outbox().send_now(FrameType::heartbeat, beat);
      server_.turn().touch(*this);
      return {};
    }
    case FrameType::goodbye:
      server_.broker().worker_goodbye(id(), server_.now(), server_.turn());
      return {};
    default:
      return out_of_place(frame);
  }
}

Result<void> WorkerSession::complete(const Frame& frame) {
  wire::Complete& message = server_.scratch().complete;
  if (auto ok = parse(frame, message); !ok) return ok;
  if (message.batch() == 0) return fail(Errc::protocol_error, "a batch of results has a number other than 0");
  const Now now = server_.now();
  for (wire::Finished& finished : *message.mutable_attempts()) {
    const Fence fence = from_wire(finished.fence());
    const bool recorded = server_.broker().complete(
        id(), fence, from_wire(std::move(*finished.mutable_outcome())), now, server_.turn());
    if (!recorded) to_wire(fence, *completed_.add_refused());
  }
  completed_.set_batch(message.batch());
  server_.turn().touch(*this);
  server_.scratch().trim(frame);
  return {};
}

Result<void> WorkerSession::returned(const Frame& frame) {
  wire::Returned message;
  if (auto ok = parse(frame, message); !ok) return ok;
  std::vector<Fence> fences;
  for (const auto& fence : message.attempts()) fences.push_back(from_wire(fence));
  server_.broker().returned(id(), fences, server_.now(), server_.turn());
  return {};
}

// The id under which the worker knows the spec; a new one is defined in the frame that is being written.
std::uint32_t WorkerSession::spec_id(const std::shared_ptr<const TaskSpec>& spec, wire::Grant& grant) {
  for (std::size_t i = 0; i < specs_.size(); ++i) {
    const std::size_t recent = (next_spec_ + specs_max - 1 - i) % specs_max;  // newest first
    if (recent < specs_.size() && specs_[recent] == spec) return static_cast<std::uint32_t>(recent);
  }
  // Frames already begun may refer to the id that is about to be reused.
  if (specs_.size() == specs_max) send_grants();
  const std::uint32_t id = next_spec_;
  next_spec_ = (next_spec_ + 1) % specs_max;
  if (id == specs_.size())
    specs_.push_back(spec);
  else
    specs_[id] = spec;
  auto& definition = *grant.add_specs();
  definition.set_id(id);
  to_wire(*spec, *definition.mutable_spec());
  grant_bytes_ += text_bytes(*spec);
  return id;
}

void WorkerSession::grant(const Effects::Grant& grant) {
  wire::Grant& frame = grant.held ? held_grants_ : grants_;
  std::uint32_t spec = 0;
  if (grant.held) {  // may overtake and be overtaken, so it brings its own definition, under an id of its own
    spec = static_cast<std::uint32_t>(specs_max) + static_cast<std::uint32_t>(frame.specs_size());
    auto& definition = *frame.add_specs();
    definition.set_id(spec);
    to_wire(*grant.spec, *definition.mutable_spec());
    grant_bytes_ += text_bytes(*grant.spec);
  } else {
    spec = spec_id(grant.spec, frame);
  }
  frame.set_epoch(grant.fence.epoch.value);
  auto& task = *frame.add_tasks();
  task.set_job(grant.fence.task.job.value);
  task.set_index(grant.fence.task.index);
  task.set_attempt(grant.fence.attempt);
  task.set_spec(spec);
  task.set_payload(grant.payload.data(), grant.payload.size());
  server_.turn().touch(*this);
  grant_bytes_ += grant.payload.size() + 16;
  if (grant_bytes_ >= frame_target_bytes) send_grants();
}

void WorkerSession::send_grants() {
  if (grants_.tasks_size() > 0) {
    outbox().send_now(FrameType::grant, grants_);
    grants_.Clear();
  }
  if (held_grants_.tasks_size() > 0) {
    outbox().hold(FrameType::grant, held_grants_);
    held_grants_.Clear();
  }
  grant_bytes_ = 0;
}

void WorkerSession::stop(const Fence& fence, bool held) {
  to_wire(fence, *(held ? held_stops_ : stops_).add_attempts());
  server_.turn().touch(*this);
}

void WorkerSession::drain(bool on) {
  drain_ = on;
  server_.turn().touch(*this);
}

void WorkerSession::end_of_turn() {
  send_grants();
  if (drain_) {
    wire::Drain message;
    message.set_on(*std::exchange(drain_, std::nullopt));
    outbox().send_now(FrameType::drain, message);
  }
  if (stops_.attempts_size() > 0) {
    outbox().send_now(FrameType::stop, stops_);
    stops_.Clear();
  }
  if (held_stops_.attempts_size() > 0) {
    outbox().hold(FrameType::stop, held_stops_);
    held_stops_.Clear();
  }
  if (completed_.batch() == 0) return;
  outbox().hold(FrameType::completed, completed_, Urgency::patient);
  completed_.Clear();
}

}  // namespace reeve::master
