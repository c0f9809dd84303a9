// Fifo: how a test hears from a process that it did not start itself, and when the last of several has ended.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <stdexcept>
#include <string>

#include "worker/processes/descriptor.h"

namespace reeve::worker {

class Fifo {
 public:
  explicit Fifo(std::string path) : path_(std::move(path)) {
    if (::mkfifo(path_.c_str(), 0600) != 0) throw std::runtime_error("mkfifo " + path_);
    read_ = Descriptor{::open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)};
  }
  const std::string& path() const { return path_; }

  // What stands before the next newline.
  std::string line() {
    for (;;) {
      if (const auto end = text_.find('\n'); end != text_.npos) {
        std::string line = text_.substr(0, end);
        text_.erase(0, end + 1);
        return line;
      }
      char bytes[256];
      wait(POLLIN);
      const ssize_t got = ::read(read_.get(), bytes, sizeof bytes);
      if (got <= 0) throw std::runtime_error("nobody writes to " + path_);
      text_.append(bytes, static_cast<std::size_t>(got));
    }
  }
  // Pre: somebody has had it open. Returns when nobody has any more.
  void wait_for_last_writer() { wait(POLLHUP); }

 private:
  void wait(short event) {
    pollfd watched{.fd = read_.get(), .events = static_cast<short>(event & POLLIN), .revents = 0};
    while ((watched.revents & event) == 0)
      if (::poll(&watched, 1, hang_ms) == 0) throw std::runtime_error("nothing happens on " + path_);
  }

  static constexpr int hang_ms = 60'000;

  std::string path_;
  Descriptor read_;
  std::string text_;
};

}  // namespace reeve::worker
