// PackedOutcome: an Outcome in one exact allocation, for the many that a store in memory keeps.
//
// An Outcome is over 200 bytes of mostly empty strings; packed, a plain success takes under 60.
#pragma once

#include <memory>

#include "common/base/task.h"

namespace reeve::master {

class PackedOutcome {
 public:
  PackedOutcome() = default;  // none
  explicit PackedOutcome(const Outcome& outcome);

  explicit operator bool() const { return bytes_ != nullptr; }
  Outcome unpack() const;  // Pre: not none

 private:
  std::unique_ptr<char[]> bytes_;  // a Header, then the strings
};

}  // namespace reeve::master
