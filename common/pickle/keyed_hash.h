// Hashes that nobody outside of this process can foresee, so that nobody can choose keys that all collide.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace reeve::pickle {

struct HashKey {
  std::uint64_t low = 0, high = 0;
};

// SipHash-1-3, as Python hashes its strings.
std::uint64_t siphash13(const HashKey& key, std::string_view bytes);

// Under a key that is drawn once for each process.
std::size_t keyed_hash(std::string_view bytes);
std::size_t keyed_hash(std::uint64_t first, std::uint64_t second);

// For tables whose keys others choose.
struct KeyedHash {
  std::size_t operator()(std::string_view bytes) const { return keyed_hash(bytes); }
};

}  // namespace reeve::pickle
