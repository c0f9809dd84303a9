#include <bit>
#include <charconv>
#include <unordered_map>

#include "common/pickle/escapes.h"
#include "common/pickle/known_objects.h"
#include "common/pickle/slice.h"
#include "common/pickle/utf8.h"
#include "common/pickle/value.h"

namespace reeve::pickle {

namespace {

using Kind = Value::Kind;

Value text_or_bytes(std::string_view python2_string) {
  return is_ascii(python2_string) ? Value::text(std::string(python2_string))
                                  : Value::bytes(std::string(python2_string));
}

std::optional<Value> unicode(std::string_view utf8) {
  if (!is_python_text(utf8)) return {};
  return Value::text(std::string(utf8));
}

std::optional<Value> decimal(std::string_view text) {
  if (text.ends_with('L')) text.remove_suffix(1);
  auto value = BigInt::from_decimal(text);
  return value ? std::optional(Value{std::move(*value)}) : std::nullopt;
}

std::optional<Value> real_line(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return {};
  return Value{value};
}

// None: opaque.
std::optional<Value> atom(char code, std::string_view argument) {
  switch (code) {
    case op::none:
      return Value{};
    case op::newtrue:
      return Value{true};
    case op::newfalse:
      return Value{false};
    case op::binint:
      return Value{std::int64_t{read_number<std::int32_t>(argument, 0)}};
    case op::binint1:
      return Value{std::int64_t{static_cast<unsigned char>(argument.front())}};
    case op::binint2:
      return Value{std::int64_t{read_number<std::uint16_t>(argument, 0)}};
    case op::long1:
    case op::long4:
      return Value{BigInt::from_bytes(argument)};
    case op::int_line:
      if (argument == "00" || argument == "01") return Value{argument == "01"};
      return decimal(argument);
    case op::long_line:
      return decimal(argument);
    case op::binfloat:
      return Value{std::bit_cast<double>(__builtin_bswap64(read_number<std::uint64_t>(argument, 0)))};
    case op::float_line:
      return real_line(argument);
    case op::short_binstring:
    case op::binstring:
      return text_or_bytes(argument);
    case op::string_line: {
      const auto unquoted = unquote(argument);
      return unquoted ? std::optional(text_or_bytes(*unquoted)) : std::nullopt;
    }
    case op::unicode_line: {
      auto utf8 = from_raw_unicode_escape(argument);
      return utf8 ? std::optional(Value::text(std::move(*utf8))) : std::nullopt;
    }
    case op::short_binunicode:
    case op::binunicode:
    case op::binunicode8:
      return unicode(argument);
    case op::short_binbytes:
    case op::binbytes:
    case op::binbytes8:
      return Value::bytes(std::string(argument));
    case op::bytearray8:
      return Value::bytearray(std::string(argument));
    default:
      return {};
  }
}

std::optional<Kind> container_kind(Entry::Kind kind) {
  switch (kind) {
    case Entry::Kind::tuple:
      return Kind::tuple;
    case Entry::Kind::list:
      return Kind::list;
    case Entry::Kind::dict:
      return Kind::dict;
    case Entry::Kind::set:
      return Kind::set;
    case Entry::Kind::frozenset:
      return Kind::frozenset;
    default:
      return {};
  }
}

// Of what is opaque although it is no instance: it contains itself, or is nested too deep.
std::string_view container_name(Entry::Kind kind) {
  switch (kind) {
    case Entry::Kind::tuple:
      return "tuple";
    case Entry::Kind::list:
      return "list";
    case Entry::Kind::dict:
      return "dict";
    case Entry::Kind::set:
      return "set";
    case Entry::Kind::frozenset:
      return "frozenset";
    default:
      return "object";
  }
}

// Turns the entries of a scan into values, each memoised entry once.
class Decoder {
 public:
  Decoder(Scan& scan, bool python2_names) : scan_(scan), python2_names_(python2_names) {}

  Result<Value> run() {
    Value value = read(scan_.top(), 0);
    if (error_) return fail(std::move(*error_));
    return value;
  }

 private:
  static constexpr std::uint32_t no_cycle = ~std::uint32_t{0};

  // `level` counts the containers around the entry. After an error, or inside of a cycle, what it returns is dropped.
  Value read(std::uint32_t index, std::uint32_t level) {
    index = scan_.resolve(index);
    if (error_ || !pay()) return {};
    const Entry& entry = scan_.entry(index);
    const bool memoised = entry.put != nothing;
    if (entry.kind == Entry::Kind::atom && !memoised) return read_atom(index);
    if (memoised) {
      const auto [known, fresh] = known_.try_emplace(index, Known{.level = level, .value = {}});
      if (!fresh && known->second.value) return *known->second.value;
      if (!fresh) {
        cycle_ = std::min(cycle_, known->second.level);
        return {};
      }
    }
    Value value = read_fresh(index, level);
    if (cycle_ == level) {
      cycle_ = no_cycle;
      value = opaque(index);
    }
    if (memoised && cycle_ != no_cycle) known_.erase(index);
    if (memoised && cycle_ == no_cycle) known_[index].value = value;
    return value;
  }

