// A real worker and a master that is played by hand: what the worker says when it comes back, and what it does
// with a master that does not behave.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <memory>

#include "tests/fakes/wire_peer.h"
#include "tests/integration/cluster.h"

namespace reeve::testing {
namespace {

using fakes::WirePeer;
using ::testing::HasSubstr;

constexpr std::string_view authkey = "a key for tests";
constexpr std::uint64_t second_us = 1'000'000;

// Listens, and hands out connections one by one.
class PlayedMaster {
 public:
  PlayedMaster() {
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* const plain = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(fd_, plain, length), 0);
    EXPECT_EQ(::listen(fd_, 8), 0);
    EXPECT_EQ(::getsockname(fd_, plain, &length), 0);
    port_ = ntohs(address.sin_port);
  }
  ~PlayedMaster() { ::close(fd_); }
  PlayedMaster(const PlayedMaster&) = delete;
  PlayedMaster& operator=(const PlayedMaster&) = delete;

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  std::unique_ptr<WirePeer> accept() const {
    pollfd waiting{.fd = fd_, .events = POLLIN, .revents = 0};
    EXPECT_EQ(::poll(&waiting, 1, static_cast<int>(std::chrono::milliseconds{patience}.count())), 1)
        << "the worker does not connect";
    return std::make_unique<WirePeer>(WirePeer::Accepted{::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC)});
  }

 private:
  int fd_ = -1;
  std::uint16_t port_ = 0;
};

wire::Fence fence(std::uint32_t index) {
  wire::Fence fence;
  fence.set_epoch(7);
  fence.set_job(1);
  fence.set_index(index);
  fence.set_attempt(1);
  return fence;
}

class MasterLinkTest : public ::testing::Test {
 protected:
  MasterLinkTest() {
    const std::string key = dir.path() + "/authkey";
    write_file(key, authkey);
    ::chmod(key.c_str(), 0600);
    const std::string log = dir.path() + "/log";
    worker = std::make_unique<Process>(
        std::vector<std::string>{program("reeve-worker"), "--master", master.address(), "--authkey-file", key,
                                 "--name", "w", "--slots", "2", "--stop-grace", "100ms"},
        Env{{"HOME", dir.path()}}, Process::Files{.out = log, .err = log});
  }
  std::string log() const { return read_file(dir.path() + "/log"); }

  // The worker's next connection, up to its hello.
  std::unique_ptr<WirePeer> next_hello(wire::WorkerHello& hello) const {
    auto peer = master.accept();
    EXPECT_TRUE(peer->answer_handshake(authkey));
    hello = peer->expect<wire::WorkerHello>(FrameType::worker_hello);
    return peer;
  }
  static void welcome(WirePeer& peer, std::vector<wire::Fence> dropped = {},
                      std::uint64_t lease_us = 60 * second_us) {
    wire::WorkerWelcome welcome;
    welcome.set_worker(1);
    welcome.set_epoch(7);
    welcome.set_lease_us(lease_us);
    welcome.set_heartbeat_us(lease_us / 5);
    for (const auto& each : dropped) *welcome.add_dropped() = each;
    peer.send(FrameType::worker_welcome, welcome);
  }
  static void grant(WirePeer& peer, const std::vector<std::pair<std::uint32_t, std::string>>& seconds) {
    wire::Grant grant;
    grant.set_epoch(7);
    grant.add_specs()->mutable_spec()->set_function("sleep");
    for (const auto& [index, payload] : seconds) {
      auto& task = *grant.add_tasks();
      task.set_job(1);
      task.set_index(index);
      task.set_attempt(1);
      task.set_payload(payload);
    }
    peer.send(FrameType::grant, grant);
  }
  static std::vector<std::uint32_t> held(const wire::WorkerHello& hello) {
    std::vector<std::uint32_t> indices;
    for (const auto& each : hello.held()) indices.push_back(each.index());
    std::ranges::sort(indices);
    return indices;
  }
  using Indices = std::vector<std::uint32_t>;

  TempDir dir;
  PlayedMaster master;
  std::unique_ptr<Process> worker;
};

TEST_F(MasterLinkTest, AWorkerPresentsWhatItRunsAndReportsAgainWhatWasNotAcknowledged) {
  wire::WorkerHello hello;
  auto peer = next_hello(hello);
  EXPECT_EQ(held(hello), Indices{});
  const std::string key = hello.worker_key();
  welcome(*peer);
  EXPECT_EQ(peer->expect<wire::Capacity>(FrameType::capacity).held_max(), 2u);
  grant(*peer, {{1, "0"}, {2, "1000"}});
  EXPECT_EQ(peer->expect<wire::Complete>(FrameType::complete).attempts(0).fence().index(), 1u);

  peer->close();  // without a word
  peer = next_hello(hello);
  EXPECT_EQ(hello.worker_key(), key);
  EXPECT_EQ(held(hello), (Indices{1, 2}));
  ASSERT_EQ(hello.finished_size(), 1);
  EXPECT_EQ(hello.finished(0).index(), 1u);
  welcome(*peer);
  const auto again = peer->expect<wire::Complete>(FrameType::complete);
  ASSERT_EQ(again.attempts_size(), 1);
  EXPECT_EQ(again.batch(), 1u) << "batches count anew";
  EXPECT_EQ(again.attempts(0).fence().index(), 1u);
  EXPECT_EQ(again.attempts(0).outcome().value(), "0");
  wire::Completed completed;
  completed.set_batch(1);
  peer->send(FrameType::completed, completed);
  grant(*peer, {{3, "0"}});  // behind the acknowledgement, so that we know when it was read
  EXPECT_EQ(peer->expect<wire::Complete>(FrameType::complete).attempts(0).fence().index(), 3u);

  peer->close();
  peer = next_hello(hello);
  EXPECT_EQ(held(hello), (Indices{2, 3})) << "what was acknowledged is forgotten";
  welcome(*peer, {fence(2), fence(3)});
  peer->expect<wire::Capacity>(FrameType::capacity);
  grant(*peer, {{4, "0"}});
  EXPECT_EQ(peer->expect<wire::Complete>(FrameType::complete).attempts(0).fence().index(), 4u);

  peer->close();
  peer = next_hello(hello);
  EXPECT_EQ(held(hello), Indices{4}) << "what was dropped is stopped and not reported";
}

