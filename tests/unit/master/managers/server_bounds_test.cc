// How many connections of Python programs there may be, and how much of what they say may wait.
#include <algorithm>

#include "tests/unit/master/managers/server_fixture.h"

namespace reeve::master::managers {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

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

}  // namespace
}  // namespace reeve::master::managers
