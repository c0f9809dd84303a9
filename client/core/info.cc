#include "client/core/info.h"

#include <utility>

#include "client/core/wire_scan.h"
#include "proto/convert.h"
#include "reeve/errors.h"

namespace reeve::client {
namespace {

Counts counts_from(const wire::Counts& counts) {
  return {.total = counts.total(),
          .waiting = counts.waiting(),
          .ready = counts.ready(),
          .leased = counts.leased(),
          .succeeded = counts.succeeded(),
          .failed = counts.failed(),
          .cancelled = counts.cancelled()};
}

// A spec that this version does not understand is shown empty: it is for people only.
TaskSpec spec_from(const wire::TaskSpec& spec) { return from_wire(spec).value_or(TaskSpec{}); }

template <typename List>
std::vector<std::string> strings_from(const List& list) {
  return {list.begin(), list.end()};
}

}  // namespace

JobInfo info_from(const wire::JobInfo& info) {
  JobInfo out;
  out.job = info.job();
  out.name = info.name();
  out.spec = spec_from(info.spec());
  out.counts = counts_from(info.counts());
  out.open = info.open();
  out.incomplete = info.incomplete();
  out.submitted = wall_from_us(info.submitted_us());
  out.started = wall_from_us(info.started_us());
  out.finished = wall_from_us(info.finished_us());
  out.trouble = info.trouble();
  out.after.assign(info.after().begin(), info.after().end());
  return out;
}

TaskInfo info_from(wire::TaskInfo info) {
  TaskInfo out;
  out.index = info.index();
  out.state = static_cast<TaskState>(info.state());
  out.attempt = info.attempt();
  out.crashes = info.crashes();
  out.worker = std::move(*info.mutable_worker());
  out.not_before = wall_from_us(info.not_before_us());
  if (info.has_outcome()) out.outcome = from_wire(std::move(*info.mutable_outcome()));
  out.payload = std::move(*info.mutable_payload());
  if (info.has_spec()) out.spec = spec_from(info.spec());
  return out;
}

QueueInfo info_from(const wire::QueueInfo& info) {
  QueueInfo out;
  out.name = info.name();
  out.kind = static_cast<QueueKind>(info.kind());
  out.maxsize = info.maxsize();
  out.function = info.function();
  out.results = info.results();
  out.ack_task_done = info.ack_task_done();
  out.size = info.size();
  out.ready = info.ready();
  out.waiting = info.waiting();
  out.leased = info.leased();
  out.unfinished = info.unfinished();
  out.paused = info.paused();
  out.getters = info.getters();
  out.putters = info.putters();
  out.stuck = from_wire(info.stuck());
  return out;
}

WorkerInfo info_from(const wire::WorkerInfo& info) {
  WorkerInfo out;
  out.worker = info.worker();
  out.name = info.name();
  out.host = info.host();
  out.pid = info.pid();
  out.slots = info.slots();
  out.functions = strings_from(info.functions());
  out.commands = info.commands();
  out.queues = strings_from(info.queues());
  out.labels = from_wire(info.labels());
  out.connected = info.connected();
  out.draining = info.draining();
  out.held = info.held();
  out.held_max = info.held_max();
  out.finished = info.finished();
  out.failed = info.failed();
  out.connected_at = wall_from_us(info.connected_us());
  out.heard_at = wall_from_us(info.heard_us());
  out.silent = std::chrono::microseconds{info.silent_us()};
  out.lease_left = std::chrono::microseconds{info.lease_left_us()};
  out.address = info.address();
  out.version = info.version();
  for (const auto& name : info.running()) out.running.push_back({name.job(), name.index()});
  return out;
}

BackupInfo info_from(const wire::BackupInfo& info) {
  return {.file = info.file(),
          .bytes_done = info.bytes_done(),
          .bytes_total = info.bytes_total(),
          .taken = wall_from_us(info.taken_us()),
          .finished = info.finished()};
}

StatusInfo info_from(const wire::StatusInfo& info) {
  StatusInfo out;
  out.version = info.version();
  out.epoch = info.epoch();
  out.started = wall_from_us(info.started_us());
  out.durable = info.durable();
  out.data_dir = info.data_dir();
  out.trouble = info.trouble();
  out.tasks = counts_from(info.tasks());
  out.jobs = info.jobs();
  out.queues = info.queues();
  out.workers = info.workers();
  out.slots = info.slots();
  out.clients = info.clients();
  out.rss_bytes = info.rss_bytes();
  for (const auto& counter : info.counters()) out.counters.emplace_back(counter.name(), counter.value());
  return out;
}

Item item_from(wire::Item item) {
  Item out;
  out.bytes = std::move(*item.mutable_value());
  out.encoding = static_cast<Encoding>(item.encoding());
  out.id_job = item.job();
  out.id_index = item.index();
  out.priority = item.priority();
  out.function = std::move(*item.mutable_function());
  out.from = {item.from_job(), item.from_index()};
  out.from_state = static_cast<TaskState>(item.from_state());
  out.error = std::move(*item.mutable_error());
  return out;
}

Outcome decode_outcome(std::string_view bytes) {
  wire::Outcome outcome;
  if (!outcome.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    throw_error({Errc::protocol_error, "the master sent a malformed outcome"});
  return from_wire(std::move(outcome));
}

TaskState decode_state(std::string_view bytes) {
  auto state = TaskState::waiting;
  WireScan scan(bytes);
  while (scan.next())
    if (scan.field() == wire::Outcome::kStateFieldNumber) state = static_cast<TaskState>(scan.number());
  return state;
}

std::optional<Payload> decode_value(std::string_view bytes) {
  auto state = TaskState::waiting;
  auto encoding = Encoding::raw;
  std::string_view value;
  WireScan scan(bytes);
  while (scan.next()) {
    if (scan.field() == wire::Outcome::kStateFieldNumber) state = static_cast<TaskState>(scan.number());
    if (scan.field() == wire::Outcome::kEncodingFieldNumber) encoding = static_cast<Encoding>(scan.number());
    if (scan.field() == wire::Outcome::kValueFieldNumber) value = scan.bytes();
  }
  if (state != TaskState::succeeded || scan.bad()) return std::nullopt;
  return Payload{std::string(value), encoding};
}

}  // namespace reeve::client
