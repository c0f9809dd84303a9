#include "client/cli/exit_code.h"

namespace reeve::cli {

Exit exit_of(const Counts& counts, bool incomplete) {
  if (counts.failed > 0) return Exit::failed;
  if (counts.cancelled > 0 || incomplete) return Exit::cancelled;
  return Exit::ok;
}

Exit exit_of(Errc code) {
  switch (code) {
    case Errc::ok:
      return Exit::ok;
    case Errc::cancelled:
      return Exit::cancelled;
    case Errc::timed_out:
      return Exit::timed_out;
    case Errc::unavailable:
    case Errc::authentication_failed:
    case Errc::permission_denied:
    case Errc::protocol_error:
      return Exit::unreachable;
    case Errc::invalid_argument:
    case Errc::not_found:
    case Errc::already_exists:
    case Errc::wrong_state:
    case Errc::too_large:
      return Exit::usage;
    case Errc::queue_full:
    case Errc::queue_empty:
    case Errc::not_leased_by_you:
    case Errc::limit_reached:
    case Errc::storage_failed:
    case Errc::internal:
      return Exit::failed;
  }
  return Exit::failed;
}

}  // namespace reeve::cli
