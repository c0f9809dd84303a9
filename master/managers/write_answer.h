// How answers are written in the words that a client's Python understands.
#pragma once

#include <string>

#include "common/pickle/reply.h"
#include "master/managers/answer.h"

namespace reeve::master::managers {

// Appends the reply's payload to `out`. False: there is a value in it that this reader cannot take, and the reply
// says so.  Pre: the outcome is an answer, not Waits.
bool write_answer(pickle::Reader reader, const Outcome& outcome, std::string& out);

}  // namespace reeve::master::managers
