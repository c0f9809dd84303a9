// What Python's list(x) and dict(x) make of an argument, element by element, without building anything. Of the proxy of a
// list, dict or Array it is what that holds now.
#pragma once

#include <expected>
#include <utility>
#include <vector>

#include "master/managers/arguments.h"

namespace reeve::master::managers {

// Raises TypeError for what cannot be iterated.
std::expected<std::vector<pickle::Fragment>, Raise> elements_of(const pickle::Fragment& iterable,
                                                                const ObjectTable& objects);
// A dict, or a sequence of pairs. Raises TypeError, ValueError.
std::expected<std::vector<std::pair<pickle::Fragment, pickle::Fragment>>, Raise> entries_of(
    const pickle::Fragment& mapping, const ObjectTable& objects);

}  // namespace reeve::master::managers
