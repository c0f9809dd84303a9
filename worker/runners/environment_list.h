// EnvironmentList: the environment of a task's program: the worker's own, without its secrets, then what the
// task adds, then what names the attempt (REEVE_JOB, REEVE_TASK, REEVE_INDEX, REEVE_ATTEMPT, REEVE_QUEUE).
//
// Owner: a CommandRunner.  Thread: one.  Kept for as long as attempts of the same spec follow one another:
// then only three values change.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "worker/work.h"

namespace reeve::worker {

class EnvironmentList {
 public:
  void prepare(const TaskSpec& spec);
  // For execve; valid until the next call. Pre: prepared for this work's spec.
  char* const* for_attempt(const Work& work);
  std::string_view find(std::string_view name) const;  // empty: not there

 private:
  enum Varying { job, task, index, attempt, varying_count };
  std::vector<std::string> fixed_;
  std::array<std::string, varying_count> varying_;
  std::vector<char*> pointers_;
};

}  // namespace reeve::worker
