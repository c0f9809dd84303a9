#include <fmt/format.h>

#include <cmath>
#include <iterator>
#include <unordered_set>

#include "common/base/base64.h"
#include "common/base/utf8.h"
#include "common/pickle/bytes_key.h"
#include "common/pickle/json.h"
#include "common/pickle/real_text.h"

namespace reeve::pickle {

namespace {

using Kind = Value::Kind;

class JsonPrinter {
 public:
  explicit JsonPrinter(const Limits& limits) : limits_(limits) {}

  Result<std::string> run(const Value& value) {
    write(value);
    if (error_) return fail(std::move(*error_));
    return std::move(out_);
  }

 private:
  void write(const Value& value) {
    if (!count(1)) return;
    switch (value.kind()) {
      case Kind::none:
        out_ += "null";
        break;
      case Kind::boolean:
        out_ += value.boolean() ? "true" : "false";
        break;
      case Kind::integer:
        out_ += integer_text(value);
        break;
      case Kind::real:
        if (!std::isfinite(value.real())) refuse("a float that is no number");
        out_ += real_text(value.real());
        break;
      case Kind::text:
        write_text(value.chars());
        break;
      case Kind::bytes:
        if (!count(2)) return;
        fmt::format_to(std::back_inserter(out_), "{{\"{}\":\"", bytes_key);
        out_ += to_base64(value.chars());
        out_ += "\"}";
        break;
      case Kind::tuple:
      case Kind::list:
        write_array(value.elements());
        break;
      case Kind::dict:
        write_object(value.elements());
        break;
      default:
        refuse(value.kind() == Kind::opaque ? class_name(value.fragment()) : type_name(value));
    }
    if (out_.size() > limits_.text_bytes_max) too_long();
  }

  std::string integer_text(const Value& value) {
    if (const auto small = value.to_int64()) return fmt::format("{}", *small);
    const BigInt big = value.big();
    if (big.digits_at_most() <= limits_.decimal_digits_max) return big.to_decimal();
    refuse(fmt::format("an int of more than {} digits (decimal_digits_max)", limits_.decimal_digits_max));
    return {};
  }

  void write_text(std::string_view text) {
    if (!is_utf8(text)) return refuse("a text with lone surrogates");
    if (text.size() > limits_.text_bytes_max) return too_long();
    out_ += '"';
    for (const char c : text) {
      const auto byte = static_cast<unsigned char>(c);
      if (c == '"' || c == '\\')
        (out_ += '\\') += c;
      else if (byte < 0x20 || byte == 0x7f)
        fmt::format_to(std::back_inserter(out_), "\\u{:04x}", byte);
      else
        out_ += c;
    }
    out_ += '"';
  }

  void write_array(std::span<const Value> elements) {
    out_ += '[';
    for (std::size_t i = 0; i < elements.size() && !error_; ++i) {
      if (i > 0) out_ += ',';
      write(elements[i]);
    }
    out_ += ']';
  }

  void write_object(std::span<const Value> elements) {
    if (elements.size() == 2 && elements[0].kind() == Kind::text && elements[0].chars() == bytes_key &&
        elements[1].kind() == Kind::text)
      return refuse("a dict that would come back as bytes");
    std::unordered_set<std::string> keys;
    out_ += '{';
    for (std::size_t i = 0; i < elements.size() && !error_; i += 2) {
      if (i > 0) out_ += ',';
      if (!count(1)) return;
      std::string key = key_text(elements[i]);
      write_text(key);
      if (!keys.insert(std::move(key)).second) refuse("a dict with two keys of the same text");
      out_ += ':';
      write(elements[i + 1]);
    }
    out_ += '}';
  }

  std::string key_text(const Value& key) {
    switch (key.kind()) {
      case Kind::text:
        return std::string(key.chars());
      case Kind::none:
        return "null";
      case Kind::boolean:
        return key.boolean() ? "true" : "false";
      case Kind::integer:
        return integer_text(key);
      case Kind::real:
        if (std::isfinite(key.real())) return real_text(key.real());
        break;
      default:
        break;
    }
    refuse(fmt::format("a dict with a key of type {}", type_name(key)));
    return {};
  }

  // What from_json counts, so that it takes what was written here; shared elements are written each time.
  bool count(std::uint32_t elements) {
    elements_ += elements;
    if (!error_ && elements_ > limits_.value_elements_max)
      error_ = Error{Errc::invalid_argument, fmt::format("the JSON gets too long; value_elements_max is {}",
                                                         limits_.value_elements_max)};
    return !error_;
  }
  void refuse(std::string_view what) {
    if (!error_) error_ = Error{Errc::invalid_argument, fmt::format("there is no JSON for {}", what)};
  }
  void too_long() {
    if (!error_)
      error_ = Error{Errc::invalid_argument,
                     fmt::format("the JSON gets too long; text_bytes_max is {}", limits_.text_bytes_max)};
  }

  const Limits& limits_;
  std::string out_;
  std::uint32_t elements_ = 0;
  std::optional<Error> error_;
};

}  // namespace

Result<std::string> to_json(const Value& value, const Limits& limits) {
  return JsonPrinter{limits}.run(value);
}

}  // namespace reeve::pickle
