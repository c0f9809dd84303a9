// What comes from the network is refused in a defined way, counted, logged once, and others do not notice.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <memory>
#include <random>
#include <sstream>

#include "proto/convert.h"
#include "tests/fakes/random_frames.h"
#include "tests/fakes/sanitizers.h"
#include "tests/fakes/wire_peer.h"
#include "tests/integration/cluster.h"

namespace reeve::testing {
namespace {

using fakes::memory_tells;
using fakes::WirePeer;

class BadInputTest : public ::testing::Test {
 protected:
  void start(std::vector<std::string> more = {}) {
    ClusterOptions options{.ephemeral = true, .master_args = {"--handshake-deadline", "1s"}};
    options.master_args.insert(options.master_args.end(), more.begin(), more.end());
    cluster = std::make_unique<Cluster>(options);
    key = read_file(cluster->authkey_file());
    key.pop_back();
    endpoint = *parse_endpoint(cluster->address(), 0);
    good = std::make_unique<WirePeer>(endpoint);
    good->join_as_client(key, 'g');
  }
  void TearDown() override {
    if (!cluster) return;
    EXPECT_TRUE(cluster->master().running());
    expect_service();
  }

  // A well-behaved client, connected all the while, puts a value and gets it back.
  void expect_service() {
    wire::Put put;
    put.set_request(++request);
    put.set_queue("good");
    put.add_items("value");
    good->send(FrameType::put, put);
    EXPECT_EQ(good->expect<wire::Submitted>(FrameType::submitted).count(), 1u);
    wire::Get get;
    get.set_request(++request);
    get.set_queue("good");
    good->send(FrameType::get, get);
    const auto got = good->expect<wire::Got>(FrameType::got);
    ASSERT_EQ(got.items_size(), 1);
    EXPECT_EQ(got.items(0).value(), "value");
    wire::Took took;
    took.add_items()->set_job(got.items(0).job());
    took.mutable_items(0)->set_index(got.items(0).index());
    good->send(FrameType::took, took);
  }
  wire::StatusInfo status() {
    wire::Status ask;
    ask.set_request(++request);
    good->send(FrameType::status, ask);
    return good->expect<wire::StatusInfo>(FrameType::status_info);
  }
  std::uint64_t counter(std::string_view name) {
    const wire::StatusInfo info = status();
    for (const auto& counter : info.counters())
      if (counter.name() == name) return counter.value();
    return 0;
  }
  bool counts(std::string_view name, std::uint64_t at_least) {
    return eventually([&] { return counter(name) >= at_least; });
  }
  std::unique_ptr<WirePeer> stranger() { return std::make_unique<WirePeer>(endpoint); }
  std::unique_ptr<WirePeer> client() {
    auto peer = stranger();
    peer->join_as_client(key, 'b');
    return peer;
  }
  static void expect_refused(WirePeer& peer, Errc code) {
    const auto refused = peer.expect<wire::Refused>(FrameType::refused);
    EXPECT_EQ(from_wire(refused.error()).code, code) << refused.error().detail();
    EXPECT_TRUE(peer.closed_by_master());
  }
  std::size_t log_lines_with(std::string_view text) const {
    std::istringstream log{cluster->master_log()};
    std::size_t count = 0;
    for (std::string line; std::getline(log, line);) count += line.contains(text) ? 1 : 0;
    return count;
  }

