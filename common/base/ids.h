// The names of things: each id is a type of its own, so that a worker cannot be passed for a job.
#pragma once

#include <fmt/format.h>

#include <compare>
#include <cstdint>
#include <functional>

namespace reeve {

template <typename Tag>
struct Id {
  std::uint64_t value = 0;  // 0: none
  explicit operator bool() const { return value != 0; }
  auto operator<=>(const Id&) const = default;
};

using JobId = Id<struct JobTag>;
using WorkerId = Id<struct WorkerTag>;    // one connection history of a worker process, within one epoch
using SessionId = Id<struct SessionTag>;  // one connection to the master
using Epoch = Id<struct EpochTag>;        // raised by the store at every master start
using InstanceId =
    Id<struct InstanceTag>;  // of a store: drawn when it was made, so that jobs of two are not mixed up

// Task 3 of job 17, written 17.3. Indices count from 1.
struct TaskId {
  JobId job;
  std::uint32_t index = 0;
  auto operator<=>(const TaskId&) const = default;
};

// The name of a lease: the right to run one attempt. A result is accepted only under a current fence.
struct Fence {
  Epoch epoch;  // in which the lease was granted
  TaskId task;
  std::uint32_t attempt = 0;
  auto operator<=>(const Fence&) const = default;
};

}  // namespace reeve

template <typename Tag>
struct std::hash<reeve::Id<Tag>> {
  std::size_t operator()(reeve::Id<Tag> id) const noexcept { return std::hash<std::uint64_t>{}(id.value); }
};

template <>
struct std::hash<reeve::TaskId> {
  std::size_t operator()(reeve::TaskId id) const noexcept {
    return std::hash<std::uint64_t>{}((id.job.value << 24) ^ id.index);
  }
};

template <>
struct std::hash<reeve::Fence> {
  std::size_t operator()(const reeve::Fence& fence) const noexcept {
    return std::hash<reeve::TaskId>{}(fence.task) ^ (fence.attempt * 0x9e3779b97f4a7c15ULL) ^
           (fence.epoch.value << 48);
  }
};

template <typename Tag>
struct fmt::formatter<reeve::Id<Tag>> : fmt::formatter<std::uint64_t> {
  auto format(reeve::Id<Tag> id, fmt::format_context& ctx) const {
    return fmt::formatter<std::uint64_t>::format(id.value, ctx);
  }
};

template <>
struct fmt::formatter<reeve::TaskId> : fmt::formatter<std::string_view> {
  auto format(reeve::TaskId id, fmt::format_context& ctx) const {
    return fmt::format_to(ctx.out(), "{}.{}", id.job, id.index);
  }
};
