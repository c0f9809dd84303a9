// A Manager with a Broker, whose clients are texts: requests as Pythons send them, and the replies that they hear.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "master/managers/manager.h"

namespace reeve::master::managers {

using namespace std::chrono_literals;

// A request as a Python of protocol 2 sends it.
class Request {
 public:
  Request(std::string_view ident, std::string_view method) {
    bytes_ = "\x80\x02(";
    if (ident.empty())
      bytes_ += 'N';
    else
      text(ident);
    text(method);
    bytes_ += '(';
  }
  Request& text(std::string_view value) {
    bytes_ += 'U';
    bytes_ += static_cast<char>(value.size());
    bytes_ += value;
    return *this;
  }
  Request& number(int value) {
    bytes_ += fmt::format("I{}\n", value);
    return *this;
  }
  Request& real(double value) {
    bytes_ += fmt::format("F{}\n", value);
    return *this;
  }
  Request& yes() { return raw("\x88"); }
  Request& no() { return raw("\x89"); }
  Request& long_text(std::uint32_t length) {
    bytes_ += 'X';
    for (int shift = 0; shift < 32; shift += 8) bytes_ += static_cast<char>(length >> shift);
    bytes_.append(length, 'x');
    return *this;
  }
  Request& raw(std::string_view bytes) {
    bytes_ += bytes;
    return *this;
  }
  std::string done() const { return bytes_ + "t}t."; }

 private:
  std::string bytes_;
};

// The request, with a proxy of a list as its argument.
inline Request with_proxy(Request request, std::string_view ident) {
  return request
      .raw(
          "cmultiprocessing.managers\nRebuildProxy\n(cmultiprocessing.managers\nListProxy\n"
          "cmultiprocessing.managers\nToken\n)\x81(")
      .text("list")
      .raw(
          "(U\x09"
          "127.0.0.1I5000\nt")
      .text(ident)
      .raw("tbU\x06pickle}tR");
}

// Effects of a Broker that answers at once, given to the Manager as the Turn would.
class BrokerAnswers final : public Effects {
 public:
  void keep(Record record) override { kept.push_back(std::move(record)); }
  void submitted(SessionId to, std::uint64_t request, const Result<Accepted>& answer) override {
    manager->submitted(to, request, answer);
  }
  void got(SessionId to, std::uint64_t request, const Result<std::span<const ItemView>>& answer) override {
    manager->got(to, request, answer);
  }
  void done(SessionId to, std::uint64_t request, const Result<std::uint64_t>& answer) override {
    manager->done(to, request, answer);
  }
  void job_changed(SessionId, std::uint64_t, const JobView&) override {}
  void outcome(SessionId, TaskId, const reeve::Outcome&) override {}
  bool congested(SessionId) const override { return false; }
  void lagging(SessionId, JobId) override {}
  void grant(SessionId, const Grant&) override {}
  void stop(SessionId, const Fence&, bool) override {}
  void drain(SessionId, bool) override {}
  void disconnect(SessionId, const Error&) override {}

  Manager* manager = nullptr;
  Records kept;
};

class ManagerTest : public ::testing::Test, protected Replies {
 protected:
  ManagerTest() { answers.manager = &manager; }

  // What a session was answered since the last call: the pickles, in which texts stand as they are.
  std::vector<std::string> heard(int session) { return std::exchange(replies[session], {}); }
  std::string ask(int session, const Request& request) {
    (void)manager.request(id(session), request.done(), now, answers);
    const auto all = heard(session);
    return all.empty() ? "(waits)" : all.back();
  }
  // The first request of a connection, which says that calls follow.
  void connect(int session) { ask(session, Request{"", "accept_connection"}.text("test")); }
  std::string create(std::string_view type) { return made_by(Request{"", "create"}.text(type)); }
  std::string made_by(const Request& request) {
    const std::string answer = ask(next_short++, request);
    const std::size_t at = answer.find("#RETURN");
    EXPECT_NE(at, std::string::npos) << answer;
    const auto size = static_cast<std::size_t>(answer.at(at + 9));  // "U", its length, the ident
    return answer.substr(at + 10, size);
  }
  // As a program that does not speak Python puts it.
  void put_natively(std::string_view queue, std::string_view json) {
    constexpr SessionId native{2'000};
    broker.client_joined(native, PeerKey{"native"}, now);
    PutValues values{
        .number = 0, .settled = 0, .queue = std::string{queue}, .encoding = Encoding::json, .items = {}};
    values.items.add(json);
    ASSERT_TRUE(broker.put({native, 1}, std::move(values), now, answers));
    broker.session_left(native, now, answers);
  }
  void leave(int session) { manager.left(id(session), now, answers); }
  // Its socket is closed, but nobody has noticed yet.
  void vanish(int session) { gone.insert(static_cast<std::uint64_t>(session)); }
  void pass(Duration time) {
    now.mono += time;
    broker.tick(now, answers);
    manager.tick(now, answers);
  }
  static SessionId id(int session) { return SessionId{static_cast<std::uint64_t>(session)}; }

  // ---- Replies
  void reply(SessionId to, std::string_view payload, Leaves when, bool) override {
    leaves = when;
    if (gone.contains(to.value)) return;
    replies[static_cast<int>(to.value)].emplace_back(payload);
    manager.answered(to, now, answers);
  }
  void close_after_reply(SessionId to) override { closing.push_back(to); }
  std::string store_trouble() const override { return trouble; }
  std::uint64_t unwritten_bytes() const override { return unwritten; }
  void shut_down() override { ++shut_downs; }
  void warn(std::string_view text) override { warnings.emplace_back(text); }

  std::map<int, std::vector<std::string>> replies;
  std::set<std::uint64_t> gone;  // those that vanished
  std::vector<SessionId> closing;
  std::vector<std::string> warnings;
  std::string trouble;
  std::uint64_t unwritten = 0;
  Leaves leaves = Leaves::now;  // of the last reply
  int shut_downs = 0;
  int next_short = 1'000;
  Now now{TimePoint{1'000s}, WallTime{1'000'000s}};
  Options options;
  Broker broker{Limits{}, Recovered{.epoch = Epoch{1}}, now, 1};
  Manager manager{broker, options, *this};
  BrokerAnswers answers;
};

}  // namespace reeve::master::managers
