#include "common/net/socket_options.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace reeve {
namespace {

void set(int socket, int level, int name, int value) {
  (void)::setsockopt(socket, level, name, &value, sizeof value);
}

}  // namespace

void bound_silence(int socket, std::chrono::milliseconds longest) {
  constexpr int probes = 3;
  const auto every = std::chrono::ceil<std::chrono::seconds>(longest / (probes + 1));
  set(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
  set(socket, IPPROTO_TCP, TCP_KEEPIDLE, static_cast<int>(every.count()));
  set(socket, IPPROTO_TCP, TCP_KEEPINTVL, static_cast<int>(every.count()));
  set(socket, IPPROTO_TCP, TCP_KEEPCNT, probes);
  // The same for what was sent and not acknowledged.
  set(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(longest.count()));
}

void acknowledge(int socket) { set(socket, IPPROTO_TCP, TCP_QUICKACK, 1); }

}  // namespace reeve
