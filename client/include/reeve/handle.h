// SlotPtr: shared ownership of what a pending answer will be put into. Part of Future and Ack; programs do
// not use it directly.
#pragma once

#include <utility>

#include "common/base/api.h"
#include "common/base/time.h"

namespace reeve {
inline constexpr Duration forever = Duration::max();
}

namespace reeve::client {

class Core;   // the connection and everything under way on it
struct Slot;  // one answer, pending or there

REEVE_API void retain(Slot* slot) noexcept;
REEVE_API void release(Slot* slot) noexcept;

class SlotPtr {
 public:
  SlotPtr() = default;
  explicit SlotPtr(Slot* adopted) : slot_(adopted) {}  // takes over one reference
  SlotPtr(const SlotPtr& other) : slot_(other.slot_) {
    if (slot_ != nullptr) retain(slot_);
  }
  SlotPtr(SlotPtr&& other) noexcept : slot_(std::exchange(other.slot_, nullptr)) {}
  SlotPtr& operator=(SlotPtr other) noexcept {
    std::swap(slot_, other.slot_);
    return *this;
  }
  ~SlotPtr() {
    if (slot_ != nullptr) release(slot_);
  }

  Slot* get() const { return slot_; }
  Slot& operator*() const { return *slot_; }
  Slot* operator->() const { return slot_; }
  explicit operator bool() const { return slot_ != nullptr; }

 private:
  Slot* slot_ = nullptr;
};

}  // namespace reeve::client
