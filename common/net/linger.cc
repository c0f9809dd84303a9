#include "common/net/linger.h"

#include <sched.h>

namespace reeve {

std::size_t Linger::poll(boost::asio::io_context& io) {
  if (const std::size_t ran = io.poll(); ran > 0 || !rule_.pays()) return ran;
  TimePoint now = mono_now();
  const TimePoint until = now + LingerRule::longest;
  while (!io.stopped()) {
    ::sched_yield();
    const TimePoint before = std::exchange(now, mono_now());
    if (now - before >= LingerRule::slice_min) {
      rule_.gave_slice_away();
      return io.poll();
    }
    if (const std::size_t ran = io.poll(); ran > 0) {
      rule_.found();
      return ran;
    }
    if (now >= until) break;
  }
  rule_.in_vain();
  return 0;
}

void run_loop(boost::asio::io_context& io) {
  Linger linger;
  while (!io.stopped()) {
    if (linger.poll(io) > 0) continue;
    const TimePoint asleep = mono_now();
    if (io.run_one() == 0) return;
    linger.slept(mono_now() - asleep);
  }
}

}  // namespace reeve
