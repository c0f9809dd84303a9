#include "common/base/result.h"

#include <cstdio>
#include <cstdlib>

#include "common/base/assert.h"

namespace reeve {

std::string_view name_of(Errc code) {
  switch (code) {
    case Errc::ok:
      return "ok";
    case Errc::invalid_argument:
      return "invalid_argument";
    case Errc::not_found:
      return "not_found";
    case Errc::already_exists:
      return "already_exists";
    case Errc::queue_full:
      return "queue_full";
    case Errc::queue_empty:
      return "queue_empty";
    case Errc::timed_out:
      return "timed_out";
    case Errc::not_leased_by_you:
      return "not_leased_by_you";
    case Errc::too_large:
      return "too_large";
    case Errc::limit_reached:
      return "limit_reached";
    case Errc::wrong_state:
      return "wrong_state";
    case Errc::permission_denied:
      return "permission_denied";
    case Errc::authentication_failed:
      return "authentication_failed";
    case Errc::protocol_error:
      return "protocol_error";
    case Errc::unavailable:
      return "unavailable";
    case Errc::storage_failed:
      return "storage_failed";
    case Errc::cancelled:
      return "cancelled";
    case Errc::internal:
      return "internal";
  }
  return "unknown";
}

namespace detail {
void assertion_failed(const char* condition, const char* file, int line, std::string_view message) {
  std::fprintf(stderr, "%s:%d: broken invariant: %s %.*s\n", file, line, condition,
               static_cast<int>(message.size()), message.data());
  std::abort();
}
}  // namespace detail

}  // namespace reeve
