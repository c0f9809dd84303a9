// The lines that a worker and a long-lived program exchange: one JSON object each, ended by a line feed.
//
//   worker → program
//     {"task":"17.3","job":17,"index":3,"attempt":1,"queue":"default","encoding":"json","payload":{…}}
//   program → worker
//     {"value":…}   or   {"error":"what went wrong"}
//
//   payload   "encoding":"json": the payload itself; "raw": a string; what is no UTF-8, and "pickle", stands as
//             "payload_base64" instead. A program that is no Python function gets the JSON of a pickle, if there is one.
//   answer    "value" is any JSON; "value_base64" with "encoding":"raw" or "pickle" returns bytes. It may repeat
//             "task"; an answer for another task shows that the program is out of step. What it writes before it has
//             read any of a task answers nothing, but without "task" a second line that comes a moment later than
//             that would be taken for the answer.
//
// No I/O here.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"
#include "worker/work.h"

namespace reeve::worker {

// Error: invalid_argument, when the payload is no JSON although it says so.
Result<std::string> program_request(const Work& work, bool reads_pickles);  // with the line feed

// Fills `outcome` from an answer. Error: protocol_error; the program is out of step and cannot be trusted
// further.
Result<void> read_program_answer(std::string_view line, const Work& work, Outcome& outcome);

}  // namespace reeve::worker
