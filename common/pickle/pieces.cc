#include "common/pickle/pieces.h"

#include <algorithm>
#include <optional>
#include <span>

#include "common/pickle/slice.h"
#include "common/pickle/utf8.h"
#include "common/pickle/value.h"

namespace reeve::pickle {

namespace {

std::optional<Pieces::Kind> kind_of(Entry::Kind kind) {
  switch (kind) {
    case Entry::Kind::tuple:
      return Pieces::Kind::tuple;
    case Entry::Kind::list:
      return Pieces::Kind::list;
    case Entry::Kind::dict:
      return Pieces::Kind::dict;
    case Entry::Kind::set:
      return Pieces::Kind::set;
    case Entry::Kind::frozenset:
      return Pieces::Kind::frozenset;
    default:
      return {};
  }
}

// What may be written for elements that share parts: each gets its own, and a small value can stand for 2^200 elements.
class Budget {
 public:
  Budget(const Fragment& from, const Limits& limits)
      : limits_(limits),
        left_(std::max<std::uint64_t>(limits.inline_bytes_max,
                                      std::uint64_t{limits.inline_factor_max} * from.bytes.size())) {}

  Result<std::vector<Fragment>> encode_all(std::span<const Value> values) {
    std::vector<Fragment> out;
    for (const Value& value : values) {
      Limits what_is_left = limits_;
      what_is_left.pickle_bytes_max = std::min<std::uint64_t>(limits_.pickle_bytes_max, left_);
      Result<Fragment> fragment = encode(value, what_is_left);
      if (!fragment && fragment.error().code != Errc::limit_reached) return fail(fragment.error());
      if (!fragment || fragment->bytes.size() > left_)
        return fail(
            Errc::limit_reached,
            "one part stands in many elements and would be written out for each of them, which is too "
            "much (inline_bytes_max is {}, steps_max {})",
            limits_.inline_bytes_max, limits_.steps_max);
      left_ -= fragment->bytes.size();
      out.push_back(std::move(*fragment));
    }
    return out;
  }

