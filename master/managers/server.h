// ManagersServer: the Python dialect's side of the master. It owns the listener and the sessions, brings them
// together with the Manager, and holds answers back until what they speak of is on stable storage.
//
// Owner: App.  Thread: the loop thread.
// Always: the Manager hears `left` for a session that it heard a request of, once, and never from within one
// of its own calls, or of the Broker's.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "master/managers/manager.h"
#include "master/managers/options.h"
#include "master/managers/replies.h"
#include "master/managers/session.h"
#include "master/net/listener.h"
#include "master/net/native_server.h"

namespace reeve::master::managers {

class ManagersServer final : public Guests, private Replies {
 public:
  // `native` outlives this.
  ManagersServer(boost::asio::io_context& io, NativeServer& native, std::string_view authkey, Options options,
                 std::function<void()> shut_down);
  ~ManagersServer() override;

  // Error: unavailable, with the reason and the setting that would help.
  Result<void> listen();
  // The configuration's objects, with what the store holds of them. Errors: as of Manager::declare.
  Result<void> declare(std::span<const ObjectDeclaration> declared,
                       std::span<const Recovered::Object> stored);
  Endpoint address() const { return listener_.address(); }  // with the real port
  void stop_listening();
  // What does not outlive this process, for a person; empty when that is nothing.
  std::string what_ends() const;

  // ---- for sessions
  const Options& options() const { return options_; }
  std::span<char> scratch() { return scratch_; }
  std::string& reply_scratch() { return reply_scratch_; }
  void request(Session& session, std::string_view message);
  void answered(Session& session);
  // A session's buffered_bytes() are not what they were. Over the limit the one that holds the most ends.
  void buffered(std::size_t before, std::size_t now);
  void ended(Session& session, const Error& why);

  // ---- Guests
  void submitted(SessionId to, std::uint64_t request, const Result<Accepted>& answer) override;
  void got(SessionId to, std::uint64_t request, const Result<std::span<const ItemView>>& answer) override;
  void done(SessionId to, std::uint64_t request, const Result<std::uint64_t>& answer) override;
  void end_of_turn(Ticket ticket, Ticket committed) override;
  void committed(Ticket committed) override;
  void commit_failed(const Error& why) override;
  void describe(const Counter& add) const override;

 private:
  // The Manager is at work: sessions that end meanwhile are reported when it is through; when it works for the Broker,
  // which may be in the middle of serving those very sessions, by the timer.
  class Work;
  struct Held {
    SessionId to;
    Ticket ticket = 0;
    bool precious = false;
  };

  void welcome(Arrival arrival);
  void arm_timer();
  void report_left();
  void end_largest();
  static void send(Session& to, std::string_view payload, bool precious);
  std::shared_ptr<Session> session(SessionId id) const;

  // ---- Replies
  void reply(SessionId to, std::string_view payload, Leaves leaves, bool precious) override;
  void close_after_reply(SessionId to) override;
  std::uint64_t unwritten_bytes() const override { return native_.turn().unwritten_bytes(); }
  std::string store_trouble() const override { return native_.turn().trouble(); }
  void shut_down() override;
  void warn(std::string_view text) override;

  NativeServer& native_;
  Options options_;
  std::function<void()> shut_down_;
  Listener listener_;
  boost::asio::steady_timer timer_;  // the Manager's
  TimePoint timer_at_ = TimePoint::max();
  std::vector<char> scratch_;
  std::string reply_scratch_;
  std::unordered_map<SessionId, std::shared_ptr<Session>> sessions_;
  Manager manager_;
  int at_work_ = 0;
  std::vector<SessionId> left_;
  std::vector<Held> staged_;  // in this turn; the answers are in their sessions
  std::deque<Held> held_;     // by ticket
  std::uint64_t buffered_bytes_ = 0;
};

}  // namespace reeve::master::managers
