// Worker: the real Agent, with a pool in which tasks take virtual time and a link that reconnects.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "tests/sim/history.h"
#include "tests/sim/master.h"
#include "tests/sim/network.h"
#include "worker/agent.h"

namespace reeve::sim {

// What the functions of a simulated worker do:
//   brief, long    end well, after milliseconds or up to half a minute
//   moody          fails every other time
//   endless        never ends by itself
class Worker final : private History::Runner {
 public:
  Worker(std::string name, std::vector<std::string> functions, Clockwork& clock, Story& story,
         History& history, Master& master, Bug bug);

  Process& process() { return process_; }
  Connection::Weather& weather() { return weather_; }
  const std::string& name() const { return name_; }
  const std::vector<std::string>& functions() const { return functions_; }
  void start();
  void kill();  // with everything it runs
  bool alive() const { return agent_ != nullptr; }
  void cut();

  // ---- what the master says
  void on_welcome(SessionId session, Duration lease, Duration heartbeat, const std::vector<Fence>& dropped);
  void on_grant(const Fence& fence, const std::shared_ptr<const TaskSpec>& spec, const std::string& payload);
  void on_stop(const Fence& fence);
  void on_drain(bool on);
  void on_completed(std::uint64_t batch, std::size_t refused);
  void on_heartbeat(TimePoint sent);

 private:
  static constexpr std::uint32_t slots = 2;

  bool frozen() const override { return process_.frozen(); }
  void connect();
  void lost();
  void carry_out();
  void start_runs();
  bool is_running(const worker::Attempt& attempt, const Fence& fence) const;
  void run(worker::Attempt& attempt);
  void end_run(worker::Attempt& attempt, bool timed_out = false);
  void give_back(worker::Attempt& attempt);
  void stop_run(worker::Attempt& attempt);
  void withdraw(std::size_t count);
  void report();
  void arm_timer();
  void say(const std::function<void(Master&, SessionId)>& what);

  const std::string name_;
  const std::vector<std::string> functions_;
  Clockwork& clock_;
  Story& story_;
  History& history_;
  Master& master_;
  const Bug bug_;
  Process process_;
  Connection::Weather weather_;
  unsigned lives_ = 0;

  // Of one life.
  std::unique_ptr<worker::Agent> agent_;
  worker::AgentEffects fx_;
  ConnectionPtr connection_;
  SessionId session_;  // none: not welcomed
  std::uint64_t connections_ = 0;
  TimePoint hello_sent_{};
  TimePoint lease_end_{};  // from then on the pool begins nothing
  std::deque<worker::Attempt*> queue_;
  std::vector<worker::Attempt*> running_;
  std::uint64_t taken_ = 0;
  std::uint64_t timer_ = 0;  // the number of the last one: earlier ones are void
};

}  // namespace reeve::sim
