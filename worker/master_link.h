// MasterLink: the worker's connection to the master. Connects, for ever and again; says hello; turns frames
// into events for the Agent and the Agent's effects into frames. It holds no rule.
//
// Owner: App.  Thread: the loop thread.  Always: after a connection is lost another attempt is under way or
// waits for its turn; the Agent learns of a connection only after the master's welcome.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "common/base/backoff.h"
#include "common/net/connection.h"
#include "proto/reeve.pb.h"
#include "worker/agent.h"

namespace reeve::worker {

// What the master is told about this worker.
struct Introduction {
  std::string name;
  std::string host;
  std::uint32_t pid = 0;
  std::uint32_t slots = 1;
  std::vector<std::string> functions;
  bool commands = true;
  std::vector<std::string> queues;  // empty: all
  Pairs labels;
};

struct LinkOptions {
  Endpoint master;
  std::string authkey;
  Introduction introduction;
  // Once there was a lease, all of these are cut to what leaves time for several attempts within it.
  std::chrono::milliseconds connect_deadline{10'000};
  std::chrono::milliseconds welcome_deadline{10'000};
  Backoff reconnect{.first = std::chrono::milliseconds{100}, .max = std::chrono::seconds{10}};
};

class MasterLink : private ConnectionHandler {
 public:
  // `turn` is called when events were given to the agent: carry out the effects that are now in `fx`.
  MasterLink(boost::asio::io_context& io, LinkOptions options, Agent& agent, AgentEffects& fx,
             std::function<void()> turn);
  ~MasterLink() override;
  MasterLink(const MasterLink&) = delete;
  MasterLink& operator=(const MasterLink&) = delete;

  void start();
  // The next connection that is welcomed, or the first failure that another attempt will not mend.
  void on_first_connect(std::function<void(Result<void>)> callback) { first_connect_ = std::move(callback); }

  // Sends the part of `fx` that is for the master, and outcomes as long as the connection takes them.
  void send(const AgentEffects& fx);
  void reconnect(const Error& why);
  // Says Goodbye if there is a connection, and calls `gone` when everything is sent, or cannot be.
  void leave(std::function<void()> gone);

  bool connected() const { return state_ == State::welcomed; }

 private:
  enum class State : std::uint8_t { waiting, connecting, greeting, welcomed, leaving };

  void connect();
  void on_connected(Result<std::shared_ptr<Connection>> connection);
  void say_hello();
  void lost(const Error& why);
  void retry_later(const Error& why);
  Duration within_lease(Duration longest, int parts) const;

  Result<void> on_frame(const Frame& frame) override;
  void on_frames_handled() override;
  void on_writable() override;
  void on_closed(const Error& why) override;

  Result<void> on_welcome(const Frame& frame);
  Result<void> on_refused(const Frame& frame);
  Result<void> on_grant(const Frame& frame);
  Result<void> define(const wire::SpecDef& definition);
  Result<void> on_stop(const Frame& frame);
  Result<void> on_completed(const Frame& frame);
  void send_outcomes();

  boost::asio::io_context& io_;
  const LinkOptions options_;
  const std::string worker_key_;
  Agent& agent_;
  AgentEffects& fx_;
  const std::function<void()> turn_;
  std::function<void(Result<void>)> first_connect_;
  std::function<void()> gone_;

  State state_ = State::waiting;
  std::shared_ptr<Connecting> connecting_;
  std::shared_ptr<Connection> connection_;
  boost::asio::steady_timer timer_;  // of the wait before the next attempt, or of the wait for the welcome
  std::uint64_t connections_ = 0;    // on which it has said hello
  TimePoint hello_sent_{};
  Duration lease_{0};           // of the last welcome; 0: none yet
  std::uint32_t failures_ = 0;  // since the last welcome
  std::string last_failure_;    // said in the log once, not at every attempt
  std::minstd_rand random_;

  TimePoint now_{};                                     // of the frames being handled
  std::vector<std::shared_ptr<const TaskSpec>> specs_;  // by the id of this connection
  wire::Grant grant_;                                   // kept for their memory
  wire::Complete complete_;
};

}  // namespace reeve::worker
