// ASSERT(condition, "what was expected {}", detail...): a broken invariant stops the program, in release
// builds too. The store is the truth; a restart recovers from it.
#pragma once

#include <fmt/format.h>

#include <string_view>

namespace reeve::detail {
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line,
                                   std::string_view message);
}

#define ASSERT(condition, ...)                                                                          \
  do {                                                                                                  \
    if (!(condition)) [[unlikely]]                                                                      \
      ::reeve::detail::assertion_failed(#condition, __FILE__, __LINE__, ::fmt::format("" __VA_ARGS__)); \
  } while (false)
