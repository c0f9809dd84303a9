// Peers with a wrong key, without manners, or that lie.
#include "tests/unit/master/net/native_server_fixture.h"

namespace reeve::master {
namespace {

TEST_F(NativeServerTest, AWrongKeyIsRefused) {
  WirePeer peer{address};
  const auto shaken = peer.shake_hands("another key", Role::client);
  ASSERT_FALSE(shaken);
  EXPECT_EQ(shaken.error().code, Errc::authentication_failed);
}

TEST_F(NativeServerTest, GarbageInsteadOfAHandshakeClosesTheConnection) {
  WirePeer peer{address};
  peer.send_bytes("GET / HTTP/1.1\r\nHost: example\r\n\r\n");
  while (!peer.receive_bytes(1).empty()) continue;
  SUCCEED();
}

TEST_F(NativeServerTest, WhoSaysNothingIsClosedAfterItsTimeAndAPythonProgramToldWhy) {
  testing::internal::CaptureStderr();
  WirePeer python{address};  // which waits for a challenge
  const std::string header = python.receive_bytes(4);
  ASSERT_EQ(header.size(), 4u);
  ASSERT_EQ(header.substr(0, 3), std::string(3, '\0')) << "Python reads 256 bytes at most";
  EXPECT_THAT(python.receive_bytes(static_cast<unsigned char>(header[3])), HasSubstr("--managers-listen"));
  EXPECT_TRUE(python.closed_by_master());
  end_loop();
  server->stop();
  server.reset();
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              HasSubstr("a Python program would, and belongs to the port of --managers-listen"));
}

TEST_F(NativeServerTest, HalfAHandshakeAndSilenceIsClosedAfterItsTime) {
  WirePeer peer{address};
  peer.send_bytes("RVE1");
  EXPECT_TRUE(peer.closed_by_master());
}

TEST_F(NativeServerTest, AProvenPeerThatNeverSaysHelloIsClosed) {
  WirePeer peer{address};
  ASSERT_TRUE(peer.shake_hands(authkey, Role::client));
  peer.expect<wire::Refused>(FrameType::refused);
  EXPECT_TRUE(peer.closed_by_master());
}

TEST_F(NativeServerTest, ManySilentStrangersDoNotKeepAClientOut) {
  std::vector<std::unique_ptr<WirePeer>> strangers;
  for (int i = 0; i < 50; ++i) strangers.push_back(std::make_unique<WirePeer>(address));
  WirePeer client{address};
  client.join_as_client(authkey);
}

TEST_F(NativeServerTest, AFrameOverTheLimitIsRefused) {
  WirePeer peer{address};
  peer.join_as_client(authkey);
  peer.send_bytes(std::string("\xff\xff\xff\x7f\x0a", 5));
  EXPECT_EQ(peer.expect<wire::Refused>(FrameType::refused).error().code(),
            static_cast<std::uint32_t>(Errc::too_large));
  EXPECT_TRUE(peer.closed_by_master());
}

TEST_F(NativeServerTest, AnUnknownFrameIsRefused) {
  WirePeer peer{address};
  peer.join_as_client(authkey);
  peer.send_bytes(std::string("\x01\x00\x00\x00\xee", 5));
  EXPECT_EQ(peer.expect<wire::Refused>(FrameType::refused).error().code(),
            static_cast<std::uint32_t>(Errc::protocol_error));
}

TEST_F(NativeServerTest, AClientThatSpeaksLikeAWorkerIsRefused) {
  WirePeer peer{address};
  peer.join_as_client(authkey);
  peer.send(FrameType::complete, wire::Complete{});
  EXPECT_EQ(peer.expect<wire::Refused>(FrameType::refused).error().code(),
            static_cast<std::uint32_t>(Errc::protocol_error));
}

TEST_F(NativeServerTest, ADamagedBodyIsRefused) {
  WirePeer peer{address};
  peer.join_as_client(authkey);
  peer.send_bytes(std::string("\x03\x00\x00\x00\x0a\xff\xff", 7));
  EXPECT_EQ(peer.expect<wire::Refused>(FrameType::refused).error().code(),
            static_cast<std::uint32_t>(Errc::protocol_error));
}

TEST_F(NativeServerTest, AResultForSomebodyElsesLeaseIsRefusedAndTheOwnerGoesOn) {
  WirePeer client{address}, owner{address}, liar{address};
  client.join_as_client(authkey);
  owner.join_as_worker(authkey, 1, 'w');
  client.send(FrameType::submit, submission());
  const auto grant = owner.expect<wire::Grant>(FrameType::grant);
  liar.join_as_worker(authkey, 1, 'l');
  wire::Complete complete;
  complete.set_batch(1);
  auto& finished = *complete.add_attempts();
  finished.mutable_fence()->set_epoch(grant.epoch());
  finished.mutable_fence()->set_job(grant.tasks(0).job());
  finished.mutable_fence()->set_index(1);
  finished.mutable_fence()->set_attempt(1);
  finished.mutable_outcome()->set_state(wire::SUCCEEDED);
  finished.mutable_outcome()->set_value("a lie");
  liar.send(FrameType::complete, complete);
  EXPECT_EQ(liar.expect<wire::Completed>(FrameType::completed).refused_size(), 1);
  finished.mutable_outcome()->set_value("the truth");
  owner.send(FrameType::complete, complete);
  EXPECT_EQ(client.expect<wire::Outcomes>(FrameType::outcomes).items(0).value(), "the truth");
}

TEST_F(NativeServerTest, ABatchOfResultsWithoutANumberIsRefused) {
  WirePeer worker{address};
  worker.join_as_worker(authkey, 1);
  wire::Complete complete;  // batch 0: its refusals could be told to nobody
  complete.add_attempts()->mutable_fence()->set_job(1);
  worker.send(FrameType::complete, complete);
  EXPECT_EQ(worker.expect<wire::Refused>(FrameType::refused).error().code(),
            static_cast<std::uint32_t>(Errc::protocol_error));
}

}  // namespace
}  // namespace reeve::master
