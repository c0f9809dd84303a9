#include "tests/integration/cluster.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <iostream>
#include <stdexcept>

namespace reeve::testing {

namespace {

// The value of a text field in the small JSON objects that our programs write.
std::string field(std::string_view json, std::string_view name) {
  const auto key = json.find("\"" + std::string(name) + "\"");
  const auto begin = json.find('"', json.find(':', key));
  if (key == json.npos || begin == json.npos) return {};
  return std::string(json.substr(begin + 1, json.find('"', begin + 1) - begin - 1));
}

}  // namespace

std::string program(std::string_view name) { return REEVE_BIN_DIR "/" + std::string(name); }

TempDir::TempDir() {
  std::string pattern = ::testing::TempDir() + "/reeve-test-XXXXXX";
  if (!mkdtemp(pattern.data())) throw std::runtime_error("cannot make " + pattern);
  path_ = pattern;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Cluster::Cluster(ClusterOptions options) : options_(std::move(options)), address_(options_.listen) {
  write_file(authkey_file(), "a key for one test: " + dir() + "\n");
  ::chmod(authkey_file().c_str(), 0600);
  start_master();
}

Cluster::~Cluster() {
  for (auto& [name, worker] : workers_) worker->kill(SIGTERM);
  for (auto& [name, worker] : workers_) (void)worker->wait(std::chrono::seconds{10});
  workers_.clear();
  if (master_) {
    master_->kill(SIGTERM);
    (void)master_->wait(std::chrono::seconds{10});
    master_.reset();
  }
  if (!::testing::Test::HasFailure()) return;
  for (const auto& entry : std::filesystem::directory_iterator(dir())) {
    const std::string kind = entry.path().extension();
    if (kind != ".log" && kind != ".err") continue;
    if (const std::string text = read_file(entry.path()); !text.empty())
      std::cerr << "---- " << entry.path().filename().string() << "\n" << text << "\n";
  }
}

void Cluster::start_master() {
  const std::string ready = path("master.ready");
  std::filesystem::remove(ready);
  std::vector<std::string> args{
      program("reeve-master"), "--listen",     address_, "--data-dir",        data_dir(), "--authkey-file",
      authkey_file(),          "--ready-file", ready,    "--managers-listen", "off"};
  if (options_.ephemeral) args.emplace_back("--ephemeral");
  args.insert(args.end(), options_.master_args.begin(), options_.master_args.end());
  master_ = std::make_unique<Process>(
      start_program(args, {.out = path("master.out.log"), .err = path("master.log")}));
  if (!eventually([&] { return !master_->running() || std::filesystem::exists(ready); }) ||
      !master_->running())
    throw std::runtime_error("reeve-master does not start:\n" + master_log());
  address_ = field(read_file(ready), "native");
}

void Cluster::stop_master(int signal) {
  master_->kill(signal);
  if (!master_->wait()) throw std::runtime_error("reeve-master does not end");
}

Process& Cluster::launch_worker(const std::string& name, const std::vector<std::string>& args,
                                const Env& env) {
  std::vector<std::string> words{program("reeve-worker"), "--master", address_, "--authkey-file",
                                 authkey_file(),          "--name",   name};
  words.insert(words.end(), args.begin(), args.end());
  const std::string log = path(name + ".log");
  auto& worker = workers_[name];
  worker = std::make_unique<Process>(start_program(words, {.out = log, .err = log}, env));
  return *worker;
}

bool Cluster::worker_is_connected(const std::string& name) {
  const Ran shown = reeve({"worker", "show", name, "--json"});
  return shown.exit_code == 0 && shown.out.find("\"connected\":true") != std::string::npos;
}

Process& Cluster::add_worker(const std::string& name, const std::vector<std::string>& args) {
  Process& worker = launch_worker(name, args);
  if (!eventually([&] { return !worker.running() || worker_is_connected(name); }) || !worker.running())
    throw std::runtime_error("reeve-worker does not start:\n" + read_file(path(name + ".log")));
  return worker;
}

void Cluster::stop_worker(const std::string& name, int signal) {
  workers_.at(name)->kill(signal);
  if (!workers_.at(name)->wait()) throw std::runtime_error("reeve-worker does not end");
  workers_.erase(name);
}

Env Cluster::env_with(const Env& env) const {
  Env all{{"HOME", dir()},
          {"XDG_STATE_HOME", dir() + "/state"},
          {"REEVE_MASTER", address_},
          {"REEVE_AUTHKEY_FILE", authkey_file()},
          {"TZ", "UTC"},
          // Workers that are told to end do so at once, whatever the test left running.
          {"REEVE_STOP_GRACE", "100ms"},
          {"REEVE_KILL_GRACE", "1s"}};
  all.insert(all.end(), env.begin(), env.end());
  return all;
}

Process Cluster::start_program(const std::vector<std::string>& words, const Process::Files& files,
                               const Env& env) {
  std::vector<std::string> all = options_.prefix;
  all.insert(all.end(), words.begin(), words.end());
  return {all, env_with(env), files};
}

Process Cluster::start_reeve(const std::vector<std::string>& args, const Process::Files& files,
                             const Env& env) {
  std::vector<std::string> words{program("reeve")};
  words.insert(words.end(), args.begin(), args.end());
  return start_program(words, files, env);
}

Ran Cluster::reeve(const std::vector<std::string>& args, std::string_view input, const Env& env) {
  const std::string base = path("run" + std::to_string(++runs_));
  write_file(base + ".in", input);
  Process process = start_reeve(args, {.in = base + ".in", .out = base + ".out", .err = base + ".err"}, env);
  const std::optional<int> exit_code = process.wait();
  return {
      .exit_code = exit_code.value_or(-1), .out = read_file(base + ".out"), .err = read_file(base + ".err")};
}

}  // namespace reeve::testing
