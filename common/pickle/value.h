// Value: what a fragment means, as far as a server needs to know: indices, keys, timeouts, priorities, elements.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/result.h"
#include "common/pickle/big_int.h"
#include "common/pickle/fragment.h"
#include "common/pickle/limits.h"

namespace reeve::pickle {

// A decoded Python value: primitives, the known callables that stand for primitives, and opaque elements, which keep
// their fragment. Copies share what they hold, and nothing in it changes.
//
// Always: nesting is at most Limits::value_depth_max deep, so functions may recurse over it; no value contains itself.
class Value {
 public:
  enum class Kind : std::uint8_t {
    none,
    boolean,
    integer,
    real,
    text,       // str; Python 2's str if it is ASCII
    bytes,      // bytes; Python 2's str otherwise
    bytearray,  // from here on: kinds that no dict takes as keys are bytearray, list, dict and set
    tuple,
    list,
    dict,  // also an OrderedDict
    set,
    frozenset,
    complex,  // two reals
    slice,    // start, stop, step
    range,    // start, stop, step
    array,    // array.array: the type code and the elements
    token,    // of a proxy: type, address, ident
    opaque,
  };

  Value() = default;  // None
  explicit Value(bool value) : kind_(Kind::boolean), held_(value) {}
  explicit Value(std::int64_t value) : kind_(Kind::integer), held_(value) {}
  explicit Value(double value) : kind_(Kind::real), held_(value) {}
  explicit Value(BigInt value);
  static Value text(std::string utf8);  // surrogates are allowed, as Python writes them
  static Value bytes(std::string bytes);
  static Value bytearray(std::string bytes);
  // A container, complex, slice, range, array or token. Of a dict: keys and values in turn.
  // Pre: make_depth(elements) <= Limits::value_depth_max.
  static Value of(Kind kind, std::vector<Value> elements);
  static Value opaque(Fragment fragment);

  Kind kind() const { return kind_; }
  bool is_none() const { return kind_ == Kind::none; }
  bool is_number() const { return kind_ == Kind::boolean || kind_ == Kind::integer || kind_ == Kind::real; }

  // Pre of each: the kind fits.
  bool boolean() const { return std::get<bool>(held_); }
  double real() const { return std::get<double>(held_); }
  std::string_view chars() const { return *std::get<Text>(held_); }  // text, bytes, bytearray
  std::span<const Value> elements() const { return std::get<Elements>(held_)->values; }
  const Fragment& fragment() const { return *std::get<Opaque>(held_); }

  // An int or bool that fits; none for every other value.
  std::optional<std::int64_t> to_int64() const;
  // An int, float or bool; beyond the range infinite. None for every other value.
  std::optional<double> to_double() const;
  // Of an int of any size. Pre: the kind is integer.
  BigInt big() const;
  // Python's bool(value); opaque values are true.
  bool truth() const;

  // How many containers lie in each other: 0 for what is none.
  std::uint32_t depth() const;
  static std::uint32_t make_depth(std::span<const Value> elements);
  // About what it takes in memory beside itself, shared parts each time they are used.
  std::uint64_t bytes() const;

  // Of the same object, so equal without looking; false says nothing.
  bool same_object(const Value& other) const;

 private:
  struct Children {
    std::vector<Value> values;
    std::uint32_t depth;
    std::uint64_t bytes;
  };
  using Text = std::shared_ptr<const std::string>;
  using Elements = std::shared_ptr<const Children>;
  using Opaque = std::shared_ptr<const Fragment>;
  using Big = std::shared_ptr<const BigInt>;

  Value(Kind kind, std::string chars);

  Kind kind_ = Kind::none;
  std::variant<std::monostate, bool, std::int64_t, double, Big, Text, Elements, Opaque> held_;
};

// Reads a fragment. What it cannot read stays opaque, element by element: (2, <instance>) is a tuple of a number and
// an opaque value. A value that contains itself is opaque as a whole; so is what is nested too deep.
// protocol_error: the fragment is broken; limit_reached.
Result<Value> decode(const Fragment& fragment, const Limits& limits = {});

// Writes a value for every reader: protocol 2 and Python 2 names, but for bytes. ASCII text is str in every Python.
// limit_reached: shared elements make it too long, also for a scan. invalid_argument: opaque elements have classes of both generations.
Result<Fragment> encode(const Value& value, const Limits& limits = {});

// A str of any Python, from UTF-8: of keywords, names, texts that the server makes up.
Fragment text_fragment(std::string_view utf8);

// Python's name of the type, for messages: 'int', 'list', the class of an opaque value.
std::string type_name(const Value& value);
// The class of an opaque value as far as the fragment says it: "decimal.Decimal"; of a container that contains itself "list";
// else "object".
std::string class_name(const Fragment& fragment);

// As Python 3 prints it; opaque elements as <module.Class object>. limit_reached: it gets too long.
Result<std::string> repr(const Value& value, const Limits& limits = {});

}  // namespace reeve::pickle
