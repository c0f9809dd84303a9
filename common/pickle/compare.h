// Python's ==, hash() and < on values.
#pragma once

#include "common/pickle/value.h"

namespace reeve::pickle {

// Numbers across int, float and bool, exactly; text with text, bytes with bytes; containers element by element.
// Opaque values are equal if their fragments say the same. limit_reached: too many elements, shared ones counted
// each time.
Result<bool> equal(const Value& a, const Value& b, const Limits& limits = {});

// Equal values have equal hashes. invalid_argument: "unhashable type: 'list'", a TypeError in Python.
Result<std::size_t> hash(const Value& value, const Limits& limits = {});

// a < b. Tuples and lists are compared for equality first, and only the first difference is ordered, so that what
// stands behind a different priority is never looked at. NaN is less than nothing and nothing is less than NaN.
// invalid_argument: "'<' not supported between instances of 'str' and 'int'", a TypeError in Python.
Result<bool> less(const Value& a, const Value& b, const Limits& limits = {});

// The same for who compares many: within `steps`, of which they take what they need.
Result<bool> equal(const Value& a, const Value& b, std::uint64_t& steps);
Result<std::size_t> hash(const Value& value, std::uint64_t& steps);
Result<bool> less(const Value& a, const Value& b, std::uint64_t& steps);

}  // namespace reeve::pickle
