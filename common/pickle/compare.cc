#include "common/pickle/compare.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <compare>
#include <unordered_map>

#include "common/pickle/convert.h"
#include "common/pickle/keyed_hash.h"

namespace reeve::pickle {

namespace {

using Kind = Value::Kind;

constexpr double int64_end = 9223372036854775808.0;  // 2^63: the first that is too big

// Exact, also where the integer has no double of its own.
std::partial_ordering compare_integer(const Value& integer, double real) {
  if (std::isnan(real)) return std::partial_ordering::unordered;
  if (std::isinf(real)) return real > 0 ? std::partial_ordering::less : std::partial_ordering::greater;
  const auto small = integer.to_int64();
  if (small && real >= -int64_end && real < int64_end) {
    const double whole = std::trunc(real);
    const auto order = *small <=> static_cast<std::int64_t>(whole);
    return order != 0 ? order : 0.0 <=> real - whole;
  }
  return integer.kind() == Kind::boolean ? BigInt{*small} <=> BigInt::truncated(real)
                                         : integer.big() <=> BigInt::truncated(real);
}

std::partial_ordering compare_numbers(const Value& a, const Value& b) {
  if (a.kind() == Kind::real && b.kind() == Kind::real) return a.real() <=> b.real();
  if (b.kind() == Kind::real) return compare_integer(a, b.real());
  if (a.kind() == Kind::real) return 0 <=> compare_integer(b, a.real());
  const auto small_a = a.to_int64(), small_b = b.to_int64();
  if (small_a && small_b) return *small_a <=> *small_b;
  // One of them does not fit, so the other is an int, too, or a bool, which is small.
  if (small_a) return b.big().negative() ? std::partial_ordering::greater : std::partial_ordering::less;
  if (small_b) return a.big().negative() ? std::partial_ordering::less : std::partial_ordering::greater;
  return a.big() <=> b.big();
}

bool is_bytes(Kind kind) { return kind == Kind::bytes || kind == Kind::bytearray; }
bool is_set(Kind kind) { return kind == Kind::set || kind == Kind::frozenset; }
bool is_sequence(Kind kind) { return kind == Kind::tuple || kind == Kind::list; }

// Compares and hashes within a budget; afterwards `error()` tells what went wrong, if anything.
class Comparison {
 public:
  explicit Comparison(std::uint64_t& steps) : left_(steps) {}

  std::optional<Error>& error() { return error_; }

  bool equal(const Value& a, const Value& b) {
    if (!pay(1) || a.same_object(b)) return !error_;
    if (a.is_number() && b.is_number()) return compare_numbers(a, b) == 0;
    if ((is_bytes(a.kind()) && is_bytes(b.kind())) || (a.kind() == Kind::text && b.kind() == Kind::text))
      return pay(std::min(a.chars().size(), b.chars().size()) / chars_per_step) && a.chars() == b.chars();
    if (is_set(a.kind()) && is_set(b.kind())) return equal_unordered(a, b, 1);
    if (a.kind() == Kind::complex && b.is_number())
      return equal(a.elements()[0], b) && a.elements()[1].real() == 0;
    if (b.kind() == Kind::complex && a.is_number()) return equal(b, a);
    if (a.kind() != b.kind()) return false;
    switch (a.kind()) {
      case Kind::none:
        return true;
      case Kind::dict:
        return equal_unordered(a, b, 2);
      case Kind::array:
        return equal_elements(a.elements().subspan(1), b.elements().subspan(1));
      case Kind::opaque:
        return equal_opaque(a.fragment(), b.fragment());
      default:
        return equal_elements(a.elements(), b.elements());
    }
  }

  std::size_t hash(const Value& value) {
    if (!pay(1)) return 0;
    switch (value.kind()) {
      case Kind::none:
        return 1;
      case Kind::boolean:
      case Kind::integer:
      case Kind::real:
        return hash_number(value);
      case Kind::text:
      case Kind::bytes:
        if (!pay(value.chars().size() / chars_per_step)) return 0;
        return keyed_hash(value.kind() == Kind::text ? 2 : 3, keyed_hash(value.chars()));
      case Kind::tuple:
      case Kind::slice:
      case Kind::range:
      case Kind::token:
        return hash_elements(value);
      case Kind::complex:
        return value.elements()[1].real() == 0 ? hash(value.elements()[0]) : hash_elements(value);
      case Kind::frozenset: {
        std::size_t sum = 4;
        for (const Value& element : value.elements()) sum += keyed_hash(5, hash(element));
        return sum;
      }
      case Kind::opaque:
        return pay(value.fragment().bytes.size() / opcodes_per_step)
                   ? keyed_hash(6, keyed_hash(canonical_bytes(value.fragment())))
                   : 0;
      default:
        complain(Errc::invalid_argument, fmt::format("unhashable type: '{}'", type_name(value)));
        return 0;
    }
  }

  bool less(const Value& a, const Value& b) {
    if (!pay(1)) return false;
    if (a.is_number() && b.is_number()) return compare_numbers(a, b) < 0;
    if ((is_bytes(a.kind()) && is_bytes(b.kind())) || (a.kind() == Kind::text && b.kind() == Kind::text))
      return a.chars() < b.chars();  // of UTF-8 that is the order of code points
    if (a.kind() == b.kind() && is_sequence(a.kind())) return less_elements(a.elements(), b.elements());
    if (a.kind() == Kind::array && b.kind() == Kind::array)
      return less_elements(a.elements().subspan(1), b.elements().subspan(1));
    if (is_set(a.kind()) && is_set(b.kind())) return subset(a, b);
    complain(Errc::invalid_argument,
             fmt::format("'<' not supported between instances of '{}' and '{}'", type_name(a), type_name(b)));
    return false;
  }

