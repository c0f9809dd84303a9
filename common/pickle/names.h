// Classes and functions that Python 2 and Python 3 know by different names.
#pragma once

#include <optional>

#include "common/pickle/fragment.h"
#include "common/pickle/scan.h"

namespace reeve::pickle {

// None: a class within a class, for which Python 2 has no way to say it.
std::optional<ClassName> python2_name(Scan::Name name);

}  // namespace reeve::pickle
