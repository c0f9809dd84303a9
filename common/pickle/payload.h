// Payloads of tasks as Python values: what native programs and Python clients put into the same queues.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/base/task.h"
#include "common/pickle/fragment.h"
#include "common/pickle/limits.h"

namespace reeve::pickle {

// What a Python client gets for a payload: json becomes the Python value, raw bytes, pickle is taken as it is.
// invalid_argument: the bytes are not in that encoding.
Result<Fragment> from_payload(Encoding encoding, std::string_view bytes, const Limits& limits = {});

// The JSON of a pickled payload, for functions and people that do not speak pickle. invalid_argument: there is none.
Result<std::string> json_of_pickle(std::string_view stored, const Limits& limits = {});

// How a pickled payload is shown to people: Python's own text for primitives, else the class and how long it is:
// "<decimal.Decimal object, 38 bytes>".
std::string text_of_pickle(std::string_view stored, const Limits& limits = {});

}  // namespace reeve::pickle
