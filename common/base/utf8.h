// UTF-8 as in RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
#pragma once

#include <cstddef>
#include <string_view>

namespace reeve {

// The length of the sequence at the front of `bytes`, which are not empty; 0: there is none.
std::size_t utf8_length(std::string_view bytes);

bool is_utf8(std::string_view bytes);

}  // namespace reeve
