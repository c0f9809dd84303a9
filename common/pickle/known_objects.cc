#include "common/pickle/known_objects.h"

#include <algorithm>
#include <bit>

#include "common/pickle/utf8.h"

namespace reeve::pickle {

namespace {

using Kind = Value::Kind;
using Arguments = std::span<const Value>;

bool is_integer(const Value& value) { return value.kind() == Kind::integer || value.kind() == Kind::boolean; }

std::vector<Value> copy_of(std::span<const Value> values) { return {values.begin(), values.end()}; }

// set([…]), list([…])
std::optional<Value> make_container(Kind kind, Arguments arguments) {
  if (arguments.empty()) return Value::of(kind, {});
  const bool fits =
      arguments.size() == 1 && (arguments[0].kind() == Kind::list || arguments[0].kind() == Kind::tuple);
  if (!fits) return {};
  return Value::of(kind, copy_of(arguments[0].elements()));
}

// The bytes that a text in Latin-1 stands for.
std::optional<std::string> latin1_bytes(const Value& text, const Value& encoding) {
  if (text.kind() != Kind::text || encoding.kind() != Kind::text) return {};
  if (encoding.chars() != "latin1" && encoding.chars() != "latin-1") return {};
  std::string bytes;
  std::string_view rest = text.chars();
  for (char32_t character; take_character(rest, character);) {
    if (character > 0xff) return {};
    bytes += static_cast<char>(character);
  }
  return bytes;
}

std::optional<Value> make_bytes(Kind kind, Arguments arguments) {
  const auto wrap = [kind](std::string bytes) {
    return kind == Kind::bytes ? Value::bytes(std::move(bytes)) : Value::bytearray(std::move(bytes));
  };
  if (arguments.empty()) return wrap({});
  if (arguments.size() == 2) {
    auto bytes = latin1_bytes(arguments[0], arguments[1]);
    return bytes ? std::optional(wrap(std::move(*bytes))) : std::nullopt;
  }
  // Python 2's str may have looked like text.
  const bool fits =
      arguments.size() == 1 && (arguments[0].kind() == Kind::bytes || arguments[0].kind() == Kind::text);
  if (!fits || kind == Kind::bytes) return {};
  return wrap(std::string(arguments[0].chars()));
}

std::optional<Value> make_complex(Arguments arguments) {
  const bool fits = arguments.size() == 2 && std::ranges::all_of(arguments, &Value::is_number);
  if (!fits) return {};
  return Value::of(Kind::complex, {Value{*arguments[0].to_double()}, Value{*arguments[1].to_double()}});
}

std::optional<Value> make_slice(Arguments arguments) {
  if (arguments.size() != 3) return {};
  return Value::of(Kind::slice, copy_of(arguments));
}

std::optional<Value> make_range(Arguments arguments) {
  if (arguments.size() != 3 || !std::ranges::all_of(arguments, is_integer)) return {};
  return Value::of(Kind::range, copy_of(arguments));
}

template <typename Number>
void append_elements(std::string_view bytes, std::vector<Value>& out) {
  for (; bytes.size() >= sizeof(Number); bytes.remove_prefix(sizeof(Number))) {
    const auto number = read_number<Number>(bytes, 0);
    if constexpr (std::is_floating_point_v<Number>)
      out.emplace_back(static_cast<double>(number));
    else if constexpr (sizeof(Number) == 8 && std::is_unsigned_v<Number>)
      out.emplace_back(BigInt::from_bytes(std::string(bytes.substr(0, 8)) + '\0'));
    else
      out.emplace_back(std::int64_t{number});
  }
}

// The elements of an array as they lie in the memory of a 64-bit Linux. False: no such type code here.
bool append_elements(char type_code, std::string_view bytes, std::vector<Value>& out) {
  switch (type_code) {
    case 'b':
      return append_elements<std::int8_t>(bytes, out), true;
    case 'B':
      return append_elements<std::uint8_t>(bytes, out), true;
    case 'h':
      return append_elements<std::int16_t>(bytes, out), true;
    case 'H':
      return append_elements<std::uint16_t>(bytes, out), true;
    case 'i':
      return append_elements<std::int32_t>(bytes, out), true;
    case 'I':
      return append_elements<std::uint32_t>(bytes, out), true;
    case 'l':
    case 'q':
      return append_elements<std::int64_t>(bytes, out), true;
    case 'L':
    case 'Q':
      return append_elements<std::uint64_t>(bytes, out), true;
    case 'f':
      return append_elements<float>(bytes, out), true;
    case 'd':
      return append_elements<double>(bytes, out), true;
    default:
      return false;
  }
}

// array.array(code, list) of Python 2, array.array(code, bytes) of Python 3.
std::optional<Value> make_array(Arguments arguments, const Limits& limits) {
  if (arguments.size() != 2 || arguments[0].kind() != Kind::text || arguments[0].chars().size() != 1)
    return {};
  std::vector<Value> elements{arguments[0]};
  const Value& content = arguments[1];
  if (content.kind() == Kind::list) {
    elements.insert(elements.end(), content.elements().begin(), content.elements().end());
  } else if (content.kind() != Kind::bytes || content.chars().size() > limits.value_elements_max ||
             !append_elements(arguments[0].chars().front(), content.chars(), elements)) {
    return {};
  }
  return Value::of(Kind::array, std::move(elements));
}

// OrderedDict() and the items put into it, or OrderedDict([[key, value]…]) of Python 2.
std::optional<Value> make_ordered_dict(Arguments arguments, std::span<const Value> items) {
  if (arguments.empty() && items.size() % 2 == 0) return Value::of(Kind::dict, copy_of(items));
  if (arguments.size() != 1 || arguments[0].kind() != Kind::list || !items.empty()) return {};
  std::vector<Value> elements;
  for (const Value& pair : arguments[0].elements()) {
    const bool fits =
        (pair.kind() == Kind::list || pair.kind() == Kind::tuple) && pair.elements().size() == 2;
    if (!fits) return {};
    elements.insert(elements.end(), pair.elements().begin(), pair.elements().end());
  }
  return Value::of(Kind::dict, std::move(elements));
}

// Token() with the state (type, address, ident).
std::optional<Value> make_token(Arguments arguments, std::span<const Value> state) {
  const bool fits = arguments.empty() && state.size() == 1 && state[0].kind() == Kind::tuple &&
                    state[0].elements().size() == 3 && state[0].elements()[2].kind() == Kind::text;
  if (!fits) return {};
  return Value::of(Kind::token, copy_of(state[0].elements()));
}

bool is_builtin(std::string_view module) { return module == "builtins" || module == "__builtin__"; }

std::optional<Value> make_builtin(std::string_view name, Arguments arguments) {
  if (name == "slice") return make_slice(arguments);
  if (name == "range" || name == "xrange") return make_range(arguments);
  if (name == "set") return make_container(Kind::set, arguments);
  if (name == "frozenset") return make_container(Kind::frozenset, arguments);
  if (name == "list") return make_container(Kind::list, arguments);
  if (name == "bytearray") return make_bytes(Kind::bytearray, arguments);
  if (name == "bytes") return make_bytes(Kind::bytes, arguments);
  if (name == "complex") return make_complex(arguments);
  return {};
}

constexpr std::string_view builtins[] = {"slice", "range", "xrange",    "set",    "frozenset",
                                         "list",  "bytes", "bytearray", "complex"};

}  // namespace

bool is_known_object(const Scan& scan, const Entry& entry) {
  const char code = scan.bytes()[entry.opcode];
  if (entry.operands != 2 || (code != op::reduce && code != op::newobj)) return false;
  const std::uint32_t callable = scan.resolve(entry.first);
  if (scan.entry(callable).kind != Entry::Kind::global) return false;
  const Scan::Name name = scan.name(callable);
  if (name.module == "multiprocessing.managers")
    return name.name == "Token" && entry.built && entry.children == 3;
  if (code != op::reduce || entry.built) return false;
  if (name.module == "collections") return name.name == "OrderedDict";
  if (entry.children != 2) return false;
  if (name.module == "array") return name.name == "array";
  if (name.module == "_codecs") return name.name == "encode";
  return is_builtin(name.module) && std::ranges::find(builtins, name.name) != std::end(builtins);
}

std::optional<Value> make_known_object(Scan::Name name, std::vector<Value> parts, const Limits& limits) {
  if (parts.empty() || parts[0].kind() != Kind::tuple) return {};
  const Arguments arguments = parts[0].elements();
  const auto items = std::span<const Value>(parts).subspan(1);
  if (is_builtin(name.module)) return make_builtin(name.name, arguments);
  if (name.module == "array") return make_array(arguments, limits);
  if (name.module == "_codecs") {
    if (arguments.size() != 2) return {};
    return make_bytes(Kind::bytes, arguments);
  }
  if (name.module == "collections") return make_ordered_dict(arguments, items);
  return make_token(arguments, items);
}

}  // namespace reeve::pickle
