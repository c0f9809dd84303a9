// The listener of Python programs and its sessions, in this process, from the point of view of a program's socket.
#include "master/managers/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>
#include <future>
#include <list>
#include <memory>
#include <thread>
#include <vector>

#include "master/managers/message.h"
#include "master/managers/signer.h"
#include "master/store/memory_store.h"
#include "tests/fakes/wire_peer.h"
#include "tests/unit/master/managers/manager_fixture.h"

namespace reeve::master::managers {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

constexpr std::string_view authkey = "a key for tests";

std::string framed(std::string_view payload) {
  std::string bytes;
  append_message(bytes, payload);
  return bytes;
}

// A Python program's end of a connection.
class PythonPeer {
 public:
  explicit PythonPeer(const Endpoint& master) : peer_(master) {}

  // The next message of the master; nothing when it closed the connection.
  std::string hear() {
    const std::string header = peer_.receive_bytes(4);
    if (header.size() < 4) return "";
    std::size_t length = 0;
    for (const char byte : header) length = length << 8 | static_cast<unsigned char>(byte);
    return peer_.receive_bytes(length);
  }
  void say(std::string_view payload) { peer_.send_bytes(framed(payload)); }
  void send_bytes(std::string_view bytes) { peer_.send_bytes(bytes); }
  void leave() { peer_.close(); }
  bool closed_by_master() { return peer_.closed_by_master(); }

  // The handshake, but for our last word. False: the master did not take part, or refused the key.
  bool prove(std::string_view key = authkey) {
    const std::string challenge = hear();
    if (!challenge.starts_with("#CHALLENGE#")) return false;
    say("{sha256}" + Signer{key}.sign(Digest::sha256, std::string_view{challenge}.substr(11)));
    if (hear() != "#WELCOME#") return false;
    say("#CHALLENGE#{sha256}" + std::string(40, 'q'));
    return hear().starts_with("{sha256}");
  }
  // The handshake and the first request, which says that calls follow.
  bool join() {
    if (!prove()) return false;
    say("#WELCOME#");
    say(Request{"", "accept_connection"}.text("test").done());
    return hear().contains("#RETURN");
  }
  // A call and its answer.
  std::string ask(const Request& request) {
    say(request.done());
    return hear();
  }
  // Whether a call is answered; there is no object to call.
  bool is_served() {
    say(Request{"1000000", "anything"}.done());
    return hear().contains("1000000");
  }

 private:
  fakes::WirePeer peer_;
};

class ManagersServerTest : public ::testing::Test {
 protected:
  // The loop does not run until run_loop().
  void start(Options options = {}) {
    options.listen = {"127.0.0.1", 0};
    native = std::make_unique<NativeServer>(io, broker, store, std::string{authkey}, ServerLimits{});
    server = std::make_unique<ManagersServer>(io, *native, authkey, options, [] {});
    ASSERT_TRUE(server->listen());
    address = server->address();
  }
  void run_loop() {
    native->start();
    loop = std::thread{[this] { io.run(); }};
  }
  void stop() {
    if (loop.joinable()) {
      io.stop();
      loop.join();
      io.restart();
    }
    if (!server) return;
    server->stop_listening();
    native->stop();
    server.reset();
    native.reset();
  }
  ~ManagersServerTest() override { stop(); }

  // The ident of a new object.
  std::string create(std::string_view type) const {
    PythonPeer peer{address};
    EXPECT_TRUE(peer.prove());
    peer.say("#WELCOME#");
    const std::string answer = peer.ask(Request{"", "create"}.text(type));
    const std::size_t at = answer.find("#RETURN");
    EXPECT_NE(at, std::string::npos) << answer;
    const auto size = static_cast<std::size_t>(answer.at(at + 9));  // "U", its length, the ident
    return answer.substr(at + 10, size);
  }
  // While it exists, the loop does nothing, and everything that was sent before its end is there together.
  class Pause {
   public:
    explicit Pause(ManagersServerTest& test) {
      boost::asio::post(test.io, [this, over = over_.get_future().share()] {
        begun_.set_value();
        over.wait();
      });
      begun_.get_future().wait();
    }
    ~Pause() { over_.set_value(); }

   private:
    std::promise<void> begun_, over_;
  };