  Value read_atom(std::uint32_t index) {
    const std::uint32_t at = scan_.entry(index).opcode;
    auto value = atom(scan_.bytes()[at], scan_.argument(at));
    return value ? std::move(*value) : opaque(index);
  }

  Value read_fresh(std::uint32_t index, std::uint32_t level) {
    const Entry& entry = scan_.entry(index);
    if (entry.kind == Entry::Kind::atom) return read_atom(index);
    const auto kind = container_kind(entry.kind);
    const bool known = kind ? !entry.built : is_known_object(scan_, entry);
    if (!known || level >= scan_.limits().value_depth_max) return opaque(index);
    std::vector<Value> children;
    children.reserve(entry.children);
    for (std::uint32_t child = entry.first; child != nothing; child = scan_.entry(child).next) {
      // The class of a known object is known.
      if (kind || child != entry.first) children.push_back(read(child, level + 1));
      if (error_ || cycle_ != no_cycle) return {};
    }
    if (Value::make_depth(children) > scan_.limits().value_depth_max) return opaque(index);
    if (kind) return Value::of(*kind, std::move(children));
    auto made = make_known_object(scan_.name(entry.first), std::move(children), scan_.limits());
    return made ? std::move(*made) : opaque(index);
  }

  Value opaque(std::uint32_t index) {
    if (error_) return {};
    Fragment fragment;
    if (Result<void> sliced = slice(scan_, index, fragment); !sliced) {
      error_ = std::move(sliced.error());
      return {};
    }
    fragment.python2_names = python2_names_;
    return Value::opaque(std::move(fragment));
  }

  bool pay() {
    if (++elements_ <= scan_.limits().value_elements_max) return true;
    error_ = Error{Errc::limit_reached,
                   fmt::format("value_elements_max is {}", scan_.limits().value_elements_max)};
    return false;
  }

  struct Known {
    std::uint32_t level;
    std::optional<Value> value;  // none: it is being read
  };

  Scan& scan_;
  bool python2_names_;
  std::unordered_map<std::uint32_t, Known> known_;
  std::uint32_t cycle_ =
      no_cycle;  // the level of the outermost entry that contains itself, until it is reached
  std::uint32_t elements_ = 0;
  std::optional<Error> error_;
};

// The value of a fragment that is a single opcode; none for every other fragment.
std::optional<Value> decode_atom(const Fragment& fragment, const Limits& limits) {
  const std::string_view bytes = fragment.bytes;
  if (bytes.empty()) return {};
  const Opcode& opcode = opcode_of(bytes.front());
  Token token;
  const bool single = (opcode.action == Action::atom || opcode.action == Action::python2_string) &&
                      read_token(bytes, opcode.argument, limits.line_bytes_max, token) &&
                      token.end == bytes.size();
  return single ? atom(bytes.front(), bytes.substr(token.argument, token.bytes)) : std::nullopt;
}

}  // namespace

Result<Value> decode(const Fragment& fragment, const Limits& limits) {
  // Most values that a server looks at are a number or a short text: one opcode.
  if (auto value = decode_atom(fragment, limits)) return std::move(*value);
  Scan scan{limits};
  if (Result<void> scanned = scan.fragment(fragment.bytes); !scanned) return fail(std::move(scanned.error()));
  return Decoder{scan, fragment.python2_names}.run();
}

std::string class_name(const Fragment& fragment) {
  Scan scan;
  if (!scan.fragment(fragment.bytes)) return "object";
  const std::uint32_t top = scan.resolve(scan.top());
  const Entry& entry = scan.entry(top);
  // A name may be any text, and goes to terminals and logs.
  const auto dotted = [](Scan::Name name) {
    std::string out;
    const std::string chars = fmt::format("{}.{}", name.module, name.name);
    std::string_view rest = chars;
    for (char32_t character; take_character(rest, character);) append_printable(out, character);
    return out;
  };
  if (entry.kind == Entry::Kind::global) return dotted(scan.name(top));
  if (entry.kind != Entry::Kind::object) return std::string(container_name(entry.kind));
  if (scan.bytes()[entry.opcode] == op::inst) return dotted(Scan::split_name(scan.argument(entry.opcode)));
  std::uint32_t callable = scan.resolve(entry.first);
  if (scan.entry(callable).kind != Entry::Kind::global) return "object";
  // Old ways to make an instance: what is made is the first argument.
  const Scan::Name name = scan.name(callable);
  const bool maker = (name.module == "copy_reg" || name.module == "copyreg") && entry.children > 1;
  if (maker) {
    const Entry& arguments = scan.entry(scan.child(entry, 1));
    if (arguments.kind == Entry::Kind::tuple && arguments.children > 0) callable = scan.child(arguments, 0);
    if (scan.entry(callable).kind != Entry::Kind::global) return "object";
  }
  return dotted(scan.name(callable));
}

}  // namespace reeve::pickle
