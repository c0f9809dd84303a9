#include "worker/processes/long_lived.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace reeve::worker {
namespace {

constexpr std::size_t read_bytes = 64u << 10;
constexpr Duration end_after_silence = std::chrono::milliseconds{100};

bool is_pipe(int fd) {
  struct stat status{};
  return ::fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode);
}

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
    : group_(std::move(group)), to_(std::move(to)), from_(std::move(from)), to_is_pipe_(is_pipe(to_.get())) {
  set_nonblocking(to_.get());
  set_nonblocking(from_.get());
}

// Talk: one exchange.
class LongLived::Talk {
 public:
  Talk(LongLived& process, std::string_view request, StopSignal& stop, const Manners& manners)
      : process_(process), asks_(!request.empty()), unsent_(request), stop_(stop), manners_(manners) {}

  Exchange run() {
    while (!speaks_too_early() && !take_answer() && !over()) {
      ask_to_end_when_due();
      if (killed_) break;
      wait();
    }
    // One that fell silent is most likely ending by itself: how it does so is worth knowing.
    if (!result_.answer) result_.ended = process_.reap(silent_ ? end_after_silence : Duration::zero());
    if (result_.ended) result_.unread = nothing_was_read();
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

  // What it says then is no answer to the request: most likely it is a second one to the request before.
  bool speaks_too_early() {
    result_.too_early =
        asks_ && process_.to_is_pipe_ && !process_.received_.empty() && process_.unread_bytes() >= sent_;
    return result_.too_early;
  }

  // Pre: the process has ended.
  bool nothing_was_read() { return sent_ == 0 || (process_.to_is_pipe_ && process_.take_back() >= sent_); }

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
    std::array<pollfd, 4> fds{{{.fd = process_.from_.get(), .events = POLLIN, .revents = 0},
                               {.fd = watches_its_input() ? process_.to_.get() : -1,
                                .events = static_cast<short>(unsent_.empty() ? 0 : POLLOUT),
                                .revents = 0},
                               {.fd = process_.group_.fd(), .events = POLLIN, .revents = 0},
                               {.fd = asked ? -1 : stop_.fd(), .events = POLLIN, .revents = 0}}};
    if (wait_for(fds, asked ? kill_at_ : manners_.deadline) <= 0) return;
    if (fds[0].revents != 0)
      receive();
    else if ((fds[1].revents & POLLERR) != 0)
      stop_talking();
    else if (fds[1].revents != 0)  // only now is it sure that it has said nothing before the request
      send();
    if (fds[3].revents != 0) stop_.drain();
    // What it wrote before it ended has been read, if it was not more than fits into one read.
    if (fds[2].revents != 0 && fds[0].revents == 0) silent_ = true;
  }

  void send() {
    const auto sent = ::write(process_.to_.get(), unsent_.data(), unsent_.size());
    if (sent > 0) {
      unsent_.remove_prefix(static_cast<std::size_t>(sent));
      sent_ += static_cast<std::size_t>(sent);
    } else if (errno != EAGAIN && errno != EINTR) {
      stop_talking();
    }
  }

  // Of a pipe also when all is sent: whoever closes it unread will never answer.
  bool watches_its_input() const { return !unsent_.empty() || (process_.to_is_pipe_ && !deaf_); }

  // It does not listen any more. If it has read something, then the end of what it says will show why.
  void stop_talking() {
    unsent_ = {};
    deaf_ = true;
    if (asks_ && (sent_ == 0 || (process_.to_is_pipe_ && process_.unread_bytes() >= sent_))) silent_ = true;
  }

  void receive() {
    const std::size_t before = process_.received_.size();
    process_.received_.resize(before + read_bytes);
    const auto got = ::read(process_.from_.get(), process_.received_.data() + before, read_bytes);
    process_.received_.resize(before + (got > 0 ? static_cast<std::size_t>(got) : 0));
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) silent_ = true;
  }

  LongLived& process_;
  const bool asks_;
  std::string_view unsent_;
  std::size_t sent_ = 0;
  StopSignal& stop_;
  const Manners& manners_;
  TimePoint kill_at_ = TimePoint::max();
  bool deaf_ = false;    // it has closed its input
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

// Also counts what is left of requests before.
std::size_t LongLived::unread_bytes() const {
  int bytes = 0;
  return ::ioctl(to_.get(), FIONREAD, &bytes) == 0 ? static_cast<std::size_t>(bytes) : 0;
}

// Takes what nobody has read out of the pipe, so that nobody will: a process that left the group may hold its other
// end. Pre: `to` is a pipe.
std::size_t LongLived::take_back() {
  const auto path = fmt::format("/proc/self/fd/{}", to_.get());
  const Descriptor end{::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)};
  std::array<char, read_bytes> bytes;
  std::size_t taken = 0;
  for (ssize_t got = 0; end && (got = ::read(end.get(), bytes.data(), bytes.size())) > 0;)
    taken += static_cast<std::size_t>(got);
  return taken;
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
