#include "common/net/connection.h"

#include <gtest/gtest.h>

#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <optional>
#include <vector>

#include "proto/reeve.pb.h"
#include "tests/unit/common/loopback.h"

namespace reeve {
namespace {

namespace asio = boost::asio;
using test::run_until;

// One connection under test; its peer is a bare socket that the test reads and writes itself.
class ConnectionTest : public testing::Test, protected ConnectionHandler {
 protected:
  void connect(ConnectionLimits limits = {}, std::string_view early = {}) {
    auto [one, other] = test::socket_pair(io);
    peer.emplace(std::move(other));
    connection = std::make_shared<Connection>(std::move(one), limits);
    connection->start(*this, early);
  }
  void TearDown() override {
    if (connection) connection->close();
  }

  Result<void> on_frame(const Frame& frame) override {
    frames.push_back(frame.type);
    if (close_in_frame) connection->close();
    if (frame.type == FrameType::put) return fail(Errc::protocol_error, "no puts here");
    if (echo) append_frame(connection->out(), frame.type, wire::Goodbye{});
    return {};
  }
  void on_frames_handled() override {
    ++batches;
    connection->flush();
  }
  void on_refusing(const Error& why) override {
    wire::Refused refused;
    refused.mutable_error()->set_detail(why.detail);
    append_frame(connection->out(), FrameType::refused, refused);
  }
  void on_writable() override { ++writables; }
  void on_closed(const Error& why) override { closed = why; }

  static std::string frame(FrameType type) {
    std::string out;
    append_frame(out, type, wire::Goodbye{});
    return out;
  }
  void peer_sends(const std::string& bytes) { asio::write(*peer, asio::buffer(bytes)); }
  std::string peer_reads(std::size_t bytes) {
    std::string got(bytes, '\0');
    asio::read(*peer, asio::buffer(got));
    return got;
  }
  // Fills the connection's output while nobody reads, until `so()`.
  template <typename Condition>
  void send_until(Condition so) {
    wire::Outcomes big;
    big.add_items()->set_value(std::string(64 << 10, 'x'));
    while (!so()) {
      append_frame(connection->out(), FrameType::outcomes, big);
      sent += connection->out().size();
      connection->flush();
    }
  }
  // Reads everything that comes, on the peer's side, until `so()`.
  template <typename Condition>
  void peer_drains_until(Condition so) {
    peer->non_blocking(true);
    std::vector<char> waste(1 << 20);
    EXPECT_TRUE(run_until(io, [&] {
      boost::system::error_code error;
      drained += peer->read_some(asio::buffer(waste), error);
      return so();
    }));
  }