 private:
  static constexpr std::size_t chars_per_step = 64, opcodes_per_step = 8;

  using Index = std::unordered_multimap<std::size_t, const Value*>;

  bool equal_elements(std::span<const Value> a, std::span<const Value> b) {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i)
      if (!equal(a[i], b[i])) return false;
    return true;
  }

  bool less_elements(std::span<const Value> a, std::span<const Value> b) {
    const std::size_t common = std::min(a.size(), b.size());
    for (std::size_t i = 0; i < common; ++i) {
      if (equal(a[i], b[i])) continue;
      return !error_ && less(a[i], b[i]);
    }
    return !error_ && a.size() < b.size();
  }

  // Of a set: elements; of a dict, with a stride of 2: keys, whose values follow them.
  Index index_of(std::span<const Value> elements, std::size_t stride) {
    Index index;
    for (std::size_t i = 0; i < elements.size() && !error_; i += stride)
      index.emplace(hash(elements[i]), &elements[i]);
    return index;
  }

  const Value* find(const Index& index, const Value& key) {
    const auto [begin, end] = index.equal_range(hash(key));
    for (auto at = begin; at != end && !error_; ++at)
      if (equal(*at->second, key)) return at->second;
    return nullptr;
  }

  bool equal_unordered(const Value& a, const Value& b, std::size_t stride) {
    return a.elements().size() == b.elements().size() && contains_all(b, a, stride);
  }

  bool subset(const Value& a, const Value& b) {
    return a.elements().size() < b.elements().size() && contains_all(b, a, 1);
  }

  bool contains_all(const Value& all, const Value& some, std::size_t stride) {
    const Index index = index_of(all.elements(), stride);
    const std::span<const Value> elements = some.elements();
    for (std::size_t i = 0; i < elements.size(); i += stride) {
      const Value* found = error_ ? nullptr : find(index, elements[i]);
      if (found == nullptr || (stride == 2 && !equal(found[1], elements[i + 1]))) return false;
    }
    return !error_;
  }

  bool equal_opaque(const Fragment& a, const Fragment& b) {
    if (!pay((a.bytes.size() + b.bytes.size()) / opcodes_per_step)) return false;
    if (a.bytes == b.bytes && a.python2_names == b.python2_names) return true;
    return canonical_bytes(a) == canonical_bytes(b);
  }

  std::size_t hash_elements(const Value& value) {
    std::size_t seed = value.elements().size();
    for (const Value& element : value.elements()) {
      if (error_) return 0;
      seed = keyed_hash(seed, hash(element));
    }
    return seed;
  }

  static std::size_t hash_number(const Value& value) {
    if (value.kind() == Kind::real) {
      const double real = value.real();
      if (!std::isfinite(real) || real != std::trunc(real))
        return keyed_hash(8, std::bit_cast<std::uint64_t>(real));
      if (real >= -int64_end && real < int64_end)
        return keyed_hash(7, static_cast<std::size_t>(static_cast<std::int64_t>(real)));
      return BigInt::truncated(real).hash();
    }
    if (const auto small = value.to_int64()) return keyed_hash(7, static_cast<std::size_t>(*small));
    return value.big().hash();
  }

  bool pay(std::size_t steps) {
    if (error_) return false;
    if (steps <= left_) {
      left_ -= steps;
      return true;
    }
    complain(Errc::limit_reached, "too many elements to compare, shared ones counted each time (steps_max)");
    return false;
  }
  void complain(Errc code, std::string detail) {
    if (!error_) error_ = Error{code, std::move(detail)};
  }

  std::uint64_t& left_;
  std::optional<Error> error_;
};

template <typename T>
Result<T> result_of(Comparison& comparison, T value) {
  if (comparison.error()) return fail(std::move(*comparison.error()));
  return value;
}

}  // namespace

Result<bool> equal(const Value& a, const Value& b, std::uint64_t& steps) {
  Comparison comparison{steps};
  const bool value = comparison.equal(a, b);
  return result_of(comparison, value);
}

Result<std::size_t> hash(const Value& value, std::uint64_t& steps) {
  Comparison comparison{steps};
  const std::size_t hashed = comparison.hash(value);
  return result_of(comparison, hashed);
}

Result<bool> less(const Value& a, const Value& b, std::uint64_t& steps) {
  Comparison comparison{steps};
  const bool value = comparison.less(a, b);
  return result_of(comparison, value);
}

Result<bool> equal(const Value& a, const Value& b, const Limits& limits) {
  std::uint64_t steps = limits.steps_max;
  return equal(a, b, steps);
}

Result<std::size_t> hash(const Value& value, const Limits& limits) {
  std::uint64_t steps = limits.steps_max;
  return hash(value, steps);
}

Result<bool> less(const Value& a, const Value& b, const Limits& limits) {
  std::uint64_t steps = limits.steps_max;
  return less(a, b, steps);
}

}  // namespace reeve::pickle
