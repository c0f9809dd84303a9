// App: the worker's parts, wired together, from the first connection to the last farewell.
//
// Thread: everything on the one that calls run(): the loop thread.
#pragma once

#include <sys/resource.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/app/watchdog.h"
#include "common/base/result.h"
#include "worker/agent.h"
#include "worker/master_link.h"
#include "worker/options.h"
#include "worker/pools/pool.h"
#include "worker/processes/guard.h"
#include "worker/runners/brief_functions.h"
#include "worker/runners/functions.h"

namespace reeve::worker {

class App {
 public:
  explicit App(Options options);
  ~App();

  // Loads what the worker can run, starts the pool and the first attempt to connect. Errors are for a person.
  Result<void> start();
  // Until a signal has ended it and its tasks are settled. Error: the master refuses our key.
  Result<void> run();

 private:
  // Entries in groups_: for the command that runs, for the pool child, for each program.
  std::size_t groups_per_slot() const { return 2 + options_.programs.size(); }
  std::unique_ptr<Runner> make_runner(unsigned slot);  // on a slot's thread
  Result<void> load_functions();
  Result<void> start_guard();
  void watch_guard();
  void say_when_leases_end();
  LinkOptions link_options() const;
  void on_first_connect(const Result<void>& connected);
  void announce();
  void wait_for_signal();
  void on_signal();
  void arm_tick();

  // After every event: brings the agent's effects to the pool and to the link until there are none.
  void on_finished();
  void turn();
  void collect();
  void serve_pool();
  bool runs_here();
  void run_here();
  void leave();

  const Options options_;
  boost::asio::io_context io_{1};
  boost::asio::signal_set signals_;
  boost::asio::steady_timer tick_;
  boost::asio::steady_timer gather_;
  bool gathering_ = false;  // the pool has outcomes, which wait for more
  Watchdog watchdog_{io_};
  TimePoint tick_at_ = TimePoint::max();

  std::optional<rlimit> descriptors_;  // that programs get
  std::optional<GroupTable> groups_;
  std::optional<Guard> guard_;
  boost::asio::posix::stream_descriptor guard_ended_{io_};
  Functions functions_;
  std::optional<BriefFunctions> brief_;  // none with a process pool
  Agent agent_;
  AgentEffects effects_;
  std::vector<Attempt*> from_pool_;  // kept for its memory
  std::unique_ptr<MasterLink> link_;
  std::unique_ptr<Pool> pool_;  // ends first: its threads use what stands above

  unsigned signals_seen_ = 0;
  bool leaving_ = false;
  Result<void> result_;
};

}  // namespace reeve::worker
