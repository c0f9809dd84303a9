#include "bench/yardsticks.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <system_error>
#include <vector>

namespace reeve::bench {
namespace {

using Clock = std::chrono::steady_clock;

double seconds(Clock::duration time) { return std::chrono::duration<double>(time).count(); }

int checked(int result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() { ::close(fd_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

int tcp_socket() { return checked(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"); }

void send_at_once(int fd) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

// The other process: what comes in goes out, until the connection ends.
[[noreturn]] void echo_until_closed(int listener) {
  const int peer = ::accept(listener, nullptr, nullptr);
  send_at_once(peer);
  char byte = 0;
  while (::read(peer, &byte, 1) == 1 && ::write(peer, &byte, 1) == 1) {
  }
  ::_exit(0);
}

// In a function of its own, because what vfork returns to twice should have few variables.
[[gnu::noinline]] void start_and_await_true() {
  static char program[] = "/bin/true";
  static char* const argv[] = {program, nullptr};
  const pid_t child = ::vfork();
  if (child == 0) {
    ::execv(program, argv);
    ::_exit(127);
  }
  ::waitpid(child, nullptr, 0);
}

}  // namespace

double ping_pong_p50_us(std::size_t round_trips) {
  const Descriptor listener(tcp_socket());
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const name = reinterpret_cast<sockaddr*>(&address);
  checked(::bind(listener.get(), name, size), "bind");
  checked(::listen(listener.get(), 1), "listen");
  checked(::getsockname(listener.get(), name, &size), "getsockname");
  const pid_t echo = checked(::fork(), "fork");
  if (echo == 0) echo_until_closed(listener.get());

  std::vector<double> us(round_trips);
  {
    const Descriptor connection(tcp_socket());
    checked(::connect(connection.get(), name, size), "connect");
    send_at_once(connection.get());
    for (double& one : us) {
      char byte = 'x';
      const auto start = Clock::now();
      if (::write(connection.get(), &byte, 1) != 1 || ::read(connection.get(), &byte, 1) != 1)
        throw std::system_error(errno, std::generic_category(), "ping-pong");
      one = seconds(Clock::now() - start) * 1e6;
    }
  }
  ::waitpid(echo, nullptr, 0);
  std::ranges::nth_element(us, us.begin() + static_cast<std::ptrdiff_t>(us.size() / 2));
  return us[us.size() / 2];
}

double flushes_per_s(const std::filesystem::path& directory, std::size_t flushes) {
  const std::filesystem::path path = directory / "yardstick";
  const Descriptor file(
      checked(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), "open"));
  const std::string block(4096, 'x');
  const auto start = Clock::now();
  for (std::size_t i = 0; i < flushes; ++i) {
    if (::write(file.get(), block.data(), block.size()) != static_cast<ssize_t>(block.size()))
      throw std::system_error(errno, std::generic_category(), path.string());
    checked(::fdatasync(file.get()), "fdatasync");
  }
  const double elapsed = seconds(Clock::now() - start);
  std::filesystem::remove(path);
  return static_cast<double>(flushes) / elapsed;
}

double raw_processes_per_s(std::size_t count, int loops) {
  const auto start = Clock::now();
  std::vector<pid_t> running;
  for (int loop = 0; loop < loops; ++loop) {
    const pid_t pid = checked(::fork(), "fork");
    if (pid == 0) {
      for (std::size_t i = 0; i < count / static_cast<std::size_t>(loops); ++i) start_and_await_true();
      ::_exit(0);
    }
    running.push_back(pid);
  }
  for (const pid_t pid : running) ::waitpid(pid, nullptr, 0);
  return static_cast<double>(count) / seconds(Clock::now() - start);
}

}  // namespace reeve::bench
