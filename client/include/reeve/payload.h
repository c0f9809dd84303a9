// Payload: the bytes a task is given, or gives back, and how they are encoded.
#pragma once

#include <charconv>
#include <concepts>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

#include "common/base/api.h"
#include "common/base/task.h"
#include "reeve/errors.h"

namespace reeve {

// A number, not a character and not a truth value.
template <typename T>
concept Number = std::is_arithmetic_v<T> && !std::same_as<T, bool> && !std::same_as<T, char>;

struct REEVE_API Payload {
  std::string bytes;
  Encoding encoding = Encoding::raw;

  Payload() = default;
  Payload(std::string raw) : bytes(std::move(raw)) {}
  Payload(std::string_view raw) : bytes(raw) {}
  Payload(const char* raw) : bytes(raw) {}
  Payload(std::string data, Encoding how) : bytes(std::move(data)), encoding(how) {}
  template <Number T>
  Payload(T number) : encoding(Encoding::json) {  // a decimal number is JSON
    char text[64];
    const auto end = std::to_chars(text, text + sizeof text, number);
    bytes.assign(text, end.ptr);
  }

  // `text` is JSON already; it is not checked here.
  static Payload json(std::string text) { return {std::move(text), Encoding::json}; }
  // A JSON string: quoted and escaped. `utf8` is not checked.
  static Payload json_string(std::string_view utf8);

  // The number that the bytes are. Throws Exception(invalid_argument) when they are something else.
  template <Number T>
  T as() const {
    T number{};
    const auto [end, error] = std::from_chars(bytes.data(), bytes.data() + bytes.size(), number);
    if (error != std::errc{} || end != bytes.data() + bytes.size())
      throw_error(
          {Errc::invalid_argument, "the payload is not a number of that type: " + bytes.substr(0, 60)});
    return number;
  }

  bool operator==(const Payload&) const = default;
};

}  // namespace reeve
