// The least that a server of Python programs can do, for managers.py to measure beside real ones:
//
//   bare_server          prints two ports of the loopback, and serves until standard input ends
//
// On the first port each message is sent back as it came: one receive and one send, by a thread for each connection.
// On the second a stranger is given a challenge, and whatever it answers is a wrong key.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <thread>

namespace {

using namespace std::string_view_literals;

constexpr std::string_view challenge = "\0\0\0\x1f#CHALLENGE#01234567890123456789"sv;
constexpr std::string_view refusal = "\0\0\0\x09#FAILURE#"sv;

int checked(int result, const char* what) {
  if (result >= 0) return result;
  std::perror(what);
  std::_Exit(EXIT_FAILURE);
}

int listening() {
  const int socket = checked(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  checked(::bind(socket, reinterpret_cast<const sockaddr*>(&where), sizeof where), "bind");
  checked(::listen(socket, SOMAXCONN), "listen");
  return socket;
}

int port_of(int socket) {
  sockaddr_in where{};
  socklen_t bytes = sizeof where;
  checked(::getsockname(socket, reinterpret_cast<sockaddr*>(&where), &bytes), "getsockname");
  return ntohs(where.sin_port);
}

void send_all(int socket, std::string_view bytes) {
  [[maybe_unused]] const auto sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

void echo(int connection) {
  const int on = 1;
  ::setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  std::array<char, 4096> message;
  for (ssize_t got; (got = ::recv(connection, message.data(), message.size(), 0)) > 0;)
    send_all(connection, {message.data(), static_cast<std::size_t>(got)});
  ::close(connection);
}

void watch(int epoll, int socket) {
  epoll_event event{.events = EPOLLIN, .data = {.fd = socket}};
  checked(::epoll_ctl(epoll, EPOLL_CTL_ADD, socket, &event), "epoll_ctl");
}

[[noreturn]] void refuse_strangers(int listener) {
  const int epoll = checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
  watch(epoll, listener);
  std::array<epoll_event, 64> events;
  for (;;) {
    const int ready = ::epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < ready; ++i) {
      if (const int peer = events[static_cast<std::size_t>(i)].data.fd; peer != listener) {
        std::array<char, 256> answer;
        if (::recv(peer, answer.data(), answer.size(), 0) > 0) send_all(peer, refusal);
        ::close(peer);
      } else if (const int stranger = ::accept(listener, nullptr, nullptr); stranger >= 0) {
        send_all(stranger, challenge);
        watch(epoll, stranger);
      }
    }
  }
}

}  // namespace

int main() {
  const int echoes = listening(), strangers = listening();
  std::printf("%d %d\n", port_of(echoes), port_of(strangers));
  std::fflush(stdout);
  std::thread([strangers] { refuse_strangers(strangers); }).detach();
  std::thread([echoes] {
    for (;;)
      if (const int connection = ::accept(echoes, nullptr, nullptr); connection >= 0)
        std::thread(echo, connection).detach();
  }).detach();
  while (std::getchar() != EOF) {
  }
  std::_Exit(EXIT_SUCCESS);  // the others have nothing to tidy up
}
