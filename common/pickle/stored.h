// Fragments as payloads: what a task with the encoding `pickle` holds.
//
//   PROTO n, the fragment's bytes, STOP        a complete pickle: every Python can load it, and stops there
//   [details]                                  only if there are fixups, classes or tokens
//   one byte                                   what the fragment says about itself: 101hpppd
//
// of which h is high_bytes, ppp the protocol, and d tells that details precede, behind which stands their size in four
// bytes, little endian. Details are 4-byte numbers and texts behind their 4-byte length: memo_count, the fixups, the
// classes (module and name), the tokens' idents; each list behind its count. n is 2 for Python 2 names, else the
// protocol, 3 at least. A payload whose last byte is STOP has nothing behind it; it came from elsewhere.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/pickle/fragment.h"
#include "common/pickle/limits.h"

namespace reeve::pickle {

std::string to_stored(const Fragment& fragment);

// Any pickle is taken, also without a trailer: then it is scanned, which costs more. invalid_argument: it is none.
Result<Fragment> from_stored(std::string_view stored, const Limits& limits = {});

// What every Python can load, without what stands behind its STOP; all of it when it is no stored pickle.
std::string_view pickle_of_stored(std::string_view stored);

// The bytes of the fragment, if they can go into a reply to that reader as they are: no memo, no classes, nothing to
// convert. None: use from_stored.
std::optional<std::string_view> plain_stored(std::string_view stored, Reader reader);

}  // namespace reeve::pickle
