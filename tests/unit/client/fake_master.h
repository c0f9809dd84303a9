// FakeMaster: the other end of a Client, on a real loopback socket. It speaks the protocol and keeps no
// rules: a test says what it answers, and sees every frame that came.
//
// Owner: a test.  Thread: its own; the handler runs there, everything public may be called from the test's.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/net/connection.h"
#include "proto/reeve.pb.h"
#include "reeve/client.h"

namespace reeve::client {

inline constexpr std::string_view fake_key = "a key for tests";

struct Received {
  FrameType type;
  std::string body;
  int connection;  // from 1
  template <typename Message>
  Message as() const {
    Message message;
    message.ParseFromString(body);
    return message;
  }
};

class FakeMaster {
 public:
  // Decides about one frame, on the master's thread; answers with send().
  using Handler = std::function<void(FakeMaster&, const Received&)>;

  explicit FakeMaster(Handler handler);
  ~FakeMaster();

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  ClientOptions options() const {
    ClientOptions options;
    options.master = address();
    options.authkey = fake_key;
    return options;
  }

  // From the handler only: to the connection of now.
  template <typename Message>
  void send(FrameType type, const Message& message) {
    if (!connection_) return;
    append_frame(connection_->out(), type, message);
    connection_->flush();
  }
  // The same, but it travels with the next one that is sent.
  template <typename Message>
  void send_with_next(FrameType type, const Message& message) {
    if (connection_) append_frame(connection_->out(), type, message);
  }
  void cut();     // drops the connection without a word
  void vanish();  // the same, and refuses others
  std::atomic<std::uint64_t> instance = 1;
  std::atomic<bool> welcomes = true;  // false: whoever comes shakes hands, says hello, and hears nothing

  // From the test: runs `action` on the master's thread and waits for it.
  void run(const std::function<void(FakeMaster&)>& action);
  void set_handler(Handler handler);
  // Waits until all that came satisfies `enough`.
  void wait_until(const std::function<bool(const std::vector<Received>&)>& enough);
  // The first such frame, counting those that came before.
  Received wait_for(FrameType type, int connection = 0);
  std::vector<Received> received() const;
  std::size_t count(FrameType type) const;

 private:
  class Handshake;
  struct Session;
  void accept();
  void greet(boost::asio::ip::tcp::socket socket);

  Handler handler_;
  boost::asio::io_context io_{1};
  boost::asio::ip::tcp::acceptor acceptor_;
  std::uint16_t port_ = 0;
  int connections_ = 0;
  std::unique_ptr<Session> session_;
  std::shared_ptr<Connection> connection_;
  mutable std::mutex mutex_;
  std::condition_variable came_;
  std::vector<Received> received_;  // guarded by mutex_
  std::thread thread_;
};

// A handler that accepts and runs everything at once: results are what `function` makes of a payload. Jobs
// are numbered from 1; repeated submissions get their first answer. The parts can be switched off by a test.
class Echo {
 public:
  bool answer_submits = true;
  bool push_outcomes = true;
  std::function<void(const std::string& payload, wire::Outcome&)> function =
      [](const std::string& payload, wire::Outcome& outcome) { outcome.set_value(payload); };

  void operator()(FakeMaster& master, const Received& frame);

  struct Task {
    wire::Outcome outcome;
    bool fetched = false;
  };
  std::map<std::uint64_t, std::vector<Task>> jobs;
  std::map<std::uint64_t, wire::Submitted> submissions;
  std::uint64_t next_job = 1;
  int repeats = 0;

 private:
  void submit(FakeMaster& master, const wire::Submit& message);
  void list(FakeMaster& master, const wire::TaskList& message);
};

}  // namespace reeve::client
