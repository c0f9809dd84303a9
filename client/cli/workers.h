// What the state of workers means for those who wait for them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "reeve/client.h"

namespace reeve::cli {

// Whether it is not connected, or has missed two heartbeats.
bool does_not_answer(const WorkerInfo& worker);
// Whether it would be given something new if it had room.
bool takes_tasks(const WorkerInfo& worker);

// "in 18s", "now".
std::string lease_end_of(const WorkerInfo& worker);

// A worker that does not answer, and what it holds of one job.
struct LostHolder {
  WorkerInfo worker;
  std::vector<TaskName> tasks;  // at least one
};
std::vector<LostHolder> lost_holders(Client& client, std::uint64_t job);
std::optional<LostHolder> lost_holder(Client& client, TaskName task);  // of this task alone

// "worker w2 has not answered for 12s: task 7.3 goes to another one in 18s, when its lease ends, …"
std::string fate_of(const LostHolder& lost, bool at_most_once);

}  // namespace reeve::cli
