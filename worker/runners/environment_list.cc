#include "worker/runners/environment_list.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

namespace reeve::worker {
namespace {

// Tasks may talk to the master with a key file they can read, but nobody should find the key in their
// environment.
constexpr std::string_view secret = "REEVE_AUTHKEY=";

bool names(std::string_view entry, std::string_view name) {
  return entry.size() > name.size() && entry.starts_with(name) && entry[name.size()] == '=';
}

}  // namespace

void EnvironmentList::prepare(const TaskSpec& spec) {
  fixed_.clear();
  for (char** entry = environ; *entry != nullptr; ++entry)
    if (!std::string_view(*entry).starts_with(secret)) fixed_.emplace_back(*entry);
  const auto set = [this](std::string_view name, std::string_view value) {
    std::erase_if(fixed_, [&](const std::string& entry) { return names(entry, name); });
    fixed_.push_back(fmt::format("{}={}", name, value));
  };
  for (const auto& [name, value] : spec.command.env) set(name, value);
  set("REEVE_QUEUE", spec.queue);
  for (const std::string_view name : {"REEVE_JOB", "REEVE_TASK", "REEVE_INDEX", "REEVE_ATTEMPT"})
    std::erase_if(fixed_, [&](const std::string& entry) { return names(entry, name); });

  pointers_.clear();
  for (auto& entry : fixed_) pointers_.push_back(entry.data());
  pointers_.resize(fixed_.size() + varying_count + 1);
}

char* const* EnvironmentList::for_attempt(const Work& work) {
  const auto set = [this](Varying which, std::string_view name, const auto& value) {
    varying_[which].clear();
    fmt::format_to(std::back_inserter(varying_[which]), "{}={}", name, value);
    pointers_[fixed_.size() + which] = varying_[which].data();
  };
  set(job, "REEVE_JOB", work.fence.task.job);
  set(task, "REEVE_TASK", work.fence.task);
  set(index, "REEVE_INDEX", work.fence.task.index);
  set(attempt, "REEVE_ATTEMPT", work.fence.attempt);
  pointers_.back() = nullptr;
  return pointers_.data();
}

std::string_view EnvironmentList::find(std::string_view name) const {
  const auto found =
      std::ranges::find_if(fixed_, [&](const std::string& entry) { return names(entry, name); });
  return found == fixed_.end() ? std::string_view{} : std::string_view(*found).substr(name.size() + 1);
}

}  // namespace reeve::worker
