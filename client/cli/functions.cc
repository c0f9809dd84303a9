#include "client/cli/functions.h"

#include <algorithm>
#include <set>
#include <thread>

#include "client/cli/schema.h"
#include "client/cli/text.h"
#include "client/cli/workers.h"

namespace reeve::cli {

namespace {

// Whether it could run it, and will if it takes anything.
bool fits(const WorkerInfo& worker, const TaskSpec& spec) {
  if (!worker.connected) return false;
  if (!worker.queues.empty() && std::ranges::find(worker.queues, spec.queue) == worker.queues.end())
    return false;
  if (spec.is_command()) return worker.commands;
  return std::ranges::find(worker.functions, spec.function) != worker.functions.end();
}

// A worker that has just joined says a moment later how much it takes. One that shuts down says nothing for longer.
std::vector<WorkerInfo> settled_workers(Client& client, const TaskSpec& spec) {
  constexpr Duration longest = std::chrono::seconds{1}, pause = std::chrono::milliseconds{50};
  const TimePoint begin = mono_now();
  for (;;) {
    std::vector<WorkerInfo> workers = client.workers();
    const bool settled =
        std::ranges::any_of(workers, [&](const WorkerInfo& worker) { return serves(worker, spec); }) ||
        std::ranges::none_of(
            workers, [&](const WorkerInfo& worker) { return fits(worker, spec) && !worker.draining; });
    if (settled || mono_now() - begin >= longest) return workers;
    std::this_thread::sleep_for(pause);
  }
}

}  // namespace

void CallOptions::declare(Options& options) {
  options.text("--queue", spec.queue, "QUEUE", "the queue of the tasks (default: default)");
  options.number("--retries", spec.retries, "N", "try a failed task again, up to N times (default: 0)");
  options.duration("--time-limit", time_limit,
                   "of one attempt; it is ended then and counts as failed (default: 0, none)");
  options.number("--priority", spec.priority, "P", "higher first (default: 0)");
  options.duration("--timeout", timeout, "how long to wait for the results; what was submitted goes on");
  options.flag("--wait-for-worker", wait_for_worker, "wait when no connected worker serves the function");
}

void CallOptions::prepare(Context& context) {
  spec.time_limit = time_limit.value_or(Duration{0});
  spec.encoding = Encoding::json;
  const std::string missing = missing_worker(settled_workers(context.client(), spec), spec);
  if (missing.empty()) return;
  if (!wait_for_worker) refuse(Errc::unavailable, "{}; or wait for one with --wait-for-worker", missing);
  context.note("waiting: " + missing);
}

bool serves(const WorkerInfo& worker, const TaskSpec& spec) {
  return takes_tasks(worker) && fits(worker, spec);
}

std::string missing_worker(const std::vector<WorkerInfo>& workers, const TaskSpec& spec) {
  if (std::ranges::any_of(workers, [&](const WorkerInfo& worker) { return serves(worker, spec); })) return {};
  std::set<std::string> functions;
  bool elsewhere = false;  // a worker knows the function, but does not take tasks from this queue
  std::size_t connected = 0;
  for (const WorkerInfo& worker : workers) {
    if (!worker.connected) continue;
    ++connected;
    functions.insert(worker.functions.begin(), worker.functions.end());
    elsewhere = elsewhere || std::ranges::find(worker.functions, spec.function) != worker.functions.end();
  }
  if (connected == 0) return "no worker is connected to the master: start reeve-worker";
  const auto closed =
      std::ranges::find_if(workers, [&](const WorkerInfo& worker) { return fits(worker, spec); });
  if (closed != workers.end())
    return fmt::format("worker {} serves function '{}', but finishes what it has and takes nothing new ({})",
                       closed->name, spec.function,
                       closed->draining
                           ? fmt::format("draining: 'reeve worker undrain {}' ends that", closed->name)
                           : "shutting down, or stuck");
  if (elsewhere)
    return fmt::format("no connected worker serves function '{}' in queue '{}' ('reeve worker ls' tells why)",
                       spec.function, spec.queue);
  const std::vector<std::string> known(functions.begin(), functions.end());
  const std::string meant = nearest(spec.function, known);
  return fmt::format("no connected worker serves function '{}'; {} {} {}{}; start a reeve-worker that does",
                     spec.function, count_of(connected, "worker"), connected == 1 ? "serves" : "serve",
                     known.empty() ? "none" : join(known, ", "),
                     meant.empty() ? "" : fmt::format(" (did you mean {}?)", meant));
}

void print_value(Context& context, TaskName task, const Outcome& outcome) {
  if (context.json()) {
    context.out().line(json_result(task, outcome));
    return;
  }
  if (outcome.state != TaskState::succeeded) {
    context.complain_in_lines(
        fmt::format("task {} {}", to_string(task), ending_of(outcome.state, reason_of(outcome))));
    return;
  }
  context.out().write(payload_text(outcome.value, outcome.encoding));
  if (outcome.encoding != Encoding::raw || context.out().is_terminal()) context.out().write("\n");
}

}  // namespace reeve::cli
