// Fragments for other readers than those who can take them as they are.
#pragma once

#include <string>

#include "common/base/result.h"
#include "common/pickle/fragment.h"
#include "common/pickle/limits.h"

namespace reeve::pickle {

// Whether `reader` has to be given another form of the fragment.
bool needs_conversion(const Fragment& fragment, Reader reader);

// The same value for that reader: Python 3 text arrives in Python 2 as unicode and bytes as str; Python 2 text stays
// str where it is ASCII and becomes bytes where it is not, classes get their names of the other generation.
//
// invalid_argument: there is no safe form (a class within a class, a set that contains itself, protocol 4 keyword
// construction, a time with fold=1 for Python 2). The caller answers #UNSERIALIZABLE and leaves the item where it was.
Result<Fragment> convert(const Fragment& fragment, Reader reader, const Limits& limits = {});

// One form for what different Pythons write differently, to compare values that stay opaque: as for Python 2, names of
// classes without the texts they came from. The fragment's own bytes where there is no such form.
std::string canonical_bytes(const Fragment& fragment, const Limits& limits = {});

}  // namespace reeve::pickle
