// Floats as Python prints them.
#pragma once

#include <string>

namespace reeve::pickle {

// repr(value): the shortest digits that give the same number again, with a point or an exponent; inf, nan.
std::string real_text(double value);

}  // namespace reeve::pickle
