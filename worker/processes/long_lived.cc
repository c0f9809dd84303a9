#include "worker/processes/long_lived.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace reeve::worker {
namespace {

constexpr std::size_t read_bytes = 64u << 10;
constexpr Duration end_after_silence = std::chrono::milliseconds{100};

void set_nonblocking(int fd) { ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK); }

// Waits for events; TimePoint::max(): without end.
template <std::size_t size>
int wait_for(std::array<pollfd, size>& fds, TimePoint until) {
  if (until == TimePoint::max()) return ::ppoll(fds.data(), fds.size(), nullptr, nullptr);
  const auto left = std::max(Duration::zero(), until - mono_now());
  const auto seconds = std::chrono::floor<std::chrono::seconds>(left);
  const timespec timeout{.tv_sec = seconds.count(),
                         .tv_nsec = std::chrono::nanoseconds(left - seconds).count()};
  return ::ppoll(fds.data(), fds.size(), &timeout, nullptr);
}

}  // namespace

LongLived::LongLived(ProcessGroup group, Descriptor to, Descriptor from)
    : group_(std::move(group)), to_(std::move(to)), from_(std::move(from)) {
  set_nonblocking(to_.get());
  set_nonblocking(from_.get());
}

// Talk: one exchange.
class LongLived::Talk {
 public:
  Talk(LongLived& process, std::string_view request, StopSignal& stop, const Manners& manners)
      : process_(process), unsent_(request), stop_(stop), manners_(manners) {}

  Exchange run() {
    while (!take_answer() && !over()) {
      ask_to_end_when_due();
      if (killed_) break;
      wait();
    }
    // One that fell silent is most likely ending by itself: how it does so is worth knowing.
    if (!result_.answer) result_.ended = process_.reap(silent_ ? end_after_silence : Duration::zero());
    return std::move(result_);
  }

 private:
  bool take_answer() {
    const std::size_t bytes = manners_.answer_bytes(process_.received_);
    if (bytes == 0) return false;
    result_.answer = process_.received_.substr(0, bytes);
    process_.received_.erase(0, bytes);
    return true;
  }

  bool over() {
    result_.too_long = process_.received_.size() > manners_.answer_max_bytes;
    return silent_ || result_.too_long;
  }

  void ask_to_end_when_due() {
    const TimePoint now = mono_now();
    if (result_.asked_to_end == Asked::nothing) {
      if (stop_.stopped())
        ask_to_end(Asked::stop, now + manners_.stop_grace);
      else if (now >= manners_.deadline)
        ask_to_end(Asked::late, now + manners_.late_grace);
    }
    killed_ = now >= kill_at_;  // by reap()
  }

  void ask_to_end(Asked why, TimePoint kill_at) {
    result_.asked_to_end = why;
    kill_at_ = kill_at;
    manners_.ask_to_end();
  }

  void wait() {
    const bool asked = result_.asked_to_end != Asked::nothing;
    std::array<pollfd, 4> fds{
        {{.fd = process_.from_.get(), .events = POLLIN, .revents = 0},
         {.fd = unsent_.empty() ? -1 : process_.to_.get(), .events = POLLOUT, .revents = 0},
         {.fd = process_.group_.fd(), .events = POLLIN, .revents = 0},
         {.fd = asked ? -1 : stop_.fd(), .events = POLLIN, .revents = 0}}};
    if (wait_for(fds, asked ? kill_at_ : manners_.deadline) <= 0) return;
    if (fds[1].revents != 0) send();
    if (fds[0].revents != 0) receive();
    if (fds[3].revents != 0) stop_.drain();
    // What it wrote before it ended has been read, if it was not more than fits into one read.
    if (fds[2].revents != 0 && fds[0].revents == 0) silent_ = true;
  }

  void send() {
    const auto sent = ::write(process_.to_.get(), unsent_.data(), unsent_.size());
    if (sent > 0)
      unsent_.remove_prefix(static_cast<std::size_t>(sent));
    else if (errno != EAGAIN && errno != EINTR)
      unsent_ = {};  // it does not listen any more: the end of what it says will show why
  }

  void receive() {
    const std::size_t before = process_.received_.size();
    process_.received_.resize(before + read_bytes);
    const auto got = ::read(process_.from_.get(), process_.received_.data() + before, read_bytes);
    process_.received_.resize(before + (got > 0 ? static_cast<std::size_t>(got) : 0));
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) silent_ = true;
  }

  LongLived& process_;
  std::string_view unsent_;
  StopSignal& stop_;
  const Manners& manners_;
  TimePoint kill_at_ = TimePoint::max();
  bool silent_ = false;  // there will be no further answer
  bool killed_ = false;
  Exchange result_;
};

LongLived::Exchange LongLived::exchange(std::string_view request, StopSignal& stop, const Manners& manners) {
  return Talk{*this, request, stop, manners}.run();
}

bool LongLived::alive() {
  if (ended_) return false;
  return !wait_for_end_until(TimePoint{});
}

void LongLived::signal(int number) const {
  if (!ended_) group_.signal(number);
}

ExitStatus LongLived::finish(Duration patience) {
  to_.reset();
  from_.reset();
  return reap(patience);
}

bool LongLived::wait_for_end_until(TimePoint until) const {
  std::array<pollfd, 1> fds{{{.fd = group_.fd(), .events = POLLIN, .revents = 0}}};
  return wait_for(fds, until) > 0;
}

ExitStatus LongLived::reap(Duration patience) {
  if (ended_) return *ended_;
  wait_for_end_until(mono_now() + patience);
  ended_ = group_.end();
  return *ended_;
}

}  // namespace reeve::worker
