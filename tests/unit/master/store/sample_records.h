// Records for the store's tests, in one line each.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "master/core/records.h"

namespace reeve::master {

inline std::shared_ptr<const TaskSpec> sample_spec(std::string function = "square") {
  return std::make_shared<const TaskSpec>(
      TaskSpec{.queue = "jobs", .function = std::move(function), .retries = 2});
}

inline JobRecord job_record(std::uint64_t id, std::string name = "a job") {
  return {.id = JobId{id}, .name = std::move(name), .submitted = wall_from_us(1'000'000 + id)};
}

inline ChunkRecord chunk_record(std::uint64_t job, std::uint32_t first,
                                const std::vector<std::string>& payloads,
                                std::shared_ptr<const TaskSpec> spec = sample_spec()) {
  auto block = std::make_shared<Payloads>();
  for (const std::string& payload : payloads) block->add(payload);
  return {.job = JobId{job},
          .first = first,
          .spec = std::move(spec),
          .payloads = std::move(block),
          .origins = nullptr,
          .submitted = wall_from_us(2'000'000),
          .epoch = Epoch{7}};
}

inline OutcomeRecord outcome_record(std::uint64_t job, std::uint32_t chunk, std::uint32_t index,
                                    std::string value = "out", TaskState state = TaskState::succeeded) {
  Outcome outcome{.state = state, .attempt = 1, .value = std::move(value), .worker = "w1"};
  if (state == TaskState::failed) outcome.error = "it broke";
  return {.task = {JobId{job}, index}, .chunk = chunk, .outcome = std::move(outcome)};
}

inline OutcomeRecord retried(std::uint64_t job, std::uint32_t chunk, std::uint32_t index) {
  return {.task = {JobId{job}, index}, .chunk = chunk, .outcome = {.state = TaskState::ready}};
}

inline OutcomeRecord taken(std::uint64_t job, std::uint32_t chunk, std::uint32_t index) {
  return {.task = {JobId{job}, index}, .chunk = chunk, .outcome = {.state = TaskState::succeeded}};
}

inline ProgressRecord progress_record(std::uint64_t job, std::uint32_t chunk, std::uint32_t index,
                                      std::uint32_t attempt) {
  return {.task = {JobId{job}, index}, .chunk = chunk, .attempt = attempt, .failures = attempt};
}

// Records cannot be copied into an initializer list cheaply, so: batch(a, b, c).
template <typename... Each>
Records batch(Each... each) {
  Records records;
  (records.emplace_back(std::move(each)), ...);
  return records;
}

}  // namespace reeve::master
