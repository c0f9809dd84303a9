// Cluster: a real master and real workers on free loopback ports in a directory of their own, for one test.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/integration/process.h"

namespace reeve::testing {

// A directory that is gone when the test is over.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

struct Ran {
  int exit_code = -1;  // 128 + signal when one ended it; -1: it had to be killed, it hung
  std::string out, err;
};

struct ClusterOptions {
  bool ephemeral = false;
  std::vector<std::string> master_args = {};
  std::string data_dir = {};  // empty: in the cluster's own directory
  std::string listen = "127.0.0.1:0";
  // What comes before the words of every program (master, workers, clients), for example to run it in a network
  // of its own.
  std::vector<std::string> prefix = {};
};

// Owner: a test.  Thread: the test's.  Always: what it started is ended by its own pid when it goes away; the
// logs, and what the clients complained of, are printed if the test failed.
class Cluster {
 public:
  explicit Cluster(ClusterOptions options = {});
  ~Cluster();

  // The master, on the port it had before if it ran before. Returns when it is ready.
  void start_master();
  void stop_master(int signal = SIGTERM);  // returns when it is gone
  Process& master() { return *master_; }

  // Returns when the master knows it. `args` are more flags of reeve-worker.
  Process& add_worker(const std::string& name, const std::vector<std::string>& args = {});
  // Starts it and does not wait.
  Process& launch_worker(const std::string& name, const std::vector<std::string>& args = {},
                         const Env& env = {});
  // Programs that are started from now on have this prefix.
  void set_prefix(std::vector<std::string> prefix) { options_.prefix = std::move(prefix); }
  bool worker_is_connected(const std::string& name);
  void stop_worker(const std::string& name, int signal = SIGTERM);
  Process& worker(const std::string& name) { return *workers_.at(name); }

  // `reeve ARGS…` with this master and key, until it ends.
  Ran reeve(const std::vector<std::string>& args, std::string_view input = {}, const Env& env = {});
  // The same, but it may still run.
  Process start_reeve(const std::vector<std::string>& args, const Process::Files& files, const Env& env = {});
  // Any program, in the same surroundings.
  Process start_program(const std::vector<std::string>& words, const Process::Files& files,
                        const Env& env = {});

  const std::string& address() const { return address_; }  // "127.0.0.1:40123"
  const std::string& dir() const { return dir_.path(); }
  std::string data_dir() const { return options_.data_dir.empty() ? dir() + "/data" : options_.data_dir; }
  std::string authkey_file() const { return dir() + "/authkey"; }
  std::string path(std::string_view name) const { return dir() + "/" + std::string(name); }
  std::string master_log() const { return read_file(path("master.log")); }

 private:
  Env env_with(const Env& env) const;

  ClusterOptions options_;
  TempDir dir_;
  std::string address_;
  std::unique_ptr<Process> master_;
  std::map<std::string, std::unique_ptr<Process>> workers_;
  int runs_ = 0;
};

// The built program of this name.
std::string program(std::string_view name);

}  // namespace reeve::testing