  std::string what_ends() {
    return boost::asio::post(io, boost::asio::use_future([this] { return server->what_ends(); })).get();
  }
  std::uint64_t refused(Errc code) const { return native->refusals().counts()[code]; }

  boost::asio::io_context io{1};
  MemoryStore store;
  Broker broker{Limits{}, *store.open(), clock_now(), 1};
  std::unique_ptr<NativeServer> native;
  std::unique_ptr<ManagersServer> server;
  Endpoint address;
  std::thread loop;
};

// ---- what comes behind the handshake

TEST_F(ManagersServerTest, ARequestInOneSegmentWithTheLastWordOfTheHandshakeIsAnswered) {
  start();
  run_loop();
  PythonPeer peer{address};
  ASSERT_TRUE(peer.prove());
  peer.send_bytes(framed("#WELCOME#") + framed(Request{"", "dummy"}.done()));
  EXPECT_THAT(peer.hear(), HasSubstr("#RETURN"));
}

TEST_F(ManagersServerTest, ThePiecesOfARequestBehindTheHandshakeAreJoined) {
  start();
  run_loop();
  const std::string request = framed(Request{"", "dummy"}.done());
  for (std::size_t cut = 1; cut < request.size(); ++cut) {
    PythonPeer peer{address};
    ASSERT_TRUE(peer.prove());
    peer.send_bytes(framed("#WELCOME#") + request.substr(0, cut));
    peer.send_bytes(request.substr(cut));
    ASSERT_THAT(peer.hear(), HasSubstr("#RETURN")) << "cut after " << cut << " bytes";
  }
}

TEST_F(ManagersServerTest, SeveralRequestsBehindTheHandshakeAreAnsweredInTheirOrder) {
  start();
  run_loop();
  PythonPeer peer{address};
  ASSERT_TRUE(peer.prove());
  peer.send_bytes(framed("#WELCOME#") + framed(Request{"", "accept_connection"}.text("test").done()) +
                  framed(Request{"1000000", "first"}.done()) + framed(Request{"2000000", "second"}.done()));
  EXPECT_THAT(peer.hear(), HasSubstr("#RETURN"));
  EXPECT_THAT(peer.hear(), HasSubstr("1000000"));
  EXPECT_THAT(peer.hear(), HasSubstr("2000000"));
}

TEST_F(ManagersServerTest, ARequestFarLongerThanAHandshakeMayBeginBehindIt) {
  start();
  run_loop();
  PythonPeer peer{address};
  ASSERT_TRUE(peer.prove());
  const Request request = Request{"1000000", "put"}.long_text(100'000);
  peer.send_bytes(framed("#WELCOME#") + framed(Request{"", "accept_connection"}.text("test").done()) +
                  framed(request.done()));
  EXPECT_THAT(peer.hear(), HasSubstr("#RETURN"));
  EXPECT_THAT(peer.hear(), HasSubstr("1000000"));
}

// ---- requests ahead of the answers

constexpr std::string_view yes = "\x88", no = "\x89";

TEST_F(ManagersServerTest, BetweenTheRequestsThatOneSendsAheadOthersHaveTheirTurn) {
  start();
  run_loop();
  const std::string event = create("Event");
  PythonPeer many{address}, one{address};
  ASSERT_TRUE(many.join());
  ASSERT_TRUE(one.join());
  constexpr int requests = 1'000;
  std::string ahead;
  for (int i = 0; i < requests; ++i) ahead += framed(Request{event, "is_set"}.done());
  {
    const Pause pause{*this};
    many.send_bytes(ahead);
    one.say(Request{event, "set"}.done());
  }
  EXPECT_THAT(one.hear(), HasSubstr("#RETURN"));
  EXPECT_THAT(many.hear(), HasSubstr(no));
  std::string last;
  for (int i = 1; i < requests; ++i) last = many.hear();
  EXPECT_THAT(last, HasSubstr(yes)) << "all of them were answered before the other client";
}

// ---- clients that are gone before they get what they asked for

TEST_F(ManagersServerTest, AnItemForOneThatLeftBeforeItsRequestWasReadStays) {
  start();
  run_loop();
  const std::string queue = create("Queue");
  PythonPeer dead{address}, other{address};
  ASSERT_TRUE(dead.join());
  ASSERT_TRUE(other.join());
  EXPECT_THAT(other.ask(Request{queue, "put"}.number(7)), HasSubstr("#RETURN"));
  {
    const Pause pause{*this};
    dead.say(Request{queue, "get"}.done());
    dead.leave();
    other.say(Request{queue, "get_nowait"}.done());
  }
  EXPECT_THAT(other.hear(), HasSubstr("#RETURN"));
}

TEST_F(ManagersServerTest, ALockForOneThatLeftBeforeItsRequestWasReadIsFree) {
  start();
  run_loop();
  const std::string lock = create("Lock");
  PythonPeer dead{address}, other{address};
  ASSERT_TRUE(dead.join());
  ASSERT_TRUE(other.join());
  {
    const Pause pause{*this};
    dead.say(Request{lock, "acquire"}.done());
    dead.leave();
    other.say(Request{lock, "acquire"}.no().done());
  }
  EXPECT_THAT(other.hear(), HasSubstr(yes));
}

TEST_F(ManagersServerTest, OneThatWaitsAndEndsInALongRequestIsNotHandedAnything) {
  start();
  run_loop();
  const std::string queue = create("Queue"), lock = create("RLock");
  PythonPeer dead{address}, other{address};
  ASSERT_TRUE(dead.join());
  ASSERT_TRUE(other.join());
  EXPECT_THAT(dead.ask(Request{lock, "acquire"}), HasSubstr(yes));
  dead.say(Request{queue, "get"}.done());
  std::string longer_than_the_systems_buffers = framed(std::string(30'000'000, 'x'));
  longer_than_the_systems_buffers.pop_back();
  dead.send_bytes(longer_than_the_systems_buffers);
  dead.leave();
  EXPECT_THAT(other.ask(Request{lock, "acquire"}), HasSubstr(yes)) << "its end is not seen";
  EXPECT_THAT(other.ask(Request{queue, "put"}.number(7)), HasSubstr("#RETURN"));
  EXPECT_THAT(other.ask(Request{queue, "get_nowait"}), HasSubstr("#RETURN"));
}

// The system's setting on every connection that was accepted at `address`, in this process.
std::vector<unsigned> silence_allowed(const Endpoint& address) {
  std::vector<unsigned> found;
  for (int fd = 0; fd < 1024; ++fd) {
    sockaddr_in here{}, there{};
    socklen_t size = sizeof here, peer_size = sizeof there;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&here), &size) != 0 ||
        ::getpeername(fd, reinterpret_cast<sockaddr*>(&there), &peer_size) != 0 ||
        ntohs(here.sin_port) != address.port)
      continue;
    unsigned milliseconds = 0;
    socklen_t value_size = sizeof milliseconds;
    EXPECT_EQ(::getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, &value_size), 0);
    found.push_back(milliseconds);
  }
  return found;
}