  std::unique_ptr<Cluster> cluster;
  std::string key;
  Endpoint endpoint;
  std::unique_ptr<WirePeer> good;
  std::uint64_t request = 0;
};

// ---- before the handshake is over

TEST_F(BadInputTest, GarbageInsteadOfAHandshakeIsClosedAtOnceWithoutAWord) {
  start();
  for (const auto* garbage : {"GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x02\x00", "RVX", "\n"}) {
    const auto peer = stranger();
    peer->send_bytes(garbage);
    EXPECT_TRUE(peer->closed_by_master()) << garbage;
  }
  EXPECT_TRUE(counts("refused_protocol_error", 4));
}

TEST_F(BadInputTest, AWrongKeyIsRefusedAndSaidSo) {
  start();
  const auto peer = stranger();
  const auto shaken = peer->shake_hands("not the key of this master", Role::client);
  ASSERT_FALSE(shaken);
  EXPECT_EQ(shaken.error().code, Errc::authentication_failed);
  EXPECT_TRUE(peer->closed_by_master());
  EXPECT_TRUE(counts("refused_authentication_failed", 1));
  EXPECT_TRUE(eventually([&] { return cluster->master_log().find("authkey") != std::string::npos; }))
      << "the log is written by a thread of its own, and still should say so";
}

TEST_F(BadInputTest, ARecordedProofDoesNotOpenASecondConnection) {
  start();
  const auto first = stranger(), second = stranger();
  ClientHandshake handshake{key, Role::client, random_nonce()};
  std::string hello, proof;
  handshake.start(hello);
  first->send_bytes(hello);
  ASSERT_TRUE(handshake.feed(first->receive_bytes(handshake.wants()), proof));
  second->send_bytes(hello + proof);
  EXPECT_EQ(second->receive_bytes(40).size(), 40u);
  EXPECT_EQ(second->receive_bytes(33)[0], static_cast<char>(HandshakeStatus::wrong_key));
  EXPECT_TRUE(second->closed_by_master());
}

TEST_F(BadInputTest, HalfAHandshakeAndSilenceEndsAtTheDeadline) {
  start();
  const auto nothing = stranger(), half = stranger(), no_proof = stranger();
  half->send_bytes("RVE1");
  std::string hello;
  ClientHandshake{key, Role::client, random_nonce()}.start(hello);
  no_proof->send_bytes(hello);
  EXPECT_THAT(nothing->receive_bytes(500),
              ::testing::HasSubstr("--managers-listen"));  // as a Python program says nothing
  EXPECT_TRUE(half->closed_by_master());
  EXPECT_EQ(no_proof->receive_bytes(41).size(), 40u);  // the challenge, then the end
  EXPECT_TRUE(counts("refused_timed_out", 3));
}

TEST_F(BadInputTest, APeerThatDripsItsHandshakeIsNotGivenMoreTime) {
  start();
  const auto peer = stranger();
  std::string hello;
  ClientHandshake{key, Role::client, random_nonce()}.start(hello);
  const auto begin = std::chrono::steady_clock::now();
  for (const char byte : hello) {
    peer->send_bytes({&byte, 1});
    if (peer->wait_readable(200)) break;
  }
  EXPECT_TRUE(peer->closed_by_master());
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds{40} * 200 / 1000);
}

TEST_F(BadInputTest, TenThousandSilentConnectionsDisturbNobody) {
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  const std::size_t silent_max =
      std::min<std::size_t>(10'000, limit.rlim_max > 200 ? limit.rlim_max - 200 : 0);
  start({"--handshake-deadline", "60s", "--unauthenticated-max", "500"});
  const std::uint64_t rss_before = status().rss_bytes();
  std::deque<WirePeer> silent;
  while (silent.size() < silent_max) {
    silent.emplace_back(endpoint);
    if (silent.size() % 1000 == 0) {
      expect_service();
      const auto newcomer = client();  // does not wait behind the silent ones
    }
  }
  EXPECT_TRUE(counts("refused_limit_reached", silent_max - 600));
  const auto now = status();
  EXPECT_LE(counter("unauthenticated_connections"), 500u);
  if (memory_tells) {
    EXPECT_LT(now.rss_bytes(), rss_before + (32u << 20));
  }
  EXPECT_LE(log_lines_with("unauthenticated-max"), 6u);  // once in ten seconds, not once for each
}

TEST_F(BadInputTest, AFloodOfGarbageIsCountedInFullAndLoggedOnce) {
  start();
  for (int i = 0; i < 500; ++i) {
    WirePeer peer{endpoint};
    peer.send_bytes("garbage");
    EXPECT_TRUE(peer.closed_by_master());
  }
  EXPECT_TRUE(counts("refused_protocol_error", 500));
  EXPECT_LE(log_lines_with("reeve's protocol"), 6u);
}

// ---- after it

TEST_F(BadInputTest, APeerThatShowsTheKeyAndThenSaysNothingIsRefused) {
  start();
  for (const Role role : {Role::client, Role::worker}) {
    const auto peer = stranger();
    ASSERT_TRUE(peer->shake_hands(key, role));
    expect_refused(*peer, Errc::timed_out);
  }
}

TEST_F(BadInputTest, HalfAFrameAndSilenceWaitsAndHoldsUpNobody) {
  start();
  const auto peer = client();
  peer->send_bytes(
      std::string{"\x40\0\0\x03\x0a"
                  "half",
                  9});  // announces 48 MiB
  const std::uint64_t rss = status().rss_bytes();
  expect_service();
  if (memory_tells) {
    EXPECT_LT(status().rss_bytes(), rss + (8u << 20))
        << "memory is taken for what arrives, not for what is announced";
  }
  EXPECT_FALSE(peer->wait_readable(50));  // it may go on
}

TEST_F(BadInputTest, AFrameOverTheLimitIsRefusedBeforeItComes) {
  start();
  for (const auto* header : {"\x01\0\0\x04\x0a", "\xff\xff\xff\xff\x0a", "\xff\xff\xff\x7f\x0a"}) {
    const auto peer = client();
    peer->send_bytes(std::string{header, 5});
    expect_refused(*peer, Errc::too_large);
  }
  EXPECT_TRUE(counts("refused_too_large", 3));
}

TEST_F(BadInputTest, AFrameWithoutATypeOrOfAnUnknownOneIsAProtocolError) {
  start();
  for (const auto& bytes : {std::string(4, '\0'), std::string{"\x01\0\0\0\0", 5},
                            std::string{"\x01\0\0\0\xff", 5}, std::string{"\x02\0\0\0\x09x", 6}}) {
    const auto peer = client();
    peer->send_bytes(bytes);
    expect_refused(*peer, Errc::protocol_error);
  }
}

TEST_F(BadInputTest, AMessageThatIsDamagedIsAProtocolError) {
  start();
  const auto peer = client();
  peer->send_bytes(std::string{"\x04\0\0\0\x0a\x08\xff\xff", 8});
  expect_refused(*peer, Errc::protocol_error);
}

TEST_F(BadInputTest, MessagesOutOfOrderAreProtocolErrors) {
  start();
  const auto before_hello = stranger();
  ASSERT_TRUE(before_hello->shake_hands(key, Role::client));
  before_hello->send(FrameType::status, wire::Status{});
  expect_refused(*before_hello, Errc::protocol_error);

  const auto wrong_hello = stranger();
  ASSERT_TRUE(wrong_hello->shake_hands(key, Role::client));
  wrong_hello->send(FrameType::worker_hello, wire::WorkerHello{});
  expect_refused(*wrong_hello, Errc::protocol_error);

  const auto second_hello = client();
  second_hello->send(FrameType::client_hello, wire::ClientHello{});
  expect_refused(*second_hello, Errc::protocol_error);

  const auto workers_word = client();
  workers_word->send(FrameType::complete, wire::Complete{});
  expect_refused(*workers_word, Errc::protocol_error);

  const auto clients_word = stranger();
  clients_word->join_as_worker(key, 1, 'x');
  clients_word->send(FrameType::submit, wire::Submit{});
  expect_refused(*clients_word, Errc::protocol_error);
}

// ---- well-formed, but beyond a limit or a right

TEST_F(BadInputTest, APayloadOverTheLimitIsAnErrorAndTheConnectionGoesOn) {
  start({"--payload-max-bytes", "1000"});
  const auto peer = client();
  wire::Submit submit;
  submit.mutable_spec()->set_function("f");
  submit.add_payloads(std::string(1001, 'x'));
  peer->send(FrameType::submit, submit);
  EXPECT_EQ(from_wire(peer->expect<wire::Submitted>(FrameType::submitted).error()).code, Errc::too_large);
  submit.set_payloads(0, std::string(1000, 'x'));
  peer->send(FrameType::submit, submit);
  EXPECT_EQ(peer->expect<wire::Submitted>(FrameType::submitted).count(), 1u);
}

TEST_F(BadInputTest, TextThatIsNotUtf8IsTakenAsItIs) {
  start();
  const auto peer = client();
  wire::Submit submit;
  submit.set_name("caf\xe9");
  submit.mutable_spec()->mutable_command()->add_args("cat");
  submit.mutable_spec()->mutable_command()->add_args("na\xefve.txt");
  submit.add_payloads("");
  peer->send(FrameType::submit, submit);
  wire::JobList ask;
  ask.add_jobs(peer->expect<wire::Submitted>(FrameType::submitted).job());
  peer->send(FrameType::job_list, ask);
  const auto infos = peer->expect<wire::JobInfos>(FrameType::job_infos);
  ASSERT_EQ(infos.jobs_size(), 1);
  EXPECT_EQ(infos.jobs(0).name(), "caf\xe9");
  EXPECT_EQ(infos.jobs(0).spec().command().args(1), "na\xefve.txt");
}

TEST_F(BadInputTest, ABatchOverTheLimitIsAnError) {
  start({"--batch-max", "10"});
  const auto peer = client();
  wire::Put put;
  put.set_queue("q");
  for (int i = 0; i < 11; ++i) put.add_items("x");
  peer->send(FrameType::put, put);
  EXPECT_EQ(from_wire(peer->expect<wire::Submitted>(FrameType::submitted).error()).code, Errc::too_large);
}

TEST_F(BadInputTest, AResultForSomebodyElsesLeaseIsRefusedAndChangesNothing) {
  start();
  const auto owner = stranger(), thief = stranger();
  owner->join_as_worker(key, 1, 'o');
  thief->join_as_worker(key, 0, 't');
  wire::Submit submit;
  submit.mutable_spec()->set_function("f");
  submit.add_payloads("x");
  submit.set_watch(true);
  good->send(FrameType::submit, submit);
  const auto granted = owner->expect<wire::Grant>(FrameType::grant);
  wire::Complete complete;
  complete.set_batch(1);
  auto& finished = *complete.add_attempts();
  finished.mutable_fence()->set_epoch(granted.epoch());
  finished.mutable_fence()->set_job(granted.tasks(0).job());
  finished.mutable_fence()->set_index(granted.tasks(0).index());
  finished.mutable_fence()->set_attempt(granted.tasks(0).attempt());
  finished.mutable_outcome()->set_state(wire::SUCCEEDED);
  finished.mutable_outcome()->set_value("stolen");
  thief->send(FrameType::complete, complete);
  EXPECT_EQ(thief->expect<wire::Completed>(FrameType::completed).refused_size(), 1);
  finished.mutable_outcome()->set_value("true");
  owner->send(FrameType::complete, complete);
  EXPECT_EQ(owner->expect<wire::Completed>(FrameType::completed).refused_size(), 0);
  EXPECT_EQ(good->expect<wire::Outcomes>(FrameType::outcomes).items(0).value(), "true");
  EXPECT_EQ(counter("refused_results"), 1u);
}

TEST_F(BadInputTest, MoreValuesThanFitIntoAFrameComeInSeveral) {
  start();
  const auto peer = client();
  constexpr int values = 12;
  wire::Put put;
  put.set_queue("big");
  put.add_items(std::string(10u << 20, 'x'));
  for (int i = 0; i < values; ++i) {
    peer->send(FrameType::put, put);
    ASSERT_EQ(peer->expect<wire::Submitted>(FrameType::submitted).count(), 1u);
  }
  wire::Get get;
  get.set_queue("big");
  get.set_items_max(1000);
  int taken = 0;
  while (taken < values) {
    peer->send(FrameType::get, get);
    const auto got = peer->expect<wire::Got>(FrameType::got);
    ASSERT_GT(got.items_size(), 0);
    taken += got.items_size();
  }
  EXPECT_EQ(taken, values);
}

TEST_F(BadInputTest, AClientThatAsksAndNeverReadsIsCutOff) {
  start({"--output-max-bytes", "4MiB"});
  const auto peer = client();
  wire::Put put;
  put.set_queue("q");
  put.add_items(std::string(1u << 20, 'x'));
  peer->send(FrameType::put, put);
  peer->expect<wire::Submitted>(FrameType::submitted);
  wire::Get peek;
  peek.set_queue("q");
  peek.set_peek(true);
  for (int i = 0; i < 64; ++i) peer->send(FrameType::get, peek);
  EXPECT_TRUE(eventually([&] { return counter("connections") == 1; }));  // the good one
  if (memory_tells) {
    EXPECT_LT(status().rss_bytes(), 200u << 20);
  }
}

TEST_F(BadInputTest, OneConnectionTooManyIsToldWhy) {
  start({"--connections-max", "2"});
  const auto second = client();
  const auto third = stranger();
  ASSERT_TRUE(third->shake_hands(key, Role::client));
  expect_refused(*third, Errc::limit_reached);
}

// ---- anything at all

TEST_F(BadInputTest, RandomMessagesOfEveryTypeEndInAnErrorAtWorst) {
  start({"--log-level", "error"});
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937_64 random{seed};
  for (int round = 0; round < 300 && !HasFailure(); ++round) {
    WirePeer peer{endpoint};
    const bool is_worker = random() % 2 == 0;
    if (is_worker)
      peer.join_as_worker(key, static_cast<std::uint32_t>(random() % 100),
                          static_cast<char>('a' + random() % 3));
    else
      peer.join_as_client(key, static_cast<char>('a' + random() % 3));
    std::string bytes;
    for (std::uint64_t frames = 1 + random() % 50; frames > 0; --frames)
      fakes::append_random_frame(bytes, fakes::frame_types[random() % fakes::frame_types.size()], random);
    peer.send_bytes(bytes);
    if (round % 20 == 0) expect_service();
    ASSERT_TRUE(cluster->master().running()) << cluster->master_log();
  }
}

}  // namespace
}  // namespace reeve::testing