 private:
  const Limits& limits_;
  std::uint64_t left_;
};

Result<std::vector<Value>> numbers_of_range(const Value& range, const Limits& limits) {
  const auto start = range.elements()[0].to_int64(), stop = range.elements()[1].to_int64(),
             step = range.elements()[2].to_int64();
  if (!start || !stop || !step || *step == 0) return fail(Errc::limit_reached, "a range beyond 64 bits");
  std::vector<Value> out;
  for (std::int64_t number = *start; *step > 0 ? number < *stop : number > *stop;) {
    if (out.size() >= limits.value_elements_max)
      return fail(Errc::limit_reached, "a long range; value_elements_max is {}", limits.value_elements_max);
    out.emplace_back(number);
    if (__builtin_add_overflow(number, *step, &number)) break;
  }
  return out;
}

std::vector<Value> characters_of(std::string_view text) {
  std::vector<Value> out;
  while (!text.empty()) {
    std::string_view rest = text;
    char32_t character;
    if (!take_character(rest, character)) break;
    out.push_back(Value::text(std::string(text.substr(0, text.size() - rest.size()))));
    text = rest;
  }
  return out;
}

// The elements of what is no container for the scan: calls that stand for containers, texts, bytes.
Result<std::vector<Value>> iterate_value(const Value& value, const Limits& limits) {
  const auto copy_of = [](std::span<const Value> values) {
    return std::vector<Value>(values.begin(), values.end());
  };
  const bool is_string = value.kind() == Value::Kind::text || value.kind() == Value::Kind::bytes ||
                         value.kind() == Value::Kind::bytearray;
  if (is_string && value.chars().size() > limits.value_elements_max)
    return fail(Errc::limit_reached, "a long {}; value_elements_max is {}", type_name(value),
                limits.value_elements_max);
  switch (value.kind()) {
    case Value::Kind::list:
    case Value::Kind::tuple:
    case Value::Kind::set:
    case Value::Kind::frozenset:
      return copy_of(value.elements());
    case Value::Kind::array:
      return copy_of(value.elements().subspan(1));
    case Value::Kind::dict: {
      std::vector<Value> keys;
      for (std::size_t i = 0; i < value.elements().size(); i += 2) keys.push_back(value.elements()[i]);
      return keys;
    }
    case Value::Kind::range:
      return numbers_of_range(value, limits);
    case Value::Kind::text:
      return characters_of(value.chars());
    case Value::Kind::bytes:
    case Value::Kind::bytearray: {
      std::vector<Value> out;
      for (const char byte : value.chars()) out.emplace_back(std::int64_t{static_cast<unsigned char>(byte)});
      return out;
    }
    default:
      return fail(Errc::invalid_argument, "'{}' object is not iterable", type_name(value));
  }
}

// Whether the scan itself sees a container, so that its elements can be cut out whatever they are.
bool is_container(const Fragment& fragment, const Limits& limits) {
  Scan scan{limits};
  return scan.fragment(fragment.bytes) && kind_of(scan.entry(scan.resolve(scan.top())).kind);
}

}  // namespace

Result<Pieces> split(const Fragment& fragment, const Limits& limits) {
  Scan scan{limits};
  if (Result<void> scanned = scan.fragment(fragment.bytes); !scanned) return fail(std::move(scanned.error()));
  const Entry& top = scan.entry(scan.resolve(scan.top()));
  const auto kind = kind_of(top.kind);
  if (!kind) return fail(Errc::invalid_argument, "this value has no elements");
  Pieces pieces{.kind = *kind, .elements = {}};
  pieces.elements.reserve(top.children);
  for (std::uint32_t child = top.first; child != nothing; child = scan.entry(child).next) {
    Fragment& element = pieces.elements.emplace_back();
    if (Result<void> sliced = slice(scan, child, element); !sliced) return fail(std::move(sliced.error()));
    element.python2_names = fragment.python2_names;
  }
  return pieces;
}

namespace {

Result<std::vector<Fragment>> iterate(const Fragment& fragment, const Limits& limits, Budget& budget) {
  if (is_container(fragment, limits)) {
    Result<Pieces> pieces = split(fragment, limits);
    if (!pieces) return fail(std::move(pieces.error()));
    if (pieces->kind != Pieces::Kind::dict) return std::move(pieces->elements);
    std::vector<Fragment> keys;
    for (std::size_t i = 0; i < pieces->elements.size(); i += 2)
      keys.push_back(std::move(pieces->elements[i]));
    return keys;
  }
  const Result<Value> value = decode(fragment, limits);
  if (!value) return fail(value.error());
  const Result<std::vector<Value>> values = iterate_value(*value, limits);
  if (!values) return fail(values.error());
  return budget.encode_all(*values);
}

}  // namespace

Result<std::vector<Fragment>> iterate(const Fragment& fragment, const Limits& limits) {
  Budget budget{fragment, limits};
  return iterate(fragment, limits, budget);
}

Result<std::vector<Fragment>> pairs(const Fragment& fragment, const Limits& limits) {
  Budget budget{fragment, limits};
  if (!is_container(fragment, limits)) {
    const Result<Value> value = decode(fragment, limits);
    if (!value) return fail(value.error());
    if (value->kind() == Value::Kind::dict) return budget.encode_all(value->elements());
  } else if (Result<Pieces> pieces = split(fragment, limits); pieces && pieces->kind == Pieces::Kind::dict) {
    return std::move(pieces->elements);
  }
  Result<std::vector<Fragment>> sequence = iterate(fragment, limits, budget);
  if (!sequence) return sequence;
  std::vector<Fragment> out;
  for (std::size_t i = 0; i < sequence->size(); ++i) {
    Result<std::vector<Fragment>> pair = iterate((*sequence)[i], limits, budget);
    if (!pair && pair.error().code == Errc::limit_reached) return pair;
    if (!pair)
      return fail(Errc::invalid_argument,
                  "cannot convert dictionary update sequence element #{} to a sequence", i);
    if (pair->size() != 2)
      return fail(Errc::wrong_state, "dictionary update sequence element #{} has length {}; 2 is required", i,
                  pair->size());
    for (Fragment& part : *pair) out.push_back(std::move(part));
  }
  return out;
}

}  // namespace reeve::pickle