TEST_F(ManagersServerTest, AClientWhoseMachineVanishesIsGivenUpAfterTheLongestSilence) {
  start();
  run_loop();
  PythonPeer client{address};
  ASSERT_TRUE(client.join());
  EXPECT_THAT(silence_allowed(address), ElementsAre(ConnectionLimits{}.silence_max.count()));
}

// ---- strangers

TEST_F(ManagersServerTest, AFloodOfWrongKeysIsRefusedAndCountedWithoutTheLoop) {
  start();
  while (io.poll() > 0) continue;
  io.restart();
  constexpr std::uint64_t strangers = 300;
  for (std::uint64_t i = 0; i < strangers; ++i) {
    PythonPeer stranger{address};
    ASSERT_FALSE(stranger.prove("another key"));
    ASSERT_TRUE(stranger.closed_by_master());
  }
  EXPECT_EQ(refused(Errc::authentication_failed), strangers);
  EXPECT_EQ(io.poll(), 0u) << "something was left for the loop to do";
}

TEST_F(ManagersServerTest, EveryoneOfABurstIsGivenAChallenge) {
  start();
  std::promise<void> gate;
  boost::asio::post(native->doorway().io(), [opened = gate.get_future().share()] { opened.wait(); });
  std::list<PythonPeer> burst;  // all in the system's queue before the first one is accepted
  while (burst.size() < 200) burst.emplace_back(address);
  gate.set_value();
  for (PythonPeer& peer : burst) ASSERT_THAT(peer.hear(), StartsWith("#CHALLENGE#"));
  EXPECT_EQ(native->doorway().strangers(), 200u);
}

