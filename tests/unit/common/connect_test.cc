#include <gtest/gtest.h>

#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <optional>
#include <thread>

#include "common/net/connection.h"
#include "tests/unit/common/loopback.h"

namespace reeve {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using test::run_until;

constexpr std::string_view key = "a shared secret";

class ConnectTest : public testing::Test {
 protected:
  void connect(std::chrono::milliseconds deadline = 20s) {
    const Endpoint endpoint{"127.0.0.1", acceptor.local_endpoint().port()};
    connecting = async_connect(io, endpoint, key, Role::worker, deadline, {},
                               [this](auto r) { result = std::move(r); });
  }
  // The other side, on a thread of its own: answers the first connection with `serve`.
  template <typename Serve>
  void serve(Serve serve_one) {
    server = std::jthread{[this, serve_one] {
      boost::system::error_code error;
      auto socket = acceptor.accept(error);
      if (!error) serve_one(socket);
    }};
  }
  static void shake_hands(test::tcp::socket& socket, std::string_view server_key) {
    ServerHandshake handshake{server_key, random_nonce()};
    while (!handshake.done()) {
      std::string in(handshake.wants(), '\0'), out;
      asio::read(socket, asio::buffer(in));
      const auto fed = handshake.feed(in, out);
      asio::write(socket, asio::buffer(out));
      if (!fed) return;
    }
  }

  asio::io_context io{1};
  asio::io_context server_io{1};
  test::tcp::acceptor acceptor{server_io, test::any_loopback_port()};
  std::shared_ptr<Connecting> connecting;
  std::optional<Result<std::shared_ptr<Connection>>> result;
  std::jthread server;
};

TEST_F(ConnectTest, AMasterWithTheSameKeyIsReached) {
  serve([](auto& socket) { shake_hands(socket, key); });
  connect();
  ASSERT_TRUE(run_until(io, [&] { return result.has_value(); }));
  ASSERT_TRUE(result->has_value()) << result->error().detail;
  (**result)->close();
}

TEST_F(ConnectTest, AMasterWithAnotherKeyIsAnAuthenticationFailure) {
  serve([](auto& socket) { shake_hands(socket, "another secret"); });
  connect();
  ASSERT_TRUE(run_until(io, [&] { return result.has_value(); }));
  ASSERT_FALSE(result->has_value());
  EXPECT_EQ(result->error().code, Errc::authentication_failed);
}

TEST_F(ConnectTest, NobodyListeningIsSaidInPlainWords) {
  const auto port = acceptor.local_endpoint().port();
  acceptor.close();
  connecting = async_connect(io, {"127.0.0.1", port}, key, Role::client, 20s, {},
                             [this](auto r) { result = std::move(r); });
  ASSERT_TRUE(run_until(io, [&] { return result.has_value(); }));
  ASSERT_FALSE(result->has_value());
  EXPECT_EQ(result->error().code, Errc::unavailable);
  EXPECT_EQ(result->error().detail, fmt::format("cannot reach 127.0.0.1:{}: Connection refused", port));
}

TEST_F(ConnectTest, APeerThatNeverSpeaksTimesOut) {
  connect(30ms);  // nobody accepts: the system does, and nothing answers
  ASSERT_TRUE(run_until(io, [&] { return result.has_value(); }));
  ASSERT_FALSE(result->has_value());
  EXPECT_EQ(result->error().code, Errc::timed_out);
}

TEST_F(ConnectTest, APeerThatClosesDuringTheHandshakeIsUnavailable) {
  serve([](auto& socket) { socket.close(); });
  connect();
  ASSERT_TRUE(run_until(io, [&] { return result.has_value(); }));
  ASSERT_FALSE(result->has_value());
  EXPECT_EQ(result->error().code, Errc::unavailable);
}

TEST_F(ConnectTest, LettingGoOfTheHandleCancels) {
  connect(20ms);
  connecting.reset();
  io.run();  // ends, because nothing is left to wait for
  EXPECT_FALSE(result.has_value());
}

}  // namespace
}  // namespace reeve
