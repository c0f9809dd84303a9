// AttemptQueue: attempts on their way from the loop thread to the pool's threads.
//
// Owner: Pool.  Thread: push by the loop thread alone; take by anyone.  Always: first in, first out; taken()
// counts everything that ever left. Lock-free: a ring with one producer, in which consumers advance the head.
#pragma once

#include <atomic>
#include <bit>
#include <cstdint>
#include <memory>
#include <span>

#include "common/base/assert.h"
#include "worker/work.h"

namespace reeve::worker {

class AttemptQueue {
 public:
  explicit AttemptQueue(std::size_t capacity)
      : mask_(std::bit_ceil(capacity + 1) - 1), ring_(std::make_unique<std::atomic<Attempt*>[]>(mask_ + 1)) {}

  // Pre: no more are queued than the capacity.
  void push(std::span<Attempt* const> attempts) {
    std::uint64_t tail = tail_.load(std::memory_order_relaxed);
    ASSERT(tail + attempts.size() - head_.load(std::memory_order_acquire) <= mask_ + 1, "the queue is full");
    for (Attempt* attempt : attempts) ring_[tail++ & mask_].store(attempt, std::memory_order_relaxed);
    tail_.store(tail, std::memory_order_seq_cst);  // before the look at who sleeps
  }

  Attempt* take() {
    std::uint64_t head = head_.load(std::memory_order_acquire);
    for (;;) {
      if (head == tail_.load(std::memory_order_seq_cst)) return nullptr;
      // May be overwritten only after the head has moved on, and then the exchange fails.
      Attempt* attempt = ring_[head & mask_].load(std::memory_order_relaxed);
      if (head_.compare_exchange_weak(head, head + 1, std::memory_order_acq_rel, std::memory_order_acquire))
        return attempt;
    }
  }

  bool empty() const {
    return head_.load(std::memory_order_acquire) == tail_.load(std::memory_order_seq_cst);
  }
  std::uint64_t taken() const { return head_.load(std::memory_order_acquire); }

 private:
  const std::uint64_t mask_;
  const std::unique_ptr<std::atomic<Attempt*>[]> ring_;
  alignas(64) std::atomic<std::uint64_t> head_{0};
  alignas(64) std::atomic<std::uint64_t> tail_{0};
};

}  // namespace reeve::worker