TEST_F(ManagersServerTest, AStrangerThatTalksTooMuchIsClosed) {
  start();
  PythonPeer stranger{address};
  EXPECT_THAT(stranger.hear(), StartsWith("#CHALLENGE#"));
  stranger.send_bytes(std::string("\0\0\x01\x01", 4));  // announces one byte more than there may be
  EXPECT_TRUE(stranger.closed_by_master());
  EXPECT_EQ(refused(Errc::too_large), 1u);
}

TEST_F(ManagersServerTest, AStrangerThatSaysNothingIsClosedAtTheDeadline) {
  Options options;
  options.handshake_deadline = std::chrono::milliseconds{1};
  start(options);
  PythonPeer stranger{address};
  EXPECT_THAT(stranger.hear(), StartsWith("#CHALLENGE#"));
  EXPECT_TRUE(stranger.closed_by_master());
  EXPECT_EQ(refused(Errc::timed_out), 1u);
}

// ---- how many

TEST_F(ManagersServerTest, OneConnectionTooManyIsTurnedAwayBeforeTheHandshake) {
  Options options;
  options.connections_max = 2;
  start(options);
  run_loop();
  PythonPeer client{address}, stranger{address};
  ASSERT_TRUE(client.join());
  EXPECT_THAT(stranger.hear(), StartsWith("#CHALLENGE#"));
  EXPECT_EQ(PythonPeer{address}.hear(), "");
  EXPECT_EQ(refused(Errc::limit_reached), 1u);
  EXPECT_TRUE(client.is_served());
}

TEST_F(ManagersServerTest, WhoLeavesMakesRoomForAnother) {
  Options options;
  options.connections_max = 1;
  start(options);
  run_loop();
  for (int i = 0; i < 3; ++i)
    while (!PythonPeer{address}.join()) continue;  // until it is noticed that the one before is gone
}

TEST_F(ManagersServerTest, HalfRequestsOverTheBoundOfAllCostTheLargestItsConnection) {
  Options options;
  options.buffered_max_bytes = 10'000'000;
  start(options);
  run_loop();
  PythonPeer large{address}, small{address};
  ASSERT_TRUE(large.join());
  ASSERT_TRUE(small.join());
  const std::string request = framed(Request{"1000000", "put"}.long_text(4'000'000).done());
  large.send_bytes(framed(std::string(9'000'000, 'x')).substr(0, 8'000'000));
  small.send_bytes(request.substr(0, request.size() - 1));
  EXPECT_TRUE(large.closed_by_master());
  small.send_bytes(request.substr(request.size() - 1));
  EXPECT_THAT(small.hear(), HasSubstr("1000000"));
  EXPECT_TRUE(small.is_served());
  EXPECT_EQ(refused(Errc::too_large), 1u);
}

TEST_F(ManagersServerTest, AnswersThatNobodyTakesCountTowardsThatBoundUntilTheyAreTaken) {
  constexpr std::size_t length = 40'000'000;  // far more than the system's buffers take
  Options options;
  options.buffered_max_bytes = length + length / 4;
  start(options);
  run_loop();
  const std::string list = create("list");
  PythonPeer first{address}, second{address};
  ASSERT_TRUE(first.join());
  ASSERT_TRUE(second.join());
  EXPECT_THAT(first.ask(Request{list, "append"}.long_text(length)), HasSubstr("#RETURN"));
  const Request get = Request{list, "__getitem__"}.number(0);
  for (int i = 0; i < 3; ++i) EXPECT_GT(first.ask(get).size(), length);
  first.say(get.done());
  second.say(get.done());
  const std::size_t first_heard = first.hear().size(), second_heard = second.hear().size();
  EXPECT_GT(std::max(first_heard, second_heard), length);
  EXPECT_LT(std::min(first_heard, second_heard), length);
  EXPECT_EQ(refused(Errc::too_large), 1u);
}

