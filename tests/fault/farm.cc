#include "tests/fault/farm.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "reeve/client.h"
#include "tests/fault/note.h"

namespace reeve::testing {

namespace {

using namespace std::chrono_literals;

constexpr const char* values_max = "300";  // that puts have to wait is part of it

std::string helper(std::string_view name) { return REEVE_FAULT_DIR "/" + std::string(name); }

}  // namespace

AuditRules farm_rules() {
  // From the end of a lease: kill-grace, then the guard's margin, each a second here, and as much again for a
  // busy machine.
  constexpr auto overlap_max = 4s;
  constexpr auto commit_max = 2s;
  return {.lease_us = std::chrono::microseconds{farm_lease}.count(),
          .overlap_max_us = std::chrono::microseconds{overlap_max}.count(),
          .commit_max_us = std::chrono::microseconds{commit_max}.count()};
}

Farm::Farm(std::uint64_t seed, bool forget)
    : seed_(seed),
      forget_(forget),
      cluster_(
          {.master_args = {"--lease", fmt::format("{}s", farm_lease.count()), "--client-grace", "20s"}}) {
  cluster_.reeve({"queue", "create", values_queue(), "--maxsize", values_max});
  for (const auto& name : worker_names_) start_worker(name);
  for (const auto& name : client_names_) start_client(name);
}

void Farm::start_worker(const std::string& name) {
  std::vector<std::string> args{"--plugin", helper("fault_plugin.so"), "--slots",
                                name == "single" ? "1" : "3"};
  if (name == "processes") args.insert(args.end(), {"--pool", "process", "--max-tasks-per-child", "50"});
  cluster_.launch_worker(name, args, {{"LEDGER_WORKER", name}, {"LEDGER_NOTES", notes()}});
}

void Farm::start_client(const std::string& name) {
  const std::string mode = name.substr(0, name.size() - 1);
  std::vector<std::string> words{helper("fault_client"),
                                 mode,
                                 cluster_.path(name + ".ledger"),
                                 name,
                                 std::to_string(seed_ ^ std::hash<std::string>{}(name)),
                                 stop_file()};
  if (mode == "jobs")
    words.insert(words.end(), {notes(), helper("fault_task"), forget_ ? "forget" : "keep"});
  else
    words.emplace_back(values_queue());
  const std::string log = cluster_.path(name + ".log");
  clients_[name] =
      std::make_unique<Process>(cluster_.start_program(words, Process::Files{.out = log, .err = log}));
}

bool Farm::finish_clients(std::chrono::milliseconds longest) {
  write_file(stop_file(), "");
  const auto deadline = std::chrono::steady_clock::now() + longest;
  bool all = true;
  for (const auto& [name, client] : clients_) {
    const auto left = deadline - std::chrono::steady_clock::now();
    const auto code = client->wait(std::max(1ms, std::chrono::ceil<std::chrono::milliseconds>(left)));
    if (code == 0) continue;
    all = false;
    ADD_FAILURE() << "client " << name
                  << (code ? fmt::format(" ended with {}", *code) : std::string(" does not finish"));
  }
  return all;
}

ClientLedger Farm::ledger() const {
  ClientLedger ledger;
  for (const auto& name : client_names_) ledger.read(read_file(cluster_.path(name + ".ledger")));
  return ledger;
}

std::optional<FinalState> Farm::final_state(std::chrono::milliseconds longest) {
  const auto key = cluster_.authkey_file();
  auto client = Client::connect({.master = cluster_.address(), .authkey = {}, .authkey_file = key});
  const auto all_finished = [&] {
    return std::ranges::all_of(client.jobs({}, true), [](const JobInfo& job) { return job.is_finished(); });
  };
  if (!eventually(all_finished, longest)) return std::nullopt;
  FinalState state;
  for (const JobInfo& info : client.jobs({}, true)) {
    FinalJob job{.number = info.job, .name = info.name, .tasks = {}};
    client.job(info.job).for_each_result([&](const TaskOutcome& task) {
      std::string value = task.outcome.value.empty() ? task.outcome.out : task.outcome.value;
      if (value.ends_with('\n')) value.pop_back();
      if (task.outcome.state != TaskState::succeeded) value = task.outcome.error;
      job.tasks.push_back({task.index, std::string(name_of(task.outcome.state)), std::move(value)});
    });
    state.jobs.push_back(std::move(job));
  }
  Queue queue = client.queue(values_queue());
  const QueueInfo info = queue.info();
  state.unfinished = info.unfinished;
  for (const Item& item : queue.peek(info.size + 1))
    state.values.emplace_back(item.bytes, fmt::format("{}.{}", item.id_job, item.id_index));
  EXPECT_EQ(state.values.size(), info.size);
  return state;
}

namespace {

std::vector<pid_t> children_of(pid_t parent) {
  std::vector<pid_t> children;
  std::error_code gone;
  const std::string tasks = fmt::format("/proc/{}/task", parent);
  for (const auto& thread : std::filesystem::directory_iterator(tasks, gone)) {
    std::istringstream pids{read_file(thread.path().string() + "/children")};
    for (pid_t pid; pids >> pid;) children.push_back(pid);
  }
  return children;
}

bool is_guard(pid_t pid) { return read_file(fmt::format("/proc/{}/cmdline", pid)).contains("--guard"); }

}  // namespace

std::vector<pid_t> children_of_worker(pid_t worker) {
  std::vector<pid_t> all;
  for (const pid_t child : children_of(worker)) {
    if (is_guard(child)) continue;
    all.push_back(child);
    for (const pid_t grandchild : children_of(child)) all.push_back(grandchild);
  }
  return all;
}

std::optional<pid_t> guard_of_worker(pid_t worker) {
  for (const pid_t child : children_of(worker))
    if (is_guard(child)) return child;
  return std::nullopt;
}

}  // namespace reeve::testing
