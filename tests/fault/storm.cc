#include "tests/fault/storm.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/fault/note.h"

namespace reeve::testing {

namespace {

using namespace std::chrono_literals;

constexpr const char* master_name = "master";

// Most of the time it is short; now and then a worker stands still until long after its lease.
constexpr int stop_ms_min = 20, stop_ms_max = 800;
constexpr auto stop_beyond_lease = farm_lease + 4s;

}  // namespace

void Storm::run(std::chrono::milliseconds length, const std::function<void()>& meanwhile) {
  const auto end = Clock::now() + length;
  auto next_strike = Clock::now() + between(300, 800);
  while (Clock::now() < end) {
    do_what_is_due(Clock::now());
    watch_for_deaths();
    meanwhile();
    if (::testing::Test::HasFailure()) break;
    if (Clock::now() >= next_strike) {
      strike();
      next_strike = Clock::now() + between(20, 600);
    }
    std::this_thread::sleep_for(2ms);
  }
  do_what_is_due(Clock::time_point::max());
}

void Storm::do_what_is_due(Clock::time_point now) {
  while (!agenda_.empty() && agenda_.begin()->first <= now) agenda_.extract(agenda_.begin()).mapped()();
}

void Storm::strike() {
  const int draw = std::uniform_int_distribution<int>(0, 99)(random_);
  const std::string& worker = one_of(farm_.worker_names());
  const std::string& client = one_of(farm_.client_names());
  const auto length = draw % 5 == 0 ? stop_beyond_lease : between(stop_ms_min, stop_ms_max);
  const auto short_length = between(stop_ms_min, stop_ms_max);
  if (draw < 20) {
    if (!busy_.contains(master_name) && !spared_.contains(master_name)) kill_master();
  } else if (draw < 30) {
    if (!busy_.contains(master_name))
      stop(Fault::Role::master, master_name, farm_.cluster().master().pid(), short_length);
  } else if (draw < 42) {
    if (!busy_.contains(worker) && !spared_.contains(worker)) kill_worker(worker);
  } else if (draw < 57) {
    if (!busy_.contains(worker)) stop(Fault::Role::worker, worker, farm_.worker(worker).pid(), length);
  } else if (draw < 75) {
    if (!busy_.contains(worker)) hit_child(worker);
  } else if (draw < 90) {
    if (!busy_.contains(client)) kill_client(client);
  } else {
    if (!busy_.contains(client)) stop(Fault::Role::client, client, farm_.client(client).pid(), short_length);
  }
}

std::size_t Storm::note(Fault fault) {
  faults_.push_back(std::move(fault));
  return faults_.size() - 1;
}

void Storm::kill_master() {
  busy_.insert(master_name);
  const auto fault =
      note({Fault::Kind::kill, Fault::Role::master, master_name, monotonic_us(), monotonic_us()});
  farm_.cluster().stop_master(SIGKILL);
  later(Clock::now() + between(0, 1200), [this, fault] {
    farm_.cluster().start_master();
    faults_[fault].end = monotonic_us();
    busy_.erase(master_name);
  });
}

void Storm::kill_worker(const std::string& name) {
  busy_.insert(name);
  const auto fault = note({Fault::Kind::kill, Fault::Role::worker, name, monotonic_us(), monotonic_us()});
  farm_.worker(name).kill(SIGKILL);
  (void)farm_.worker(name).wait();
  later(Clock::now() + between(0, 1500), [this, name, fault] {
    farm_.start_worker(name);
    faults_[fault].end = monotonic_us();
    busy_.erase(name);
  });
}

void Storm::kill_client(const std::string& name) {
  const auto fault = note({Fault::Kind::kill, Fault::Role::client, name, monotonic_us(), monotonic_us()});
  farm_.client(name).kill(SIGKILL);
  (void)farm_.client(name).wait();
  farm_.start_client(name);
  faults_[fault].end = monotonic_us();
}

void Storm::hit_child(const std::string& worker) {
  const pid_t parent = farm_.worker(worker).pid();
  const std::vector<pid_t> children = children_of_worker(parent);
  const std::size_t draw = random_();
  if (const auto guard = guard_of_worker(parent); guard && draw % 8 == 0) {
    note({Fault::Kind::kill, Fault::Role::guard, worker, monotonic_us(), monotonic_us()});
    ::kill(*guard, SIGKILL);
    return;
  }
  if (children.empty()) return;
  const pid_t child = children[draw % children.size()];
  if (draw % 3 == 0) return stop(Fault::Role::child, worker, child, between(stop_ms_min, stop_ms_max));
  note({Fault::Kind::kill, Fault::Role::child, worker, monotonic_us(), monotonic_us()});
  ::kill(child, SIGKILL);
}

void Storm::stop(Fault::Role role, const std::string& name, pid_t pid, std::chrono::milliseconds length) {
  const bool child = role == Fault::Role::child;
  if (!child) busy_.insert(name);
  const auto fault = note({Fault::Kind::stop, role, name, monotonic_us(), monotonic_us(), pid});
  ::kill(pid, SIGSTOP);
  later(Clock::now() + length, [this, child, name, pid, fault] {
    ::kill(pid, SIGCONT);
    faults_[fault].end = monotonic_us();
    if (!child) busy_.erase(name);
  });
}

// Whoever ends without being killed is a finding of its own.
void Storm::watch_for_deaths() {
  if (!busy_.contains(master_name)) died(master_name, farm_.cluster().master());
  for (const auto& name : farm_.worker_names())
    if (!busy_.contains(name)) died(name, farm_.worker(name));
  for (const auto& name : farm_.client_names()) died(name, farm_.client(name));
}

void Storm::died(const std::string& name, Process& process) {
  if (!process.running()) ADD_FAILURE() << name << " ended by itself with " << process.wait().value_or(-1);
}

std::map<std::string, std::size_t> Storm::summary() const {
  constexpr const char* roles[] = {"master", "worker", "child of a worker", "guard of a worker", "client"};
  std::map<std::string, std::size_t> counts;
  for (const Fault& fault : faults_)
    ++counts[fmt::format("{} {}", roles[static_cast<std::size_t>(fault.role)],
                         fault.kind == Fault::Kind::kill ? "killed" : "stopped")];
  return counts;
}

}  // namespace reeve::testing
