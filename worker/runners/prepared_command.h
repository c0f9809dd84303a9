// PreparedCommand: the arguments, environment and path with which a command task becomes a process. What all
// tasks of a submission share is worked out once.
#pragma once

#include <array>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "worker/processes/spawner.h"
#include "worker/work.h"

namespace reeve::worker {

// Our own environment, without what is for this daemon alone: its key, and how the service manager talks to
// it.
std::vector<std::string> task_environment();

// The file that `name` stands for: itself when it has a slash, else the first in `path` that can be run.
// Relative directories are seen from `cwd` (empty: ours). Error: errno.
std::expected<std::string, int> find_program(std::string_view name, std::string_view path,
                                             std::string_view cwd);

// Owner: a CommandRunner.  Thread: its slot's.
class PreparedCommand {
 public:
  PreparedCommand();

  // Makes program() that of `work`, which must live as long as it is used. Error: invalid_argument,
  // not_found.
  Result<void> prepare(const Work& work);
  Program program() const { return {path_.c_str(), argv_.data(), envp_.data(), cwd_}; }
  // After a failure to start program(): whether it is worth a second try, since the file was found elsewhere,
  // or is a script that does not say what runs it and goes to the shell now, as execvp has it.
  bool try_differently(const SpawnFailure& failure, std::string_view payload);

 private:
  static constexpr std::size_t variables = 6;  // REEVE_JOB and so on

  Result<void> prepare_spec();
  void prepare_environment();
  void prepare_arguments(std::string_view payload);
  void name_attempt(const Fence& fence);

  const std::vector<std::string> own_environment_;
  std::shared_ptr<const TaskSpec> spec_;  // of the last call
  std::string search_path_;
  std::string path_;
  std::string script_;  // not empty: path_ is the shell, which runs this
  const char* cwd_ = nullptr;
  std::vector<std::string> arguments_;  // those that contain {}
  std::vector<std::string> environment_;
  std::array<std::string, variables> about_attempt_;
  std::vector<char*> argv_, envp_;  // null-terminated; envp_ begins with about_attempt_
};

}  // namespace reeve::worker
