// What can go wrong, by number and in a sentence. Standard library only: programs that use reeve include it
// too.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/api.h"

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

REEVE_API std::string_view name_of(Errc code);

struct Error {
  Errc code = Errc::internal;
  std::string detail;  // a sentence for a person, without a final full stop
};

}  // namespace reeve
