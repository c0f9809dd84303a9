// Slot: one answer, pending or there. A Future, an Ack and a blocked call each hold one.
//
// Owner: shared (SlotPtr).  Thread: the driver of the Loop fills it once, anybody reads it afterwards.
// Always: everything but refs and phase is written before phase becomes ready, and never after.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "common/base/error.h"
#include "common/net/frame.h"
#include "reeve/handle.h"

namespace reeve::client {

struct Slot {
  enum class Phase : std::uint8_t {
    pending,
    watched,  // pending, and a thread is parked until it is ready
    ready,
  };
  using Hook = std::function<void(const SlotPtr&)>;

  std::atomic<std::uint32_t> refs{1};
  std::atomic<Phase> phase{Phase::pending};
  FrameType type = FrameType::done;  // of the answer; outcomes: `bytes` is one wire::Outcome
  Errc error = Errc::ok;             // not ok: there is no answer, and `bytes` tells why
  bool repeated = false;    // the question was sent on two connections, and may have been heard twice
  std::uint32_t index = 0;  // of a task
  std::uint64_t job = 0;
  std::string bytes;           // the body, parsed by whoever wants it
  std::unique_ptr<Hook> hook;  // called by the driver when it is ready; null: nobody is told

  bool ready() const { return phase.load(std::memory_order_acquire) == Phase::ready; }
  // Pre: ready(). Throws when there is no answer.
  void check() const;
};

inline SlotPtr make_slot() { return SlotPtr{new Slot}; }

}  // namespace reeve::client
