// What makes a copy of a store safe to go on from.
#pragma once

#include <cstdint>

#include "common/base/result.h"
#include "master/store/sqlite.h"

namespace reeve::master {

// Numbers of jobs that a copy leaves out: those of as many jobs that came after it was made, or were lost, are not
// given again.
inline constexpr std::int64_t jobs_left_out = 1'000'000;

// A master that starts on a copy goes on from an earlier, or incomplete, state, while clients, workers and people
// remember a later one. So that nothing of that is taken for something else:
// - it is another instance: clients that were connected end with an error, and no submission of theirs is known;
// - it knows no worker of before: none of their leases is taken up, they are told to stop what they run;
// - its next job has a number beyond those that were given meanwhile.
Result<void> become_another_store(sql::Database& database);

}  // namespace reeve::master
