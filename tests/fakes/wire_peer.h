// WirePeer: the other end of the native protocol, written as plainly as possible: a blocking socket, one
// frame at a time. For tests that want to see exactly what a master says.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>
#include <string>

#include "common/net/endpoint.h"
#include "common/net/frame.h"
#include "common/net/handshake.h"
#include "proto/reeve.pb.h"

namespace reeve::fakes {

class WirePeer {
 public:
  explicit WirePeer(const Endpoint& master) {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(master.port);
    inet_pton(AF_INET, master.host.c_str(), &address.sin_addr);
    connected_ = connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  // A connection that was accepted: then the other end is whoever connected.
  struct Accepted {
    int fd;
  };
  explicit WirePeer(Accepted accepted) : fd_(accepted.fd), connected_(true) {}
  ~WirePeer() { close(); }
  WirePeer(const WirePeer&) = delete;
  WirePeer& operator=(const WirePeer&) = delete;

  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

  void send_bytes(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  // Up to `count` bytes; fewer when the master closes, or says nothing for ten seconds.
  std::string receive_bytes(std::size_t count) {
    std::string bytes(count, '\0');
    std::size_t got = 0;
    while (got < count) {
      const ssize_t n = wait_readable(10'000) ? ::recv(fd_, bytes.data() + got, count - got, 0) : 0;
      if (n <= 0) break;
      got += static_cast<std::size_t>(n);
    }
    bytes.resize(got);
    return bytes;
  }
  bool wait_readable(int milliseconds) const {
    pollfd ready{fd_, POLLIN, 0};
    return poll(&ready, 1, milliseconds) > 0;
  }
  bool closed_by_master() { return receive_bytes(1).empty(); }

  Result<void> shake_hands(std::string_view authkey, Role role) {
    ClientHandshake handshake{authkey, role, random_nonce()};
    std::string out;
    handshake.start(out);
    send_bytes(out);
    while (!handshake.done()) {
      out.clear();
      const std::string said = receive_bytes(handshake.wants());
      if (said.size() < handshake.wants()) return fail(Errc::unavailable, "the master closed the connection");
      auto fed = handshake.feed(said, out);
      if (!fed) return fed;
      send_bytes(out);
    }
    return {};
  }

  // The master's part of the handshake.
  Result<void> answer_handshake(std::string_view authkey) {
    ServerHandshake handshake{authkey, random_nonce()};
    while (!handshake.done()) {
      std::string out;
      const std::string said = receive_bytes(handshake.wants());
      if (said.size() < handshake.wants()) return fail(Errc::unavailable, "the peer closed the connection");
      auto fed = handshake.feed(said, out);
      if (!fed) return fed;
      send_bytes(out);
    }
    return {};
  }

  void send(FrameType type, const google::protobuf::MessageLite& message) {
    std::string bytes;
    append_frame(bytes, type, message);
    send_bytes(bytes);
  }

  struct Received {
    FrameType type;
    std::string body;
  };
  // Nothing: the master closed the connection.
  std::optional<Received> receive() {
    const std::string header = receive_bytes(frame_header_bytes);
    if (header.size() < frame_header_bytes) return std::nullopt;
    std::uint32_t length = 0;
    for (int i = 3; i >= 0; --i)
      length = length << 8 | static_cast<unsigned char>(header[static_cast<std::size_t>(i)]);
    return Received{static_cast<FrameType>(header[4]), receive_bytes(length - 1)};
  }

  // The next frame of this type, passing over others.
  template <typename Message>
  Message expect(FrameType type) {
    Message message;
    for (;;) {
      const auto frame = receive();
      if (!frame) {
        ADD_FAILURE() << "the master closed the connection before a frame of type " << static_cast<int>(type);
        return message;
      }
      if (frame->type != type) continue;
      EXPECT_TRUE(message.ParseFromString(frame->body));
      return message;
    }
  }

  void join_as_client(std::string_view authkey, char key = 'c') {
    ASSERT_TRUE(shake_hands(authkey, Role::client));
    wire::ClientHello hello;
    hello.set_client_key(std::string(16, key));
    send(FrameType::client_hello, hello);
    expect<wire::ClientWelcome>(FrameType::client_welcome);
  }

  wire::WorkerWelcome join_as_worker(std::string_view authkey, std::uint32_t held_max, char key = 'w',
                                     std::vector<wire::Fence> held = {}) {
    EXPECT_TRUE(shake_hands(authkey, Role::worker));
    wire::WorkerHello hello;
    hello.set_worker_key(std::string(16, key));
    hello.set_name(std::string("worker-") + key);
    hello.set_slots(held_max);
    hello.add_functions("f");
    for (const auto& fence : held) *hello.add_held() = fence;
    send(FrameType::worker_hello, hello);
    auto welcome = expect<wire::WorkerWelcome>(FrameType::worker_welcome);
    wire::Capacity capacity;
    capacity.set_held_max(held_max);
    send(FrameType::capacity, capacity);
    return welcome;
  }

 private:
  int fd_ = -1;
  bool connected_ = false;
};

}  // namespace reeve::fakes
