// Result<T>: expected trouble as a value. Bugs are assertions (assert.h), exceptions stay at the edge.
#pragma once

#include <fmt/format.h>

#include <expected>
#include <utility>

#include "common/base/error.h"

namespace reeve {

template <typename T>
class [[nodiscard]] Result : public std::expected<T, Error> {
 public:
  using std::expected<T, Error>::expected;
};

// return fail(Errc::not_found, "no task {}", id);
template <typename... Args>
[[nodiscard]] std::unexpected<Error> fail(Errc code, fmt::format_string<Args...> format, Args&&... args) {
  return std::unexpected(Error{code, fmt::format(format, std::forward<Args>(args)...)});
}
[[nodiscard]] inline std::unexpected<Error> fail(Error error) { return std::unexpected(std::move(error)); }

}  // namespace reeve
