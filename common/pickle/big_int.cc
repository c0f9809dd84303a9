#include "common/pickle/big_int.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>

#include "common/pickle/keyed_hash.h"

namespace reeve::pickle {

namespace {

constexpr int digit_bits = 32;
constexpr std::uint32_t decimal_step = 1'000'000'000;  // the highest power of ten in a digit
constexpr std::size_t decimal_step_digits = 9;

}  // namespace

BigInt::BigInt(std::int64_t value) : negative_(value < 0) {
  auto magnitude = static_cast<std::uint64_t>(value);
  if (negative_) magnitude = 0 - magnitude;
  digits_ = {static_cast<std::uint32_t>(magnitude), static_cast<std::uint32_t>(magnitude >> digit_bits)};
  normalise();
}

BigInt BigInt::truncated(double value) {
  int exponent = 0;
  const double fraction = std::frexp(std::trunc(std::abs(value)), &exponent);  // [0.5, 1) times 2^exponent
  constexpr int mantissa_bits = 53;
  auto mantissa = static_cast<std::uint64_t>(std::ldexp(fraction, mantissa_bits));
  int shift = exponent - mantissa_bits;
  if (shift < 0) {
    mantissa = shift > -mantissa_bits ? mantissa >> -shift : 0;
    shift = 0;
  }
  BigInt out;
  out.negative_ = value < 0;
  out.digits_.assign(static_cast<std::size_t>(shift / digit_bits), 0);
  const int within = shift % digit_bits;
  const std::uint64_t low = (mantissa & 0xffff'ffffu) << within;
  const std::uint64_t high = ((mantissa >> digit_bits) << within) + (low >> digit_bits);
  for (const std::uint64_t digit : {low, high, high >> digit_bits})
    out.digits_.push_back(static_cast<std::uint32_t>(digit));
  out.normalise();
  return out;
}

BigInt BigInt::from_bytes(std::string_view bytes) {
  BigInt out;
  if (bytes.empty()) return out;
  out.negative_ = (static_cast<unsigned char>(bytes.back()) & 0x80) != 0;
  out.digits_.assign((bytes.size() + 3) / 4, 0);
  std::uint32_t carry = out.negative_ ? 1 : 0;  // the magnitude is the complement and 1
  for (std::size_t i = 0; i < out.digits_.size() * 4; ++i) {
    const unsigned fill = out.negative_ ? 0xff : 0;
    unsigned byte = i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : fill;
    if (out.negative_) byte = (byte ^ 0xff) + carry;
    carry = byte >> 8;
    out.digits_[i / 4] |= static_cast<std::uint32_t>(byte & 0xff) << (8 * (i % 4));
  }
  if (out.negative_ && carry != 0) out.digits_.push_back(1);
  out.normalise();
  return out;
}

std::optional<BigInt> BigInt::from_decimal(std::string_view text) {
  BigInt out;
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (text.empty()) return {};
  while (!text.empty()) {
    const std::size_t count = std::min(decimal_step_digits, text.size());
    std::uint32_t part = 0, factor = 1;
    for (const char c : text.substr(0, count)) {
      if (c < '0' || c > '9') return {};
      part = part * 10 + static_cast<std::uint32_t>(c - '0');
      factor *= 10;
    }
    out.multiply_add(factor, part);
    text.remove_prefix(count);
  }
  out.negative_ = negative;
  out.normalise();
  return out;
}

std::string BigInt::to_bytes() const {
  std::string out;
  std::uint32_t carry = negative_ ? 1 : 0;
  for (const std::uint32_t digit : digits_)
    for (int shift = 0; shift < digit_bits; shift += 8) {
      unsigned byte = digit >> shift & 0xff;
      if (negative_) byte = (byte ^ 0xff) + carry;
      carry = byte >> 8;
      out += static_cast<char>(byte);
    }
  const char fill = negative_ ? '\xff' : '\0';
  out += fill;
  const auto sign_of = [](char byte) { return (static_cast<unsigned char>(byte) & 0x80) != 0; };
  while (out.size() > 1 && out.back() == fill && sign_of(out[out.size() - 2]) == negative_) out.pop_back();
  if (digits_.empty()) out.clear();
  return out;
}

std::string BigInt::to_decimal() const {
  if (digits_.empty()) return "0";
  BigInt rest = *this;
  std::string out;  // backwards
  while (!rest.digits_.empty()) {
    std::uint32_t part = rest.divide(decimal_step);
    for (std::size_t i = 0; i < decimal_step_digits && (part != 0 || !rest.digits_.empty()); ++i, part /= 10)
      out += static_cast<char>('0' + part % 10);
  }
  if (negative_) out += '-';
  std::ranges::reverse(out);
  return out;
}

std::optional<std::int64_t> BigInt::to_int64() const {
  if (digits_.size() > 2) return {};
  std::uint64_t magnitude = 0;
  for (std::size_t i = digits_.size(); i > 0; --i) magnitude = magnitude << digit_bits | digits_[i - 1];
  const std::uint64_t limit = (std::uint64_t{1} << 63) - (negative_ ? 0 : 1);
  if (magnitude > limit) return {};
  return static_cast<std::int64_t>(negative_ ? 0 - magnitude : magnitude);
}

double BigInt::to_double() const {
  constexpr std::size_t finite_digits_max = 1024 / digit_bits;
  if (digits_.size() > finite_digits_max) return negative_ ? -HUGE_VAL : HUGE_VAL;
  // The text is rounded once, as it should be; beyond the range this gives infinity.
  const std::string text = to_decimal();
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range) return negative_ ? -HUGE_VAL : HUGE_VAL;
  return value;
}

std::size_t BigInt::hash() const { return keyed_hash(to_bytes()); }

std::strong_ordering BigInt::operator<=>(const BigInt& other) const {
  if (negative_ != other.negative_)
    return negative_ ? std::strong_ordering::less : std::strong_ordering::greater;
  auto order = digits_.size() <=> other.digits_.size();
  for (std::size_t i = digits_.size(); order == 0 && i > 0; --i)
    order = digits_[i - 1] <=> other.digits_[i - 1];
  return negative_ ? 0 <=> order : order;
}

void BigInt::normalise() {
  while (!digits_.empty() && digits_.back() == 0) digits_.pop_back();
  if (digits_.empty()) negative_ = false;
}

void BigInt::multiply_add(std::uint32_t factor, std::uint32_t summand) {
  std::uint64_t carry = summand;
  for (std::uint32_t& digit : digits_) {
    carry += std::uint64_t{digit} * factor;
    digit = static_cast<std::uint32_t>(carry);
    carry >>= digit_bits;
  }
  if (carry != 0) digits_.push_back(static_cast<std::uint32_t>(carry));
}

std::uint32_t BigInt::divide(std::uint32_t divisor) {
  std::uint64_t rest = 0;
  for (std::size_t i = digits_.size(); i > 0; --i) {
    rest = rest << digit_bits | digits_[i - 1];
    digits_[i - 1] = static_cast<std::uint32_t>(rest / divisor);
    rest %= divisor;
  }
  normalise();
  return static_cast<std::uint32_t>(rest);
}

}  // namespace reeve::pickle
