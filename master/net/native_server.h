// NativeServer: the native protocol's side of the master. It owns the listener, the sessions and the Turn,
// and brings them together with the Broker.
//
// Owner: App.  Thread: the loop thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "master/core/broker.h"
#include "master/net/backups.h"
#include "master/net/client_session.h"
#include "master/net/doorway.h"
#include "master/net/listener.h"
#include "master/net/refusals.h"
#include "master/net/side_thread.h"
#include "master/net/turn.h"
#include "master/net/worker_session.h"
#include "master/store/store.h"

namespace reeve::master {

inline constexpr std::size_t peer_key_bytes = 16;
inline constexpr std::size_t jobs_in_a_list_max = 100'000;
inline constexpr std::size_t jobs_in_a_list_max_bytes = 32u << 20;
inline constexpr std::size_t tasks_in_a_page_max = 10'000;
inline constexpr std::size_t tasks_page_max_bytes = 8u << 20;

struct ServerLimits {
  std::size_t connections_max = 20'000;  // authenticated ones
  Listener::Limits listener;
  ConnectionLimits connection;
};

// Messages that are parsed over and over: one of each, so that their memory is reused.
struct Scratch {
  wire::Submit submit;
  wire::Put put;
  wire::Complete complete;
  wire::Took took;
  wire::Fetched fetched;
  void trim(const Frame& parsed);  // gives back what an unusually large frame took
};

class NativeServer {
 public:
  NativeServer(boost::asio::io_context& io, Broker& broker, Store& store, std::string authkey,
               ServerLimits limits);
  ~NativeServer();

  Result<void> listen(const Endpoint& endpoint);
  Endpoint address() const { return listener_.address(); }
  void start();
  // A connection that has shaken hands, as the listener hands them over.
  void welcome(boost::asio::ip::tcp::socket socket, Role role);
  // Nothing new is taken; what was decided is committed; sessions are closed. False: the last commit failed.
  bool stop();

  // ---- for sessions
  Broker& broker() { return broker_; }
  Turn& turn() { return turn_; }
  Scratch& scratch() { return scratch_; }
  Now now() const { return clock_now(); }
  void turn_soon();  // the pass of the loop ends when everything that is ready now was handled
  ClientSession* client(SessionId id);
  SessionId new_session_id() { return SessionId{next_session_++}; }
  std::chrono::milliseconds silence_max() const { return limits_.connection.silence_max; }
  void end_session(SessionId id);
  void count_refusal(const Error& why, std::string_view whom) {
    refusals_.count(why, [whom] { return whom; });
  }
  void describe(wire::StatusInfo& info);
  void set_description(std::string data_dir, WallTime started) {
    data_dir_ = std::move(data_dir), started_ = started;
  }

  Backups& backups() { return backups_; }
  // For a listener of another dialect.
  Doorway& doorway() { return doorway_; }
  Refusals& refusals() { return refusals_; }

  // Does this on the side thread; `then` runs on the loop.
  void beside(std::function<Result<void>(Store&)> work, std::function<void(Result<void>)> then);

  // Reads from the store on the side thread, after everything decided so far was committed; `then` runs on the loop.
  // While that cannot be done the read hears why in `kept`, and sees what is durable.
  using Read = std::function<Result<void>(Store&, const Result<void>& kept)>;
  void read_history(Read read, std::function<void(Result<void>)> then);
  // Error: storage_failed as well, what was decided cannot be kept.
  void read_chunks(JobId job, std::vector<std::pair<std::uint32_t, std::uint32_t>> ranges,
                   std::function<void(Result<std::vector<ChunkRecord>>)> then);
  // Carries out a plan, portion by portion, each when the one before is on stable storage; whether or not the asker stays.
  void retry(Asker asker, JobId job, RetryPlan plan);

 private:
  void end_of_turn();
  void arm_timer();
  void sweep();

  boost::asio::io_context& io_;
  Broker& broker_;
  Store& store_;
  ServerLimits limits_;
  Turn turn_;
  Refusals refusals_;
  Doorway doorway_;
  Listener listener_;
  Backups backups_{*this};
  SideThread side_;
  Scratch scratch_;
  std::unordered_map<SessionId, std::unique_ptr<Session>> sessions_;
  std::uint64_t next_session_ = 1;
  bool turn_pending_ = false;
  bool stopping_ = false;
  boost::asio::steady_timer timer_;  // the Broker's
  TimePoint timer_at_ = TimePoint::max();
  boost::asio::steady_timer sweep_timer_;
  std::string data_dir_;
  WallTime started_{};
};

}  // namespace reeve::master