TEST_F(MasterLinkTest, AWorkerWhoseHeartbeatsAreNotAnsweredStopsItsTasksAndReconnects) {
  wire::WorkerHello hello;
  auto peer = next_hello(hello);
  welcome(*peer, {}, second_us);
  peer->expect<wire::Capacity>(FrameType::capacity);
  grant(*peer, {{1, "1000"}});
  peer->expect<wire::Heartbeat>(FrameType::heartbeat);
  auto second = next_hello(hello);  // the first connection is open all the while
  EXPECT_EQ(held(hello), Indices{1}) << "the master alone knows whether it may be begun again";
  welcome(*second);
  const auto complete = second->expect<wire::Complete>(FrameType::complete);
  EXPECT_EQ(complete.attempts(0).outcome().state(), wire::CANCELLED);
  EXPECT_THAT(log(), HasSubstr("no sign of life from the master"));
}

TEST_F(MasterLinkTest, AWorkerThatComesBackSaysWhetherItDrains) {
  wire::WorkerHello hello;
  auto peer = next_hello(hello);
  EXPECT_FALSE(hello.draining());
  welcome(*peer);
  peer->expect<wire::Capacity>(FrameType::capacity);
  wire::Drain drain;
  drain.set_on(true);
  peer->send(FrameType::drain, drain);
  EXPECT_EQ(peer->expect<wire::Capacity>(FrameType::capacity).held_max(), 0u);
  peer->close();
  peer = next_hello(hello);
  EXPECT_TRUE(hello.draining());
}

TEST_F(MasterLinkTest, AMasterThatGrantsMoreThanWasAskedForIsLeft) {
  wire::WorkerHello hello;
  auto peer = next_hello(hello);
  welcome(*peer);
  peer->expect<wire::Capacity>(FrameType::capacity);
  grant(*peer, {{1, "1000"}, {2, "1000"}, {3, "1000"}});
  auto second = next_hello(hello);
  EXPECT_EQ(held(hello), (Indices{1, 2})) << "it keeps what it asked for";
  EXPECT_THAT(log(), HasSubstr("more tasks than the 2"));
}

// A master that comes back waits for one lease only.
TEST_F(MasterLinkTest, AWorkerTriesSeveralTimesWithinALeaseHoweverOftenItFailed) {
  wire::WorkerHello hello;
  auto peer = next_hello(hello);
  welcome(*peer, {}, 3 * second_us);
  peer->expect<wire::Capacity>(FrameType::capacity);
  peer->close();
  for (int i = 0; i < 8; ++i) master.accept()->close();
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 8; ++i) master.accept()->close();
  // Waits that go on doubling take more than a minute for as many.
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds{30});
}

TEST_F(MasterLinkTest, AWorkerComesBackWhateverItIsAnswered) {
  wire::WorkerHello hello;
  master.accept()->close();
  master.accept()->send_bytes("HTTP/1.1 400 Bad Request\r\n\r\n");
  {
    auto peer = next_hello(hello);
    grant(*peer, {{1, "0"}});  // before any welcome
  }
  {
    auto peer = next_hello(hello);
    welcome(*peer, {}, 0);  // a lease of nothing
  }
  {
    auto peer = next_hello(hello);
    peer->send_bytes(std::string("\xff\xff\xff\x7f\x04", 5));  // a frame of two gigabytes
  }
  {
    auto peer = next_hello(hello);
    welcome(*peer);
    peer->expect<wire::Capacity>(FrameType::capacity);
    wire::Grant unknown;
    unknown.set_epoch(7);
    unknown.add_tasks()->set_spec(3);  // never defined
    peer->send(FrameType::grant, unknown);
  }
  auto peer = next_hello(hello);
  EXPECT_EQ(held(hello), Indices{});
  welcome(*peer);
  peer->expect<wire::Capacity>(FrameType::capacity);
  grant(*peer, {{1, "0"}});
  EXPECT_EQ(peer->expect<wire::Complete>(FrameType::complete).attempts_size(), 1);
  EXPECT_TRUE(worker->running());
}

}  // namespace
}  // namespace reeve::testing
