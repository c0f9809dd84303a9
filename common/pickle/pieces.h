// The elements of a container, each as a fragment of its own: one level, without decoding anything.
#pragma once

#include <vector>

#include "common/base/result.h"
#include "common/pickle/fragment.h"
#include "common/pickle/limits.h"

namespace reeve::pickle {

struct Pieces {
  enum class Kind : std::uint8_t { tuple, list, dict, set, frozenset } kind;
  std::vector<Fragment> elements;  // of a dict: keys and values in turn
};

// Definitions that elements share are copied into each, also where an element contains the container itself.
// invalid_argument: the value is none of these containers (a str, a number, an instance…).
Result<Pieces> split(const Fragment& fragment, const Limits& limits = {});

// What list(x) would hold: the elements of a list, tuple, set, the keys of a dict, the numbers of a range, the
// characters of a str… invalid_argument: "'int' object is not iterable", a TypeError in Python.
Result<std::vector<Fragment>> iterate(const Fragment& fragment, const Limits& limits = {});

// What dict(x) would hold, keys and values in turn, keys as often as they come: of a dict, or of a sequence of pairs.
// wrong_state: an element that is no pair, a ValueError in Python.
Result<std::vector<Fragment>> pairs(const Fragment& fragment, const Limits& limits = {});

}  // namespace reeve::pickle
