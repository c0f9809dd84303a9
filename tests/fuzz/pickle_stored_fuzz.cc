// Any bytes as a stored payload: refused, or a fragment that can be stored again and be given to anybody.
#include <cstdint>
#include <string_view>

#include "common/pickle/payload.h"
#include "tests/fuzz/pickle_checks.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace reeve::pickle;
  static const Limits limits = fuzz_limits();
  const std::string_view stored{reinterpret_cast<const char*>(data), size};
  (void)text_of_pickle(stored, limits);
  const auto fragment = from_stored(stored, limits);
  if (!fragment) return 0;
  const auto again = from_stored(to_stored(*fragment), limits);
  require(again && *again == *fragment);
  for (const Reader reader : {Reader::python2, Reader::python3_old, Reader::python3}) {
    std::string direct, indirect;
    ReplyWriter first{reader, direct, ReplyKind::returned}, second{reader, indirect, ReplyKind::returned};
    require(first.stored(stored).has_value() == second.value(*fragment).has_value() && direct == indirect);
  }
  // Trailers say what they like: whatever they say, nothing is read or written beyond the bytes.
  (void)convert(*fragment, Reader::python2, limits);
  (void)decode(*fragment, limits);
  return 0;
}
