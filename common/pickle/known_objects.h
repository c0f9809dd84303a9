// Calls that stand for primitives: recognised by name and by the shape of their arguments, never made.
#pragma once

#include <optional>
#include <vector>

#include "common/pickle/scan.h"
#include "common/pickle/value.h"

namespace reeve::pickle {

// Whether `entry` is a call of a function that make_known_object knows, so that its arguments are worth reading.
bool is_known_object(const Scan& scan, const Entry& entry);

// What the call makes. `parts`: the tuple of arguments, and behind it the items or the state that were put into it.
// None: the arguments are not as expected; it stays opaque.
std::optional<Value> make_known_object(Scan::Name name, std::vector<Value> parts, const Limits& limits);

}  // namespace reeve::pickle
