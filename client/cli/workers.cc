#include "client/cli/workers.h"

#include <fmt/format.h>

#include <algorithm>

#include "client/cli/command.h"
#include "client/cli/text.h"
#include "common/base/duration.h"

namespace reeve::cli {

namespace {

std::string whole_seconds(Duration time) {
  return format_duration(std::chrono::ceil<std::chrono::seconds>(time));
}

std::string names_of(const std::vector<TaskName>& tasks) {
  constexpr std::size_t named_max = 3;
  if (tasks.size() == 1) return "task " + to_string(tasks.front());
  std::string text = count_of(tasks.size(), "task") + " (";
  for (std::size_t i = 0; i < std::min(tasks.size(), named_max); ++i)
    text += (i == 0 ? "" : ", ") + to_string(tasks[i]);
  return text + (tasks.size() > named_max ? ", …)" : ")");
}

}  // namespace

bool does_not_answer(const WorkerInfo& worker) {
  constexpr int heartbeats_in_a_lease = 5;  // proto/README.md: heartbeat_us; the master says lease / 5
  const Duration lease = worker.silent + worker.lease_left;
  return !worker.connected || worker.silent * heartbeats_in_a_lease > 2 * lease;
}

bool takes_tasks(const WorkerInfo& worker) {
  return worker.connected && !worker.draining && worker.held_max > 0;
}

std::string lease_end_of(const WorkerInfo& worker) {
  return worker.lease_left > Duration{0} ? "in " + whole_seconds(worker.lease_left) : "now";
}

std::vector<LostHolder> lost_holders(Client& client, std::uint64_t job) {
  std::vector<LostHolder> lost;
  for (const WorkerInfo& listed : client.workers()) {
    if (!does_not_answer(listed) || listed.held == 0) continue;
    try {
      LostHolder holder{.worker = client.worker(std::to_string(listed.worker)), .tasks = {}};
      std::ranges::copy_if(holder.worker.running, std::back_inserter(holder.tasks),
                           [job](TaskName task) { return task.job == job; });
      std::ranges::sort(holder.tasks, {}, &TaskName::index);
      if (!holder.tasks.empty()) lost.push_back(std::move(holder));
    } catch (const NotFound&) {  // its lease has ended since
    }
  }
  return lost;
}

std::optional<LostHolder> lost_holder(Client& client, TaskName task) {
  for (LostHolder& holder : lost_holders(client, task.job)) {
    if (std::ranges::find(holder.tasks, task.index, &TaskName::index) == holder.tasks.end()) continue;
    holder.tasks = {task};
    return std::move(holder);
  }
  return std::nullopt;
}

std::string fate_of(const LostHolder& lost, bool at_most_once) {
  const bool one = lost.tasks.size() == 1;
  const std::string fate = at_most_once
                               ? (one ? "fails" : "fail") + std::string(", because it may run only once,")
                               : (one ? "goes" : "go") + std::string(" to another one");
  return fmt::format(
      "worker {} has not answered for {}: {} {} {}, when its lease ends, unless it is back before",
      lost.worker.name, whole_seconds(lost.worker.silent), names_of(lost.tasks), fate,
      lease_end_of(lost.worker));
}

}  // namespace reeve::cli
