// Storm: kills and stops the processes of a Farm at moments drawn from a seed, and brings them back.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/fault/farm.h"

namespace reeve::testing {

// Owner: a test.  Thread: the test's.  Always: what it took down or stopped is back when run() returns.
class Storm {
 public:
  Storm(Farm& farm, std::uint64_t seed) : farm_(farm), random_(seed) {}

  // `meanwhile` is called again and again.
  void run(std::chrono::milliseconds length, const std::function<void()>& meanwhile = [] {});
  // From now on this one is stopped at most, not killed: to see whether it grows.
  void spare(const std::string& name) { spared_.insert(name); }

  const std::vector<Fault>& faults() const { return faults_; }
  std::map<std::string, std::size_t> summary() const;

 private:
  using Clock = std::chrono::steady_clock;

  std::chrono::milliseconds between(int least, int most) {
    return std::chrono::milliseconds{std::uniform_int_distribution<int>(least, most)(random_)};
  }
  const std::string& one_of(const std::vector<std::string>& names) {
    return names[std::uniform_int_distribution<std::size_t>(0, names.size() - 1)(random_)];
  }
  void later(Clock::time_point when, std::function<void()> what) { agenda_.emplace(when, std::move(what)); }
  void do_what_is_due(Clock::time_point now);

  void strike();
  void kill_master();
  void kill_worker(const std::string& name);
  void kill_client(const std::string& name);
  void hit_child(const std::string& worker);
  void stop(Fault::Role role, const std::string& name, pid_t pid, std::chrono::milliseconds length);
  std::size_t note(Fault fault);
  void watch_for_deaths();
  void died(const std::string& name, Process& process);

  Farm& farm_;
  std::mt19937_64 random_;
  std::multimap<Clock::time_point, std::function<void()>> agenda_;
  std::set<std::string> busy_;  // down or stopped just now
  std::set<std::string> spared_;
  std::vector<Fault> faults_;
};

}  // namespace reeve::testing
