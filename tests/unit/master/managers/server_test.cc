// The listener of Python programs and its sessions, in this process, from the point of view of a program's socket.
#include <atomic>
#include <future>
#include <list>
#include <thread>
#include <vector>

#include "tests/unit/master/managers/server_fixture.h"

namespace reeve::master::managers {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

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
