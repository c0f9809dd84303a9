// OwnProgram: starts the worker's own binary again for one of its helpers: a pool child, the guard.
//
// The helper is told what it is by its first argument, finds what it shares with the worker under fixed
// descriptor numbers (3, 4, …) and inherits nothing else but standard error and, as /dev/null, standard input
// and output.
#pragma once

#include <sys/types.h>

#include <initializer_list>
#include <string>
#include <vector>

#include "common/base/result.h"

namespace reeve::worker {

inline constexpr int first_shared_descriptor = 3;

enum class HelperGroup { process_group, session };  // which of its own it leads

// Returns its process id. Error: unavailable.
Result<pid_t> start_own_program(const std::vector<std::string>& arguments, std::initializer_list<int> shared,
                                HelperGroup group);

}  // namespace reeve::worker
