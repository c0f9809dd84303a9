// Any bytes as JSON: refused, or a value that comes back the same from JSON and from a pickle.
#include <cstdint>
#include <string_view>

#include "tests/fuzz/pickle_checks.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace reeve::pickle;
  static const Limits limits = fuzz_limits();
  const auto value = from_json({reinterpret_cast<const char*>(data), size}, limits);
  if (!value) return 0;
  if (const auto text = to_json(*value, limits)) {
    const auto again = from_json(*text, limits);
    require(again.has_value());
    const auto same = equal(*value, *again, limits);
    require(!same || *same);
  }
  const auto fragment = encode(*value, limits);
  if (!fragment) return 0;
  check_fragment(*fragment, limits);
  const auto decoded = decode(*fragment, limits);
  require(decoded.has_value());
  const auto same = equal(*value, *decoded, limits);
  require(!same || *same);
  return 0;
}
