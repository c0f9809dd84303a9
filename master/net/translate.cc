#include "master/net/translate.h"

#include "proto/convert.h"

namespace reeve::master {

void to_wire(const Counts& counts, wire::Counts& out) {
  out.set_total(counts.total());
  out.set_waiting(counts[TaskState::waiting]);
  out.set_ready(counts[TaskState::ready]);
  out.set_leased(counts[TaskState::leased]);
  out.set_succeeded(counts[TaskState::succeeded]);
  out.set_failed(counts[TaskState::failed]);
  out.set_cancelled(counts[TaskState::cancelled]);
}

void to_wire(const JobView& job, wire::JobInfo& out) {
  out.set_job(job.id.value);
  out.set_name(job.name);
  if (job.spec) to_wire(*job.spec, *out.mutable_spec());
  // It may be large, and nobody looks at it in a list.
  if (out.spec().has_command()) out.mutable_spec()->mutable_command()->clear_stdin();
  to_wire(job.counts, *out.mutable_counts());
  out.set_open(job.open);
  out.set_submitted_us(to_us(job.submitted));
  out.set_started_us(to_us(job.started));
  out.set_finished_us(to_us(job.finished));
  out.set_incomplete(job.incomplete);
  out.set_trouble(job.trouble);
  for (const JobId id : job.after) out.add_after(id.value);
}

void to_wire(const QueueView& queue, wire::QueueInfo& out) {
  out.set_name(queue.name);
  out.set_kind(static_cast<wire::QueueKind>(queue.kind));
  out.set_maxsize(queue.maxsize);
  out.set_size(queue.ready + queue.waiting);
  out.set_ready(queue.ready);
  out.set_waiting(queue.waiting);
  out.set_leased(queue.leased);
  out.set_unfinished(queue.unfinished);
  out.set_paused(queue.paused);
  out.set_getters(queue.getters);
  out.set_putters(queue.putters);
  out.set_function(queue.function);
  out.set_results(queue.results);
  out.set_ack_task_done(queue.ack_task_done);
  for (const auto& [function, count] : queue.stuck) {
    auto& pair = *out.add_stuck();
    pair.set_key(function);
    pair.set_value(fmt::format("{}", count));
  }
}

void to_wire(const WorkerView& worker, wire::WorkerInfo& out) {
  out.set_worker(worker.id.value);
  out.set_name(worker.name);
  out.set_host(worker.host);
  out.set_pid(worker.pid);
  out.set_slots(worker.slots);
  for (const auto& function : worker.functions) out.add_functions(function);
  out.set_commands(worker.commands);
  for (const auto& queue : worker.queues) out.add_queues(queue);
  to_wire(worker.labels, *out.mutable_labels());
  out.set_connected(worker.connected);
  out.set_draining(worker.draining);
  out.set_held(worker.held);
  out.set_held_max(worker.held_max);
  out.set_finished(worker.finished);
  out.set_failed(worker.failed);
  out.set_connected_us(to_us(worker.connected_at));
  out.set_heard_us(to_us(worker.heard_at));
  out.set_address(worker.address);
  out.set_version(worker.version);
  for (const TaskId& id : worker.running) {
    auto& name = *out.add_running();
    name.set_job(id.job.value);
    name.set_index(id.index);
  }
}

void to_wire(const TaskView& task, wire::TaskInfo& out) {
  out.set_index(task.index);
  out.set_state(static_cast<wire::TaskState>(task.state));
  out.set_attempt(task.attempt);
  out.set_crashes(task.crashes);
  out.set_worker(task.worker);
  out.set_not_before_us(to_us(task.not_before));
  out.set_payload(task.payload);
}

void to_wire(const ItemView& item, wire::Item& out) {
  out.set_job(item.id.job.value);
  out.set_index(item.id.index);
  out.set_encoding(static_cast<wire::Encoding>(item.encoding));
  out.set_value(item.value.data(), item.value.size());
  if (!item.function.empty()) out.set_function(item.function.data(), item.function.size());
  out.set_priority(item.priority);
  if (item.from.index == 0) return;
  out.set_from_job(item.from.job.value);
  out.set_from_index(item.from.index);
  out.set_from_state(static_cast<wire::TaskState>(item.from_state));
  if (!item.error.empty()) out.set_error(item.error.data(), item.error.size());
}

WorkerIntro from_wire(const wire::WorkerHello& hello, std::string address) {
  WorkerIntro intro{.key = hello.worker_key(),
                    .name = hello.name(),
                    .host = hello.host(),
                    .version = hello.version(),
                    .address = std::move(address),
                    .pid = hello.pid(),
                    .slots = hello.slots(),
                    .functions = {hello.functions().begin(), hello.functions().end()},
                    .commands = hello.commands(),
                    .queues = {hello.queues().begin(), hello.queues().end()},
                    .labels = from_wire(hello.labels()),
                    .draining = hello.draining(),
                    .connection = hello.connection(),
                    .held = {},
                    .finished = {}};
  intro.held.reserve(static_cast<std::size_t>(hello.held_size()));
  for (const auto& fence : hello.held()) intro.held.push_back(from_wire(fence));
  for (const auto& fence : hello.finished()) intro.finished.push_back(from_wire(fence));
  return intro;
}

}  // namespace reeve::master
