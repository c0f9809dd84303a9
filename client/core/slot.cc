#include "client/core/slot.h"

#include "reeve/errors.h"

namespace reeve::client {

void retain(Slot* slot) noexcept { slot->refs.fetch_add(1, std::memory_order_relaxed); }

void release(Slot* slot) noexcept {
  if (slot->refs.fetch_sub(1, std::memory_order_acq_rel) == 1) delete slot;
}

void Slot::check() const {
  if (error != Errc::ok) throw_error({error, bytes});
}

}  // namespace reeve::client
