#include <fmt/format.h>

#include <cmath>
#include <iterator>

#include "common/pickle/escapes.h"
#include "common/pickle/real_text.h"
#include "common/pickle/utf8.h"
#include "common/pickle/value.h"

namespace reeve::pickle {

namespace {

using Kind = Value::Kind;

// Python's choice of quotes: ' unless the text has them and no ".
char quote_for(std::string_view text) {
  return text.find('\'') != text.npos && text.find('"') == text.npos ? '"' : '\'';
}

bool append_common_escape(std::string& out, char32_t character, char quote) {
  switch (character) {
    case '\n':
      out += "\\n";
      return true;
    case '\r':
      out += "\\r";
      return true;
    case '\t':
      out += "\\t";
      return true;
    case '\\':
      out += "\\\\";
      return true;
    default:
      if (character != static_cast<unsigned char>(quote)) return false;
      out += '\\';
      out += quote;
      return true;
  }
}

void append_text(std::string& out, std::string_view text) {
  const char quote = quote_for(text);
  out += quote;
  for (char32_t character; take_character(text, character);) {
    if (append_common_escape(out, character, quote)) continue;
    append_printable(out, character);
  }
  out += quote;
}

void append_bytes(std::string& out, std::string_view bytes) {
  const char quote = quote_for(bytes);
  out += 'b';
  out += quote;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (append_common_escape(out, byte, quote)) continue;
    if (byte < 0x20 || byte >= 0x7f)
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", byte);
    else
      out += c;
  }
  out += quote;
}

class Printer {
 public:
  explicit Printer(const Limits& limits) : limits_(limits) {}

  Result<std::string> run(const Value& value) {
    if (!print(value))
      return fail(Errc::limit_reached,
                  "the value's text gets too long; text_bytes_max is {}, decimal_digits_max {}",
                  limits_.text_bytes_max, limits_.decimal_digits_max);
    return std::move(out_);
  }

 private:
  // False: too long.
  bool print(const Value& value) {
    switch (value.kind()) {
      case Kind::none:
        out_ += "None";
        break;
      case Kind::boolean:
        out_ += value.boolean() ? "True" : "False";
        break;
      case Kind::integer:
        return print_integer(value);
      case Kind::real:
        out_ += real_text(value.real());
        break;
      case Kind::text:
        if (value.chars().size() > limits_.text_bytes_max) return false;
        append_text(out_, value.chars());
        break;
      case Kind::bytes:
      case Kind::bytearray:
        if (value.chars().size() > limits_.text_bytes_max) return false;
        if (value.kind() == Kind::bytearray) out_ += "bytearray(";
        append_bytes(out_, value.chars());
        if (value.kind() == Kind::bytearray) out_ += ')';
        break;
      case Kind::opaque:
        scanned_bytes_ += value.fragment().bytes.size();
        if (scanned_bytes_ > limits_.text_bytes_max) return false;
        fmt::format_to(std::back_inserter(out_), "<{} object>", class_name(value.fragment()));
        break;
      default:
        return print_elements(value);
    }
    return out_.size() <= limits_.text_bytes_max;
  }

  bool print_integer(const Value& value) {
    if (const auto small = value.to_int64()) {
      fmt::format_to(std::back_inserter(out_), "{}", *small);
      return true;
    }
    const BigInt big = value.big();
    if (big.digits_at_most() > limits_.decimal_digits_max) return false;
    out_ += big.to_decimal();
    return true;
  }

  bool print_elements(const Value& value) {
    const std::span<const Value> elements = value.elements();
    switch (value.kind()) {
      case Kind::tuple:
        return print_list("(", elements, elements.size() == 1 ? ",)" : ")");
      case Kind::list:
        return print_list("[", elements, "]");
      case Kind::dict:
        return print_dict(elements);
      case Kind::set:
        return elements.empty() ? print_list("set(", elements, ")") : print_list("{", elements, "}");
      case Kind::frozenset:
        return elements.empty() ? print_list("frozenset(", elements, ")")
                                : print_list("frozenset({", elements, "})");
      case Kind::complex:
        return print_complex(elements[0].real(), elements[1].real());
      case Kind::slice:
        return print_list("slice(", elements, ")");
      case Kind::range:
        return print_list("range(", elements.first(elements[2].to_int64() == 1 ? 2 : 3), ")");
      case Kind::array:
        out_ += "array(";
        if (!print(elements[0])) return false;
        return elements.size() == 1 ? print_list("", {}, ")") : print_list(", [", elements.subspan(1), "])");
      default:
        return print_list("Token(", elements, ")");
    }
  }

  bool print_list(std::string_view open, std::span<const Value> elements, std::string_view close) {
    out_ += open;
    for (std::size_t i = 0; i < elements.size(); ++i) {
      if (i > 0) out_ += ", ";
      if (!print(elements[i])) return false;
    }
    out_ += close;
    return out_.size() <= limits_.text_bytes_max;
  }

  bool print_dict(std::span<const Value> elements) {
    out_ += '{';
    for (std::size_t i = 0; i < elements.size(); i += 2) {
      if (i > 0) out_ += ", ";
      if (!print(elements[i])) return false;
      out_ += ": ";
      if (!print(elements[i + 1])) return false;
    }
    out_ += '}';
    return true;
  }

  bool print_complex(double re, double im) {
    const auto part = [](double value) {
      std::string text = real_text(value);
      if (text.ends_with(".0")) text.resize(text.size() - 2);
      return text;
    };
    const std::string imaginary = part(im);
    if (re == 0 && !std::signbit(re)) {
      out_ += imaginary + "j";
      return true;
    }
    out_ += "(" + part(re) + (imaginary.starts_with('-') ? "" : "+") + imaginary + "j)";
    return true;
  }

  const Limits& limits_;
  std::string out_;
  std::size_t scanned_bytes_ = 0;  // of opaque elements, for the names of their classes
};

}  // namespace

std::string type_name(const Value& value) {
  switch (value.kind()) {
    case Kind::none:
      return "NoneType";
    case Kind::boolean:
      return "bool";
    case Kind::integer:
      return "int";
    case Kind::real:
      return "float";
    case Kind::text:
      return "str";
    case Kind::bytes:
      return "bytes";
    case Kind::bytearray:
      return "bytearray";
    case Kind::tuple:
      return "tuple";
    case Kind::list:
      return "list";
    case Kind::dict:
      return "dict";
    case Kind::set:
      return "set";
    case Kind::frozenset:
      return "frozenset";
    case Kind::complex:
      return "complex";
    case Kind::slice:
      return "slice";
    case Kind::range:
      return "range";
    case Kind::array:
      return "array.array";
    case Kind::token:
      return "Token";
    case Kind::opaque:
      break;
  }
  const std::string name = class_name(value.fragment());
  return name.substr(name.rfind('.') + 1);
}

Result<std::string> repr(const Value& value, const Limits& limits) { return Printer{limits}.run(value); }

}  // namespace reeve::pickle
