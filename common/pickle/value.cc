#include "common/pickle/value.h"

#include <algorithm>

namespace reeve::pickle {

Value::Value(BigInt value) : kind_(Kind::integer) {
  if (const auto small = value.to_int64())
    held_ = *small;
  else
    held_ = std::make_shared<const BigInt>(std::move(value));
}

Value::Value(Kind kind, std::string chars)
    : kind_(kind), held_(std::make_shared<const std::string>(std::move(chars))) {}

Value Value::text(std::string utf8) { return {Kind::text, std::move(utf8)}; }
Value Value::bytes(std::string bytes) { return {Kind::bytes, std::move(bytes)}; }
Value Value::bytearray(std::string bytes) { return {Kind::bytearray, std::move(bytes)}; }

Value Value::of(Kind kind, std::vector<Value> elements) {
  Value value;
  value.kind_ = kind;
  const std::uint32_t depth = make_depth(elements);
  constexpr std::uint64_t bytes_max = ~std::uint64_t{0} >> 1;  // where 2^200 shared elements end
  std::uint64_t bytes = sizeof(Children) + elements.capacity() * sizeof(Value);
  for (const Value& element : elements) bytes = std::min(bytes + element.bytes(), bytes_max);
  value.held_ = std::make_shared<const Children>(std::move(elements), depth, bytes);
  return value;
}

Value Value::opaque(Fragment fragment) {
  Value value;
  value.kind_ = Kind::opaque;
  value.held_ = std::make_shared<const Fragment>(std::move(fragment));
  return value;
}

std::optional<std::int64_t> Value::to_int64() const {
  if (kind_ == Kind::boolean) return boolean() ? 1 : 0;
  const auto* small = std::get_if<std::int64_t>(&held_);
  return small == nullptr ? std::nullopt : std::optional(*small);
}

std::optional<double> Value::to_double() const {
  if (kind_ == Kind::real) return real();
  if (const auto small = to_int64()) return static_cast<double>(*small);
  if (kind_ == Kind::integer) return big().to_double();
  return {};
}

BigInt Value::big() const {
  if (const auto* big = std::get_if<Big>(&held_)) return **big;
  return BigInt{std::get<std::int64_t>(held_)};
}

bool Value::truth() const {
  switch (kind_) {
    case Kind::none:
      return false;
    case Kind::boolean:
      return boolean();
    case Kind::integer:
      return to_int64() != 0;
    case Kind::real:
      return real() != 0;
    case Kind::text:
    case Kind::bytes:
    case Kind::bytearray:
      return !chars().empty();
    case Kind::tuple:
    case Kind::list:
    case Kind::dict:
    case Kind::set:
    case Kind::frozenset:
      return !elements().empty();
    case Kind::complex:
      return std::ranges::any_of(elements(), &Value::truth);
    case Kind::array:
      return elements().size() > 1;
    default:
      return true;
  }
}

std::uint32_t Value::depth() const {
  const auto* elements = std::get_if<Elements>(&held_);
  return elements == nullptr ? 0 : (*elements)->depth;
}

std::uint32_t Value::make_depth(std::span<const Value> elements) {
  std::uint32_t depth = 0;
  for (const Value& element : elements) depth = std::max(depth, element.depth());
  return depth + 1;
}

std::uint64_t Value::bytes() const {
  if (const auto* elements = std::get_if<Elements>(&held_)) return (*elements)->bytes;
  if (const auto* text = std::get_if<Text>(&held_)) return sizeof(std::string) + (*text)->size();
  if (const auto* opaque = std::get_if<Opaque>(&held_)) return sizeof(Fragment) + (*opaque)->bytes.size();
  return std::holds_alternative<Big>(held_) ? sizeof(BigInt) : 0;
}

bool Value::same_object(const Value& other) const {
  if (kind_ != other.kind_) return false;
  if (const auto* elements = std::get_if<Elements>(&held_))
    return *elements == std::get<Elements>(other.held_);
  if (const auto* text = std::get_if<Text>(&held_)) return *text == std::get<Text>(other.held_);
  if (const auto* opaque = std::get_if<Opaque>(&held_)) return *opaque == std::get<Opaque>(other.held_);
  return false;
}

}  // namespace reeve::pickle
