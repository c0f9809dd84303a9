// Any bytes as a request: refused, or every argument is a fragment that stands on its own.
#include <cstdint>
#include <string_view>

#include "common/pickle/pieces.h"
#include "common/pickle/request.h"
#include "tests/fuzz/pickle_checks.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace reeve::pickle;
  static const Limits limits = fuzz_limits();
  static RequestParser parser{limits};
  static Request request;
  if (!parser.parse({reinterpret_cast<const char*>(data), size}, request)) return 0;
  for (const Fragment& fragment : request.args) {
    check_fragment(fragment, limits);
    const auto pieces = split(fragment, limits);
    if (!pieces) continue;
    for (std::size_t i = 0; i < std::min<std::size_t>(pieces->elements.size(), 20); ++i)
      check_fragment(pieces->elements[i], limits);
  }
  for (const auto& [name, fragment] : request.kwds) check_fragment(fragment, limits);
  return 0;
}
