// Result<T>: expected trouble as a value. Bugs are assertions (assert.h), exceptions stay at the edge.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace reeve {

// Numbers are part of the wire protocol (wire.Error.code): append, never renumber.
enum class Errc : std::uint32_t {
  ok = 0,
  invalid_argument = 1,
  not_found = 2,
  already_exists = 3,
  queue_full = 4,
  queue_empty = 5,
  timed_out = 6,
  not_leased_by_you = 7,
  too_large = 8,      // a payload, a frame, a batch
  limit_reached = 9,  // a named bound of the master or worker
  wrong_state = 10,   // the job, task or queue is not in a state that allows this
  permission_denied = 11,
  authentication_failed = 12,
  protocol_error = 13,
  unavailable = 14,  // not connected, shutting down, connection lost
  storage_failed = 15,
  cancelled = 16,
  internal = 17,
};

std::string_view name_of(Errc code);

struct Error {
  Errc code = Errc::internal;
  std::string detail;  // a sentence for a person, without a final full stop
};

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
