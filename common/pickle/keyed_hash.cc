#include "common/pickle/keyed_hash.h"

#include <bit>
#include <cstring>
#include <random>

namespace reeve::pickle {

namespace {

// The four words of SipHash's state.
class Sip {
 public:
  explicit Sip(const HashKey& key)
      : a_(key.low ^ 0x736f'6d65'7073'6575u),
        b_(key.high ^ 0x646f'7261'6e64'6f6du),
        c_(key.low ^ 0x6c79'6765'6e65'7261u),
        d_(key.high ^ 0x7465'6462'7974'6573u) {}

  void take(std::uint64_t word) {
    d_ ^= word;
    round();
    a_ ^= word;
  }
  std::uint64_t finish() {
    c_ ^= 0xff;
    for (int i = 0; i < 3; ++i) round();
    return a_ ^ b_ ^ c_ ^ d_;
  }

 private:
  void round() {
    a_ += b_, c_ += d_;
    b_ = std::rotl(b_, 13) ^ a_, d_ = std::rotl(d_, 16) ^ c_;
    a_ = std::rotl(a_, 32);
    c_ += b_, a_ += d_;
    b_ = std::rotl(b_, 17) ^ c_, d_ = std::rotl(d_, 21) ^ a_;
    c_ = std::rotl(c_, 32);
  }

  std::uint64_t a_, b_, c_, d_;
};

std::uint64_t random_word() {
  std::random_device random;
  return std::uint64_t{random()} << 32 | random();
}

const HashKey& process_key() {
  static const HashKey key{random_word(), random_word()};
  return key;
}

}  // namespace

std::uint64_t siphash13(const HashKey& key, std::string_view bytes) {
  Sip sip{key};
  std::uint64_t last = bytes.size() << 56;
  for (; bytes.size() >= 8; bytes.remove_prefix(8)) {
    std::uint64_t word;
    std::memcpy(&word, bytes.data(), 8);
    sip.take(word);
  }
  for (std::size_t i = 0; i < bytes.size(); ++i)
    last |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  sip.take(last);
  return sip.finish();
}

std::size_t keyed_hash(std::string_view bytes) { return siphash13(process_key(), bytes); }

std::size_t keyed_hash(std::uint64_t first, std::uint64_t second) {
  Sip sip{process_key()};
  sip.take(first);
  sip.take(second);
  return sip.finish();
}

}  // namespace reeve::pickle
