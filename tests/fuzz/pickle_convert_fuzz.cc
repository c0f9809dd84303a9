// Any bytes as a pickle: what is cut out of it goes to readers of every generation, and is read as a value.
#include <cstdint>
#include <string_view>

#include "tests/fuzz/pickle_checks.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace reeve::pickle;
  static const Limits limits = fuzz_limits();
  Scan scan{limits};
  if (!scan.pickle({reinterpret_cast<const char*>(data), size})) return 0;
  Fragment fragment;
  if (!slice(scan, scan.top(), fragment)) return 0;
  check_fragment(fragment, limits);
  check_conversions(fragment, limits);
  check_value(fragment, limits);
  return 0;
}
