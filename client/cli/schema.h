// The JSON that --json prints: one function for each schema. docs/CLI.md is its specification; a field is
// only ever added, and anything else raises the number behind the slash.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/cli/exit_code.h"
#include "reeve/client.h"

namespace reeve::cli {

// What an error says besides its message, as numbers.
using ErrorFields = std::vector<std::pair<std::string_view, std::uint64_t>>;

// Each returns one JSON object in one line, without its end.
std::string json_submitted(std::uint64_t job, std::uint64_t tasks);             // reeve.submitted/1
std::string json_job(const JobInfo& job);                                       // reeve.job/1
std::string json_jobs(const std::vector<JobInfo>& jobs);                        // reeve.jobs/1
std::string json_task(std::uint64_t job, const TaskInfo& task);                 // reeve.task/1
std::string json_result(TaskName task, const Outcome& outcome);                 // reeve.result/1
std::string json_why(TaskName name, const JobInfo& job, std::string_view why);  // reeve.why/1
std::string json_changed(std::string_view what, std::string_view name,
                         std::uint64_t tasks);                                          // reeve.changed/1
std::string json_queue(const QueueInfo& queue);                                         // reeve.queue/1
std::string json_queues(const std::vector<QueueInfo>& queues);                          // reeve.queues/1
std::string json_item(const Item& item);                                                // reeve.item/1
std::string json_worker(const WorkerInfo& worker);                                      // reeve.worker/1
std::string json_workers(const std::vector<WorkerInfo>& workers);                       // reeve.workers/1
std::string json_backup(const BackupInfo& backup);                                      // reeve.backup/1
std::string json_status(const StatusInfo& status);                                      // reeve.status/1
std::string json_key(std::string_view key, std::string_view file);                      // reeve.key/1
std::string json_error(const Error& error, Exit exit, const ErrorFields& fields = {});  // reeve.error/1

}  // namespace reeve::cli