  asio::io_context io{1};
  std::optional<test::tcp::socket> peer;
  std::shared_ptr<Connection> connection;
  std::vector<FrameType> frames;
  int batches = 0, writables = 0;
  std::size_t sent = 0, drained = 0;
  std::optional<Error> closed;
  bool echo = true, close_in_frame = false;
};

TEST_F(ConnectionTest, FramesAreHandledInOrderAndAnsweredTogether) {
  connect();
  peer_sends(frame(FrameType::drain) + frame(FrameType::goodbye) + frame(FrameType::done));
  ASSERT_TRUE(run_until(io, [&] { return frames.size() == 3; }));
  EXPECT_EQ(frames, (std::vector{FrameType::drain, FrameType::goodbye, FrameType::done}));
  EXPECT_EQ(batches, 1);
  EXPECT_EQ(peer_reads(15), frame(FrameType::drain) + frame(FrameType::goodbye) + frame(FrameType::done));
}

TEST_F(ConnectionTest, HalfAFrameWaitsForItsOtherHalf) {
  connect();
  const std::string bytes = frame(FrameType::drain);
  peer_sends(bytes.substr(0, 3));
  ASSERT_TRUE(run_until(io, [&] { return batches == 1; }));
  EXPECT_TRUE(frames.empty());
  peer_sends(bytes.substr(3));
  ASSERT_TRUE(run_until(io, [&] { return frames.size() == 1; }));
}

TEST_F(ConnectionTest, BytesBehindTheHandshakeAreTheFirstFrames) {
  const std::string bytes = frame(FrameType::drain);
  connect({}, bytes.substr(0, 2));
  peer_sends(bytes.substr(2) + frame(FrameType::done));
  ASSERT_TRUE(run_until(io, [&] { return frames.size() == 2; }));
  EXPECT_EQ(frames[0], FrameType::drain);
}

TEST_F(ConnectionTest, AFrameLargerThanOneReadArrivesWhole) {
  connect({.frame_max_bytes = 8u << 20, .read_bytes = 4096});
  wire::Outcomes big;
  big.add_items()->set_value(std::string(3 << 20, 'x'));
  std::string bytes;
  append_frame(bytes, FrameType::outcomes, big);
  std::size_t at = 0;
  peer->non_blocking(true);
  ASSERT_TRUE(run_until(io, [&] {
    boost::system::error_code error;
    at += peer->write_some(asio::buffer(bytes.data() + at, bytes.size() - at), error);
    return !frames.empty();
  }));
  EXPECT_EQ(frames[0], FrameType::outcomes);
}

TEST_F(ConnectionTest, TheEndOfThePeerIsReportedOnce) {
  connect();
  peer->close();
  ASSERT_TRUE(run_until(io, [&] { return closed.has_value(); }));
  EXPECT_EQ(closed->code, Errc::unavailable);
  EXPECT_FALSE(connection->open());
}

TEST_F(ConnectionTest, ARefusedFrameClosesAfterTheReasonWasSent) {
  connect();
  peer_sends(frame(FrameType::drain) + frame(FrameType::put) + frame(FrameType::done));
  ASSERT_TRUE(run_until(io, [&] { return closed.has_value(); }));
  EXPECT_EQ(closed->code, Errc::protocol_error);
  EXPECT_EQ(frames.size(), 2u);  // what stood behind the refused frame was not looked at
  EXPECT_EQ(peer_reads(5), frame(FrameType::drain));
  EXPECT_EQ(peer_reads(5)[4], static_cast<char>(FrameType::refused));
}

TEST_F(ConnectionTest, AFrameOverTheLimitIsRefusedWithTheReason) {
  connect({.frame_max_bytes = 100});
  peer_sends(std::string{"\x65\0\0\0", 4});
  ASSERT_TRUE(run_until(io, [&] { return closed.has_value(); }));
  EXPECT_EQ(closed->code, Errc::too_large);
  EXPECT_EQ(peer_reads(5)[4], static_cast<char>(FrameType::refused));
}

TEST_F(ConnectionTest, ClosingWithinAFrameEndsItWithoutAWord) {
  close_in_frame = true;
  connect();
  peer_sends(frame(FrameType::drain) + frame(FrameType::done));
  ASSERT_TRUE(run_until(io, [&] { return !frames.empty(); }));
  test::run_ready(io);
  EXPECT_EQ(frames.size(), 1u);
  EXPECT_FALSE(closed);
}

TEST_F(ConnectionTest, ASlowReaderCongestsAndIsWritableAgainWhenItCaughtUp) {
  connect({.output_low_bytes = 100'000, .output_high_bytes = 200'000});
  send_until([&] { return connection->congested(); });
  EXPECT_GT(connection->unsent_bytes(), 200'000u);
  EXPECT_EQ(writables, 0);
  peer_drains_until([&] { return writables == 1; });
  EXPECT_FALSE(connection->congested());
  peer_drains_until([&] { return drained == sent; });
  EXPECT_EQ(connection->unsent_bytes(), 0u);
  EXPECT_FALSE(closed);
}

TEST_F(ConnectionTest, AReaderThatNeverReadsIsCutOff) {
  connect({.output_high_bytes = 200'000, .output_max_bytes = 400'000});
  send_until([&] { return !connection->open(); });
  EXPECT_FALSE(closed);  // not from within flush()
  ASSERT_TRUE(run_until(io, [&] { return closed.has_value(); }));
  EXPECT_EQ(closed->code, Errc::limit_reached);
}

TEST_F(ConnectionTest, ClosingAfterAFlushSendsEverythingFirst) {
  connect();
  send_until([&] { return connection->unsent_bytes() > 0; });
  connection->close_after_flush({Errc::unavailable, "shutting down"});
  EXPECT_FALSE(closed);
  peer_drains_until([&] { return closed.has_value(); });
  peer_drains_until([&] { return drained == sent; });
  EXPECT_EQ(closed->detail, "shutting down");
}

TEST_F(ConnectionTest, ReadingGoesOnWhileTheOutputIsStuck) {
  connect({.output_high_bytes = 200'000});
  send_until([&] { return connection->congested(); });
  echo = false;
  peer_sends(frame(FrameType::drain));
  EXPECT_TRUE(run_until(io, [&] { return frames.size() == 1; }));
}

}  // namespace
}  // namespace reeve
