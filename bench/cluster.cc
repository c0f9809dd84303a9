#include "bench/cluster.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <stdexcept>
#include <thread>

namespace reeve::bench {
namespace {

constexpr auto start_patience = std::chrono::seconds{20};

std::filesystem::path make_dir(const std::filesystem::path& parent) {
  std::filesystem::create_directories(parent);
  std::string name = parent / "reeve-bench-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr)
    throw std::runtime_error("cannot make a directory in " + parent.string());
  return name;
}

// The native address in {"native": "127.0.0.1:40123", …}.
std::string address_in(const std::string& ready) {
  const std::string key = "\"native\"";
  const auto begin = ready.find('"', ready.find(key) + key.size());
  const auto end = ready.find('"', begin + 1);
  if (ready.find(key) == std::string::npos || end == std::string::npos)
    throw std::runtime_error("the ready file of reeve-master has no native address: " + ready);
  return ready.substr(begin + 1, end - begin - 1);
}

std::string contents(const std::string& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

void end(pid_t pid) {
  if (pid <= 0) return;
  ::kill(pid, SIGTERM);
  for (int i = 0; i < 300; ++i) {
    if (::waitpid(pid, nullptr, WNOHANG) == pid) return;
    std::this_thread::sleep_for(std::chrono::milliseconds{10});
  }
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
}

}  // namespace

Cluster::Cluster(const Places& places, Mode mode) : programs_(places.programs), dir_(make_dir(places.data)) {
  std::ofstream(dir_ / "authkey") << "a key for the benchmark";
  std::filesystem::permissions(dir_ / "authkey", std::filesystem::perms::owner_read);
  const std::string ready = dir_ / "master.ready";
  master_ = start("reeve-master",
                  {"--listen", "127.0.0.1:0", "--managers-listen", "off", "--data-dir", dir_ / "data",
                   "--authkey-file", dir_ / "authkey", "--ready-file", ready, "--managers-listen", "off",
                   "--log-level", "warn", mode == Mode::ephemeral ? "--ephemeral" : "--no-ephemeral"},
                  ready);
  address_ = address_in(contents(ready));
}

Cluster::~Cluster() {
  for (const pid_t worker : workers_) end(worker);
  end(master_);
  std::error_code ignored;
  std::filesystem::remove_all(dir_, ignored);
}

void Cluster::add_worker(const std::vector<std::string>& args) {
  const std::string ready = dir_ / fmt::format("worker{}.ready", workers_.size());
  std::vector<std::string> all{"--master",     address_, "--authkey-file", dir_ / "authkey",
                               "--ready-file", ready,    "--log-level",    "warn"};
  all.insert(all.end(), args.begin(), args.end());
  workers_.push_back(start("reeve-worker", std::move(all), ready));
}

Client Cluster::connect() const {
  ClientOptions options;
  options.master = address_;
  options.authkey_file = dir_ / "authkey";
  return Client::connect(options);
}

// Returns when the program says that it is ready.
pid_t Cluster::start(const std::string& program, std::vector<std::string> args,
                     const std::string& ready_file) {
  args.insert(args.begin(), programs_ / program);
  std::vector<char*> argv;
  for (std::string& arg : args) argv.push_back(arg.data());
  argv.push_back(nullptr);
  const std::string log = dir_ / (program + ".log");
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a benchmark that is killed leaves nothing behind
    const int file = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    ::dup2(file, STDOUT_FILENO);
    ::dup2(file, STDERR_FILENO);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  const auto until = std::chrono::steady_clock::now() + start_patience;
  while (!std::filesystem::exists(ready_file)) {
    const bool ended = ::waitpid(pid, nullptr, WNOHANG) == pid;
    if (ended || std::chrono::steady_clock::now() > until) {
      if (!ended) end(pid);
      throw std::runtime_error(fmt::format("{} did not start: {}", args.front(), contents(log)));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{2});
  }
  return pid;
}

}  // namespace reeve::bench
