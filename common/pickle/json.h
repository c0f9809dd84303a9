// Values and JSON.
//
//   None, True, 5, 1.5, 'text'    null, true, 5, 1.5, "text"; ints of any size keep every digit
//   [1, 2], (1, 2)                [1, 2]; comes back as a list
//   {'a': 1}                      {"a": 1}; the order stays
//   {1: 'x', None: 'y'}           {"1": "x", "null": "y"}: keys become text as in Python's own json
//   b'hi'                         {"$bytes": "aGk="}; comes back as bytes
//
// There is no JSON for: float nan and inf, text with lone surrogates, dicts with other keys or with two keys of the
// same text, the dict {"$bytes": "text"} itself, sets and every other type, opaque values.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/pickle/value.h"

namespace reeve::pickle {

// invalid_argument: there is no JSON for it, or it gets too long.
Result<std::string> to_json(const Value& value, const Limits& limits = {});

// invalid_argument: `text` is not JSON. Of keys that come twice the last one counts.
Result<Value> from_json(std::string_view text, const Limits& limits = {});

}  // namespace reeve::pickle
