// JSON as text: checking what people give, and writing what programs read.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace reeve::cli {

// Error: invalid_argument, saying what is wrong with `text`.
Result<void> check_json(std::string_view text);

// JsonWriter appends one JSON value to a string, in one line. Text goes straight to the output, so that
// numbers of any size inside a task's own JSON value survive.
//
// Always: the caller opens, fills and closes in order; commas come by themselves.
class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}

  JsonWriter& open_object() { return open('{'); }
  JsonWriter& close_object() { return close('}'); }
  JsonWriter& open_array() { return open('['); }
  JsonWriter& close_array() { return close(']'); }

  JsonWriter& key(std::string_view name);
  JsonWriter& text(std::string_view value);  // bytes that are no UTF-8 become U+FFFD
  JsonWriter& boolean(bool value);
  JsonWriter& null();
  JsonWriter& json(std::string_view value);  // already JSON, as check_json takes it
  JsonWriter& real(double value);            // seconds and the like, six decimals at most

  template <std::integral Number>
  JsonWriter& number(Number value) {
    separate();
    out_ += std::to_string(value);
    return *this;
  }

 private:
  JsonWriter& open(char bracket);
  JsonWriter& close(char bracket);
  void separate();

  std::string& out_;
  bool first_ = true;  // nothing stands in the innermost bracket yet
  bool after_key_ = false;
};

}  // namespace reeve::cli
