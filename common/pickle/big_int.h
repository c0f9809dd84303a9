// BigInt: an integer of any size, as far as values need it: read, written, compared; no arithmetic.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace reeve::pickle {

// A plain value.  Always: the highest digit is not 0, and 0 is not negative.
class BigInt {
 public:
  BigInt() = default;
  explicit BigInt(std::int64_t value);
  // Pre: `value` is finite; what stands behind its point is dropped.
  static BigInt truncated(double value);
  // Two's complement, little endian: the argument of LONG1 and LONG4.
  static BigInt from_bytes(std::string_view bytes);
  // [+-]digits. None: something else. Takes quadratic time.
  static std::optional<BigInt> from_decimal(std::string_view text);

  std::string to_bytes() const;  // the fewest; none for 0
  std::string to_decimal() const;
  std::optional<std::int64_t> to_int64() const;
  double to_double() const;                                           // infinite beyond the range
  std::size_t digits_at_most() const { return digits_.size() * 10; }  // decimal ones

  bool negative() const { return negative_; }
  std::size_t hash() const;
  std::strong_ordering operator<=>(const BigInt& other) const;
  bool operator==(const BigInt&) const = default;

 private:
  void normalise();
  void multiply_add(std::uint32_t factor, std::uint32_t summand);
  std::uint32_t divide(std::uint32_t divisor);  // the remainder

  bool negative_ = false;
  std::vector<std::uint32_t> digits_;  // base 2^32, lowest first
};

}  // namespace reeve::pickle