TEST_F(ManagersServerTest, WhoIsClosedForWhatItSentBehindAGetHasNoItemThatIsBackInItsQueue) {
  start({.buffered_max_bytes = 20'000});
  run_loop();
  const std::string queue = create("Queue");
  PythonPeer getter{address}, other{address};
  ASSERT_TRUE(getter.join());
  ASSERT_TRUE(other.join());
  EXPECT_THAT(other.ask(Request{queue, "put"}.text("item")), HasSubstr("#RETURN"));
  getter.send_bytes(framed(Request{queue, "get"}.done()) +
                    framed(std::string(90'000, 'x')).substr(0, 30'000));
  const bool has_it = getter.hear().contains("item");
  EXPECT_TRUE(getter.closed_by_master());
  EXPECT_NE(other.ask(Request{queue, "get_nowait"}).contains("item"), has_it);
}

TEST_F(ManagersServerTest, WhoIsClosedWhileTheBrokerServesANativeClientIsReportedBehindIt) {
  constexpr std::size_t bytes_max = 20'000;
  start({.buffered_max_bytes = bytes_max});
  ASSERT_TRUE(broker.queue_declare({.name = "q", .maxsize = 1}, native->turn()));
  run_loop();
  PythonPeer waiting{address}, other{address};
  ASSERT_TRUE(waiting.join());
  ASSERT_TRUE(other.join());
  EXPECT_THAT(other.ask(Request{"=q", "put"}.text("first")), HasSubstr("#RETURN"));
  waiting.say(Request{"=q", "put"}.text("second").done());
  ASSERT_TRUE(other.is_served());  // so the loop has seen what came before
  waiting.send_bytes(framed(std::string(90'000, 'x')).substr(0, bytes_max));  // its answer is over it
  for (int pass = 0; pass < 3; ++pass) const Pause until_that_is_read{*this};
  boost::asio::post(io, [this] {
    constexpr SessionId of_a_native{1'000'000};
    broker.client_joined(of_a_native, PeerKey{"native"}, clock_now());
    (void)broker.get({of_a_native, 1}, {.queue = "q", .items_max = 1, .wait = false}, clock_now(),
                     native->turn());
  });
  EXPECT_TRUE(waiting.closed_by_master());
  EXPECT_THAT(other.ask(Request{"=q", "get"}), HasSubstr("second"));
}

// ---- the end

TEST_F(ManagersServerTest, WhatEndsWithTheProcessIsCounted) {
  start();
  EXPECT_EQ(server->what_ends(), "");
  ASSERT_TRUE(broker.queue_declare({.name = "q"}, native->turn()));
  run_loop();
  PythonPeer first{address}, second{address};
  ASSERT_TRUE(first.join());
  ASSERT_TRUE(second.join());
  EXPECT_THAT(first.ask(Request{"=q", "qsize"}), HasSubstr("#RETURN"));  // has a name, and stays
  create("list");
  create("dict");
  std::string ends;
  while (!ends.starts_with(
      "connections of Python programs that are closed: 2;"))  // until their creators are gone
    ends = what_ends();
  EXPECT_THAT(ends, EndsWith("; objects without a name that go with this process: 2"));
}

TEST_F(ManagersServerTest, StrangersAreClosedWhenTheListenerIs) {
  start();
  PythonPeer silent{address}, half{address};
  EXPECT_THAT(silent.hear(), StartsWith("#CHALLENGE#"));
  EXPECT_THAT(half.hear(), StartsWith("#CHALLENGE#"));
  half.send_bytes(std::string_view{"\0\0", 2});
  stop();
  EXPECT_TRUE(silent.closed_by_master());
  EXPECT_TRUE(half.closed_by_master());
}

TEST_F(ManagersServerTest, OneThatProvedItselfAndWasNotWelcomedYetIsClosedToo) {
  start();
  PythonPeer peer{address};
  ASSERT_TRUE(peer.prove());
  peer.say("#WELCOME#");
  while (native->doorway().strangers() > 0) std::this_thread::yield();
  stop();
  EXPECT_TRUE(peer.closed_by_master());
}

TEST_F(ManagersServerTest, TheMasterEndsWhileStrangersKnock) {
  start();
  run_loop();
  std::atomic<bool> over{false};
  std::atomic<int> knocks{0};
  std::vector<std::thread> crowd;
  for (const std::string_view key : {std::string_view{"another key"}, authkey})
    crowd.emplace_back([this, key, &over, &knocks] {
      while (!over) {
        PythonPeer peer{address};
        if (peer.prove(key)) peer.say("#WELCOME#");
        ++knocks;
      }
    });
  while (knocks < 100) std::this_thread::yield();
  stop();  // returns, and touches nothing that is gone
  over = true;
  for (std::thread& one : crowd) one.join();
}

}  // namespace
}  // namespace reeve::master::managers
