#include "worker/runners/stop_signal.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "common/base/assert.h"
#include "worker/runners/runner.h"

namespace reeve::worker {

StopSignal::StopSignal() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  ASSERT(fd_ >= 0, "eventfd: {}", std::strerror(errno));
}

StopSignal::~StopSignal() { ::close(fd_); }

void StopSignal::begin(const Work& work, const std::atomic<StopReason>& reason, TimePoint started) {
  reason_ = &reason;
  const Duration limit = work.spec->time_limit;
  deadline_ = limit > Duration::zero() ? started + limit : TimePoint::max();
  // With stop_if_running: either it sees this attempt here, or the flag is already visible to the runner.
  running_.store(&reason, std::memory_order_seq_cst);
}

void StopSignal::end() { running_.store(nullptr, std::memory_order_release); }

void StopSignal::stop_if_running(const std::atomic<StopReason>& reason) {
  if (running_.load(std::memory_order_seq_cst) == &reason) wake();
}

void StopSignal::wake() const {
  const std::uint64_t one = 1;
  // The counter is far from overflowing; there is nothing else to fail.
  [[maybe_unused]] const auto written = ::write(fd_, &one, sizeof one);
}

void StopSignal::drain() const {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = ::read(fd_, &count, sizeof count);
}

void StopSignal::wait_until(TimePoint until) const {
  until = std::min(until, deadline_);
  while (!stopped()) {
    const Duration left = until - mono_now();
    if (left <= Duration::zero()) return;
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
    const timespec timeout{.tv_sec = seconds.count(),
                           .tv_nsec = std::chrono::nanoseconds(left - seconds).count()};
    pollfd waiting{.fd = fd_, .events = POLLIN, .revents = 0};
    if (::ppoll(&waiting, 1, &timeout, nullptr) > 0) drain();
  }
}

void set_stopped(Outcome& outcome, StopReason reason) {
  outcome.state = TaskState::cancelled;
  switch (reason) {
    case StopReason::lease_lost:
      outcome.error = "stopped: its lease was lost";
      return;
    case StopReason::shut_down:
      outcome.error = "stopped: the worker shut down";
      return;
    case StopReason::none:
    case StopReason::cancelled:
      outcome.error = "cancelled";
      return;
  }
}

void set_timed_out(Outcome& outcome, Duration time_limit) {
  outcome.timed_out = true;
  const double seconds = std::chrono::duration<double>(time_limit).count();
  set_failed(outcome, fmt::format("timed out after {:g}s", seconds));
}

}  // namespace reeve::worker
