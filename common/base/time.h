// Two clocks: a monotonic one for deadlines and leases, the wall clock for what people and the store see.
// Code that decides takes them as arguments; only edges call the functions named now.
#pragma once

#include <chrono>
#include <cstdint>

namespace reeve {

using Duration = std::chrono::microseconds;
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, Duration>;
using WallTime = std::chrono::sys_time<Duration>;

struct Now {
  TimePoint mono{};
  WallTime wall{};
};

inline TimePoint mono_now() {
  return std::chrono::time_point_cast<Duration>(std::chrono::steady_clock::now());
}
inline WallTime wall_now() {
  return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
}
inline Now clock_now() { return {mono_now(), wall_now()}; }

// Microseconds as they stand in messages and in the store.
inline std::uint64_t to_us(WallTime time) {
  return time.time_since_epoch().count() > 0 ? static_cast<std::uint64_t>(time.time_since_epoch().count())
                                             : 0;
}
inline WallTime wall_from_us(std::uint64_t us) { return WallTime{Duration{static_cast<std::int64_t>(us)}}; }

}  // namespace reeve
