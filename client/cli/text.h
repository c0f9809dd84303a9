// How things are called and written for people.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "client/cli/table.h"
#include "reeve/info.h"

namespace reeve::cli {

// "1 task", "2 tasks", "100,000 tasks".
std::string count_of(std::uint64_t number, std::string_view noun);

// A job in one word: waiting, ready, running, open, succeeded, failed, cancelled.
std::string_view state_of(const JobInfo& job);
Tone tone_of(std::string_view state);

// What the tasks of `spec` do: "resize --width 80 {}", "square()", "values".
std::string describe(const TaskSpec& spec);
// As a shell would take it.
std::string shell_words(const std::vector<std::string>& words);

std::string local_time(WallTime time);         // "2026-11-21 05:10:52"; "-" for a moment that has not come
std::string ago(WallTime time, WallTime now);  // "3m 5s ago"; "-" as above
std::string utc_time(WallTime time);           // "2026-11-21T05:10:52.123456Z"
std::string bytes_of(std::uint64_t bytes);     // "3.2 MiB"
std::string join(const std::vector<std::string>& words, std::string_view between);
std::string join(const Pairs& pairs, std::string_view between);  // "key=value"

// How long a job has taken, or took.
Duration age_of(const JobInfo& job, WallTime now);

// Why a task ended as it did: "exit code 3", "killed by signal 9", "time limit reached"; empty when it
// succeeded.
// "failed: exit code 7"; a reason that says nothing more is left out: "cancelled".
std::string ending_of(TaskState state, std::string_view reason);
std::string reason_of(const Outcome& outcome);
// An error of Python is what went wrong and, in further lines, where. Without frames these say the same again: left out.
std::string_view without_echo(std::string_view error);
std::string_view first_line(std::string_view text);

// A payload as people read it: a pickle as JSON, else as Python prints it, else as its class and size; everything else
// as it is.
std::string payload_text(std::string_view bytes, Encoding encoding);

}  // namespace reeve::cli
