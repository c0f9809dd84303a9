#include <boost/json/basic_parser_impl.hpp>
#include <charconv>
#include <unordered_map>

#include "common/base/base64.h"
#include "common/pickle/bytes_key.h"
#include "common/pickle/json.h"
#include "common/pickle/keyed_hash.h"

namespace reeve::pickle {

namespace {

using Kind = Value::Kind;
using boost::json::error_code;
using boost::json::string_view;

std::string too_deep(const Limits& limits) {
  return fmt::format("it is nested too deep; value_depth_max is {}", limits.value_depth_max);
}

// Takes the parser's events. Containers are collected on a stack of their own; numbers keep their text.
class Builder {
 public:
  constexpr static std::size_t max_object_size = -1, max_array_size = -1, max_key_size = -1,
                               max_string_size = -1;

  explicit Builder(const Limits& limits) : limits_(&limits) {}

  Value take() { return std::move(values_.back()); }
  const std::string& trouble() const { return trouble_; }

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  bool on_array_begin(error_code&) { return open(); }
  bool on_array_end(std::size_t, error_code& error) { return add_container(Kind::list, close(), error); }
  bool on_object_begin(error_code&) { return open(); }
  bool on_object_end(std::size_t, error_code& error);
  bool on_key_part(string_view part, std::size_t, error_code&) { return append(part); }
  bool on_key(string_view part, std::size_t, error_code& error) { return append(part) && add_text(error); }
  bool on_string_part(string_view part, std::size_t, error_code&) { return append(part); }
  bool on_string(string_view part, std::size_t, error_code& error) { return append(part) && add_text(error); }
  bool on_number_part(string_view part, error_code&) { return append(part); }
  bool on_int64(std::int64_t value, string_view, error_code& error) {
    return text_.clear(), add(Value{value}, error);
  }
  bool on_uint64(std::uint64_t, string_view part, error_code& error) {
    return append(part) && add_integer(error);
  }
  bool on_double(double value, string_view part, error_code& error);
  bool on_bool(bool value, error_code& error) { return add(Value{value}, error); }
  bool on_null(error_code& error) { return add(Value{}, error); }
  bool on_comment_part(string_view, error_code&) { return true; }
  bool on_comment(string_view, error_code&) { return true; }

 private:
  bool append(string_view part) {
    text_.append(part.data(), part.size());
    return true;
  }
  bool add(Value value, error_code& error) {
    if (++elements_ > limits_->value_elements_max)
      return refuse(error, fmt::format("value_elements_max is {}", limits_->value_elements_max));
    values_.push_back(std::move(value));
    return true;
  }
  bool add_container(Kind kind, std::vector<Value> elements, error_code& error) {
    if (Value::make_depth(elements) > limits_->value_depth_max) return refuse(error, too_deep(*limits_));
    return add(Value::of(kind, std::move(elements)), error);
  }
  bool add_text(error_code& error) { return add(Value::text(std::exchange(text_, {})), error); }
  bool add_integer(error_code& error);
  bool open() {
    begins_.push_back(values_.size());
    return true;
  }
  std::vector<Value> close() {
    const auto begin = values_.begin() + static_cast<std::ptrdiff_t>(begins_.back());
    std::vector<Value> elements{std::make_move_iterator(begin), std::make_move_iterator(values_.end())};
    values_.erase(begin, values_.end());
    begins_.pop_back();
    return elements;
  }
  bool refuse(error_code& error, std::string trouble) {
    trouble_ = std::move(trouble);
    error = boost::json::error::syntax;
    return false;
  }

  const Limits* limits_;
  std::vector<Value> values_;  // of all open containers, one behind the other
  std::vector<std::size_t> begins_;
  std::string text_, trouble_;
  std::uint32_t elements_ = 0;
};

// Of keys that come twice the last value counts, in the place of the first.
std::vector<Value> without_repeated_keys(std::vector<Value> elements) {
  std::unordered_map<std::string_view, std::size_t, KeyedHash> places;
  std::vector<Value> out;
  out.reserve(elements.size());
  for (std::size_t i = 0; i < elements.size(); i += 2) {
    const auto [place, fresh] = places.try_emplace(elements[i].chars(), out.size());
    if (fresh) {
      out.push_back(elements[i]);
      out.push_back(std::move(elements[i + 1]));
    } else {
      out[place->second + 1] = std::move(elements[i + 1]);
    }
  }
  return out;
}

bool Builder::on_object_end(std::size_t, error_code& error) {
  std::vector<Value> elements = close();
  const bool bytes =
      elements.size() == 2 && elements[0].chars() == bytes_key && elements[1].kind() == Kind::text;
  if (!bytes) return add_container(Kind::dict, without_repeated_keys(std::move(elements)), error);
  auto decoded = from_base64(elements[1].chars());
  if (!decoded) return refuse(error, fmt::format("\"{}\" is not in base64", bytes_key));
  return add(Value::bytes(std::move(*decoded)), error);
}

bool Builder::add_integer(error_code& error) {
  const std::string text = std::exchange(text_, {});
  if (text.size() > limits_->decimal_digits_max)
    return refuse(error, fmt::format("a number of {} digits; decimal_digits_max is {}", text.size(),
                                     limits_->decimal_digits_max));
  auto value = BigInt::from_decimal(text);
  return value ? add(Value{std::move(*value)}, error) : refuse(error, "this is no number");
}

bool Builder::on_double(double value, string_view part, error_code& error) {
  append(part);
  if (text_.find_first_of(".eE") == text_.npos) return add_integer(error);
  const std::string text = std::exchange(text_, {});
  double exact =
      value;  // what the parser made of it may be off by a bit; it is right where the text is out of range
  std::from_chars(text.data(), text.data() + text.size(), exact);
  return add(Value{exact}, error);
}

}  // namespace

Result<Value> from_json(std::string_view text, const Limits& limits) {
  boost::json::parse_options options;
  options.max_depth = limits.value_depth_max + 1;  // bytes are an object in JSON
  boost::json::basic_parser<Builder> parser{options, limits};
  error_code error;
  const std::size_t taken = parser.write_some(false, text.data(), text.size(), error);
  if (!error && taken < text.size()) error = boost::json::error::extra_data;
  if (!error) return parser.handler().take();
  const std::string& trouble = parser.handler().trouble();
  if (trouble.empty() && error != boost::json::error::too_deep)
    return fail(Errc::invalid_argument, "this is not JSON: {}", error.message());
  return fail(Errc::invalid_argument, "no Python value for this JSON: {}",
              trouble.empty() ? too_deep(limits) : trouble);
}

}  // namespace reeve::pickle
