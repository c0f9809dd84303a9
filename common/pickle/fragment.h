// Fragment: one value, cut out of a pickle without being executed or decoded.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace reeve::pickle {

// What a Python can read, told by the protocol of its own requests.
enum class Reader : std::uint8_t {
  python2,      // up to protocol 2, Python 2 names of classes
  python3_old,  // 3.6 and 3.7: up to protocol 4
  python3,      // 3.8 and later: up to protocol 5
};
constexpr Reader reader_of_protocol(std::uint8_t protocol) {
  return protocol <= 2 ? Reader::python2 : protocol == 3 ? Reader::python3_old : Reader::python3;
}

struct ClassName {
  std::string module, name;
  bool operator==(const ClassName&) const = default;
};

// A fragment is the opcodes that make one value, without PROTO, FRAME and STOP, so that fragments can be put one
// behind the other into a reply. Its memo opcodes are LONG_BINPUT and LONG_BINGET only, numbered from 0, and
// `fixups` says where the 4 bytes of each number begin: a reply adds what its memo already holds.
//
// A plain value. Most have neither fixups nor classes nor tokens, and then cost one allocation at most.
struct Fragment {
  std::string bytes;
  std::vector<std::uint32_t> fixups;
  std::uint32_t memo_count = 0;           // numbers used
  std::uint8_t protocol = 2;              // the highest that its opcodes need; 2 at least
  bool python2_names = true;              // of its classes: __builtin__ rather than builtins
  bool high_bytes = false;                // a Python 2 str with bytes above 127 is in it
  std::vector<ClassName> classes;         // every class and function that it refers to
  std::vector<std::string> token_idents;  // objects whose proxies are in it (RebuildProxy)

  bool operator==(const Fragment&) const = default;
};

}  // namespace reeve::pickle
