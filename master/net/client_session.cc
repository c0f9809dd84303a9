#include "master/net/client_session.h"

#include "common/app/log.h"
#include "master/net/native_server.h"
#include "master/net/translate.h"
#include "proto/convert.h"

namespace reeve::master {
namespace {

Payloads payloads_of(const google::protobuf::RepeatedPtrField<std::string>& texts) {
  std::size_t bytes = 0;
  for (const auto& text : texts) bytes += text.size();
  Payloads payloads;
  payloads.reserve(static_cast<std::size_t>(texts.size()), bytes);
  for (const auto& text : texts) payloads.add(text);
  return payloads;
}

Duration duration_of(std::uint64_t us) {
  return Duration{static_cast<std::int64_t>(us & 0xff'ffff'ffff'ffffULL)};
}

}  // namespace

Result<void> ClientSession::hello(const Frame& frame) {
  if (frame.type != FrameType::client_hello)
    return fail(Errc::protocol_error, "a client's first frame must be ClientHello");
  wire::ClientHello hello;
  if (auto ok = parse(frame, hello); !ok) return ok;
  if (hello.client_key().size() != peer_key_bytes)
    return fail(Errc::protocol_error, "a client key has {} bytes", peer_key_bytes);
  server_.turn().attach(id(), *this);
  server_.broker().client_joined(id(), hello.client_key(), server_.now());
  wire::ClientWelcome welcome;
  welcome.set_epoch(server_.broker().epoch().value);
  welcome.set_payload_max_bytes(server_.broker().limits().payload_max_bytes);
  welcome.set_batch_max(server_.broker().limits().batch_max);
  welcome.set_version(REEVE_VERSION);
  welcome.set_instance(server_.broker().instance().value);
  welcome.set_backups(true);
  welcome.set_tasks_max(server_.broker().limits().tasks_max);
  outbox().send_now(FrameType::client_welcome, welcome);
  server_.turn().touch(*this);
  log::debug("client {} joined from {}", hello.program(), outbox().connection().peer_address());
  return {};
}

Result<void> ClientSession::handle(const Frame& frame) {
  switch (frame.type) {
    case FrameType::submit:
      return submit(frame);
    case FrameType::put:
      return put(frame);
    case FrameType::get:
      return get(frame);
    case FrameType::took:
      return took(frame);
    case FrameType::fetched:
      return fetched(frame);
    case FrameType::close_job:
    case FrameType::watch:
    case FrameType::cancel:
    case FrameType::retry:
    case FrameType::forget:
      return handle_job_command(frame);
    case FrameType::task_done:
    case FrameType::join:
    case FrameType::queue_create:
    case FrameType::queue_control:
      return handle_queue_command(frame);
    default:
      return handle_query(frame);
  }
}

// While the store cannot be written, what would need it is refused at once instead of waiting for better times. Before
// anything else, because also an error can say that something is done, as "no job 1" does to whoever repeats a Forget;
// and what was decided last may not be on disk.
Result<void> ClientSession::writable_store() const {
  if (server_.turn().trouble().empty()) return {};
  return fail(Errc::storage_failed, "{}; nothing is accepted until it can", server_.turn().trouble());
}

// ---- tasks and values

Result<void> ClientSession::submit(const Frame& frame) {
  wire::Submit& message = server_.scratch().submit;
  if (auto ok = parse(frame, message); !ok) return ok;
  Submission submission;
  submission.number = message.submission();
  submission.settled = message.settled();
  submission.job = JobId{message.job()};
  submission.open = message.open();
  submission.name = message.name();
  submission.watch = message.watch();
  submission.wait_for_room = message.wait_for_room();
  submission.wait_max = duration_of(message.wait_max_us());
  for (const auto job : message.after()) submission.after.emplace_back(job);
  submission.payloads = payloads_of(message.payloads());
  auto spec = from_wire(message.spec());
  Result<void> result = writable_store();
  if (result && !spec) result = fail(spec.error());
  if (result) {
    submission.spec = std::move(*spec);
    submit_answer_ = message.patient() ? Urgency::patient : Urgency::now;
    result = server_.broker().submit({id(), message.request()}, std::move(submission), server_.now(),
                                     server_.turn());
    submit_answer_ = Urgency::now;
  }
  if (!result) submitted(message.request(), fail(result.error()));
  server_.scratch().trim(frame);
  return {};
}

Result<void> ClientSession::put(const Frame& frame) {
  wire::Put& message = server_.scratch().put;
  if (auto ok = parse(frame, message); !ok) return ok;
  PutValues values{.number = message.submission(),
                   .settled = message.settled(),
                   .queue = message.queue(),
                   .encoding = wire::Encoding_IsValid(message.encoding())
                                   ? static_cast<Encoding>(message.encoding())
                                   : Encoding::raw,
                   .priority = message.priority(),
                   .items = payloads_of(message.items()),
                   .wait_for_room = message.wait_for_room(),
                   .wait_max = duration_of(message.wait_max_us())};
  Result<void> result = writable_store();
  if (result)
    result =
        server_.broker().put({id(), message.request()}, std::move(values), server_.now(), server_.turn());
  if (!result) submitted(message.request(), fail(result.error()));
  server_.scratch().trim(frame);
  return {};
}

Result<void> ClientSession::get(const Frame& frame) {
  wire::Get message;
  if (auto ok = parse(frame, message); !ok) return ok;
  const Asker asker{id(), message.request()};
  Result<void> result = writable_store();
  if (result && message.peek())
    result = server_.broker().peek(asker, message.queue(), message.items_max(), server_.turn());
  else if (result)
    result = server_.broker().get(
        asker, {message.queue(), message.items_max(), message.wait(), duration_of(message.wait_max_us())},
        server_.now(), server_.turn());
  if (!result) got(message.request(), fail(result.error()));
  return {};
}

Result<void> ClientSession::took(const Frame& frame) {
  wire::Took& message = server_.scratch().took;
  if (auto ok = parse(frame, message); !ok) return ok;
  std::vector<TaskId> items;
  items.reserve(static_cast<std::size_t>(message.items_size()));
  for (const auto& item : message.items()) items.push_back({JobId{item.job()}, item.index()});
  server_.broker().took(id(), items, server_.now(), server_.turn());
  return {};
}

Result<void> ClientSession::fetched(const Frame& frame) {
  wire::Fetched& message = server_.scratch().fetched;
  if (auto ok = parse(frame, message); !ok) return ok;
  server_.broker().fetched(JobId{message.job()},
                           {message.indices().data(), static_cast<std::size_t>(message.indices_size())},
                           server_.now(), server_.turn());
  return {};
}

// ---- jobs

Result<void> ClientSession::handle_job_command(const Frame& frame) {
  switch (frame.type) {
    case FrameType::watch:
      return watch(frame);
    case FrameType::cancel:
      return cancel(frame);
    case FrameType::retry:
      return retry(frame);
    case FrameType::close_job: {
      wire::CloseJob message;
      if (auto ok = parse(frame, message); !ok) return ok;
      Result<void> result = writable_store();
      if (result)
        result = server_.broker().close_job({id(), message.request()}, JobId{message.job()}, server_.now(),
                                            server_.turn());
      done_if_failed(message.request(), result);
      return {};
    }
    default: {
      wire::Forget message;
      if (auto ok = parse(frame, message); !ok) return ok;
      Result<void> result = writable_store();
      if (result)
        result = server_.broker().forget({id(), message.request()}, JobId{message.job()}, server_.turn());
      done_if_failed(message.request(), result);
      return {};
    }
  }
}

Result<void> ClientSession::watch(const Frame& frame) {
  wire::Watch message;
  if (auto ok = parse(frame, message); !ok) return ok;
  const auto result =
      server_.broker().watch({id(), message.request()}, JobId{message.job()}, message.outcomes(),
                             message.stop(), server_.now(), server_.turn());
  if (result) return {};
  wire::JobChanged refused;
  refused.set_request(message.request());
  to_wire(result.error(), *refused.mutable_error());
  hold(FrameType::job_changed, refused);
  return {};
}

Result<void> ClientSession::cancel(const Frame& frame) {
  wire::Cancel message;
  if (auto ok = parse(frame, message); !ok) return ok;
  const std::span indices{message.indices().data(), static_cast<std::size_t>(message.indices_size())};
  Result<void> result = writable_store();
  if (result)
    result = server_.broker().cancel({id(), message.request()}, JobId{message.job()}, indices, server_.now(),
                                     server_.turn());
  done_if_failed(message.request(), result);
  return {};
}

// The payloads of finished tasks are only in the store, so the side thread reads them before the Broker goes
// on.
Result<void> ClientSession::retry(const Frame& frame) {
  wire::Retry message;
  if (auto ok = parse(frame, message); !ok) return ok;
  const JobId job{message.job()};
  const Asker asker{id(), message.request()};
  const std::span indices{message.indices().data(), static_cast<std::size_t>(message.indices_size())};
  Result<void> result = writable_store();
  auto plan = server_.broker().plan_retry(job, indices);
  if (result && !plan) result = fail(plan.error());
  if (!result) {
    done(message.request(), fail(result.error()));
    return {};
  }
  server_.retry(asker, job, std::move(*plan));
  return {};
}

// ---- queues

Result<void> ClientSession::handle_queue_command(const Frame& frame) {
  const Now now = server_.now();
  switch (frame.type) {
    case FrameType::task_done: {
      wire::TaskDone message;
      if (auto ok = parse(frame, message); !ok) return ok;
      Result<void> result = writable_store();
      if (result)
        result = server_.broker().task_done({id(), message.request()}, message.queue(), message.count(), now,
                                            server_.turn());
      done_if_failed(message.request(), result);
      return {};
    }
    case FrameType::join: {
      wire::Join message;
      if (auto ok = parse(frame, message); !ok) return ok;
      done_if_failed(message.request(),
                     server_.broker().join({id(), message.request()}, message.queue(),
                                           duration_of(message.wait_max_us()), now, server_.turn()));
      return {};
    }
    case FrameType::queue_create: {
      wire::QueueCreate message;
      if (auto ok = parse(frame, message); !ok) return ok;
      Result<void> result = writable_store();
      if (!wire::QueueKind_IsValid(message.kind()))
        result = fail(Errc::invalid_argument, "unknown kind of queue");
      if (result)
        result = server_.broker().queue_create({id(), message.request()},
                                               {.name = message.queue(),
                                                .kind = static_cast<QueueKind>(message.kind()),
                                                .maxsize = message.maxsize(),
                                                .exist_ok = message.exist_ok(),
                                                .function = message.function(),
                                                .results = message.results(),
                                                .ack_task_done = message.ack_task_done()},
                                               server_.turn());
      done_if_failed(message.request(), result);
      return {};
    }
    default: {
      wire::QueueControl message;
      if (auto ok = parse(frame, message); !ok) return ok;
      Result<void> result = writable_store();
      if (!wire::QueueAction_IsValid(message.action()))
        result = fail(Errc::invalid_argument, "unknown action");
      if (result)
        result =
            server_.broker().queue_control({id(), message.request()}, message.queue(),
                                           static_cast<QueueAction>(message.action()), now, server_.turn());
      done_if_failed(message.request(), result);
      return {};
    }
  }
}

// ---- effects

void ClientSession::hold(FrameType type, const google::protobuf::MessageLite& message, Urgency urgency) {
  finish_outcomes();
  outbox().hold(type, message, urgency);
  server_.turn().touch(*this);
}

void ClientSession::answer(FrameType type, const google::protobuf::MessageLite& message) {
  if (server_.turn().trouble().empty()) return hold(type, message);
  outbox().send_now(type, message);
  server_.turn().touch(*this);
}

void ClientSession::done_if_failed(std::uint64_t request, const Result<void>& result) {
  if (!result) done(request, fail(result.error()));
}

void ClientSession::submitted(std::uint64_t request, const Result<Accepted>& accepted) {
  wire::Submitted message;
  message.set_request(request);
  if (accepted) {
    message.set_job(accepted->job.value);
    message.set_first(accepted->first);
    message.set_count(accepted->count);
    return hold(FrameType::submitted, message, submit_answer_);
  }
  to_wire(accepted.error(), *message.mutable_error());
  answer(FrameType::submitted, message);
}

void ClientSession::got(std::uint64_t request, const Result<std::span<const ItemView>>& items) {
  wire::Got message;
  message.set_request(request);
  if (items) {
    for (const ItemView& item : *items) to_wire(item, *message.add_items());
    return hold(FrameType::got, message);
  }
  to_wire(items.error(), *message.mutable_error());
  answer(FrameType::got, message);
}

void ClientSession::done(std::uint64_t request, const Result<std::uint64_t>& count) {
  wire::Done message;
  message.set_request(request);
  if (count) {
    message.set_count(*count);
    return hold(FrameType::done, message);
  }
  to_wire(count.error(), *message.mutable_error());
  answer(FrameType::done, message);
}

void ClientSession::job_changed(std::uint64_t request, const JobView& job) {
  wire::JobChanged message;
  message.set_request(request);
  to_wire(job, *message.mutable_job());
  hold(FrameType::job_changed, message);
}

void ClientSession::outcome(TaskId task, const Outcome& outcome) {
  if (outcomes_.items_size() > 0 && outcomes_.job() != task.job.value) finish_outcomes();
  outcomes_.set_job(task.job.value);
  wire::Outcome& item = *outcomes_.add_items();
  to_wire(outcome, item);
  item.set_index(task.index);
  outcome_bytes_ += outcome.value.size() + outcome.out.size() + outcome.err.size() + 64;
  if (outcome_bytes_ >= frame_target_bytes) finish_outcomes();
  server_.turn().touch(*this);
}

void ClientSession::finish_outcomes() {
  if (outcomes_.items_size() == 0) return;
  outbox().hold(FrameType::outcomes, outcomes_);
  if (outcome_bytes_ > 2 * frame_target_bytes)
    outcomes_ = wire::Outcomes{};  // gives back what a large value took
  else
    outcomes_.Clear();
  outcome_bytes_ = 0;
}

void ClientSession::lagging(JobId job) {
  wire::Lagging message;
  message.set_job(job.value);
  hold(FrameType::lagging, message);
}

bool ClientSession::congested() const { return outbox().connection().congested(); }

void ClientSession::end_of_turn() { finish_outcomes(); }

void ClientSession::on_writable() {
  server_.broker().session_writable(id(), server_.turn());
  server_.turn_soon();
}

}  // namespace reeve::master
