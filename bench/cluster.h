// Cluster: a real master and real workers on loopback, in a directory of their own.
//
// Owner: a workload.  Thread: one.  Always: what it started has ended when it is gone, and so has the
// directory.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

#include "reeve/client.h"

namespace reeve::bench {

struct Places {
  std::filesystem::path programs;  // where reeve-master and reeve-worker are
  std::filesystem::path data;      // where directories may be made: on the disk that is to be measured
};

class Cluster {
 public:
  enum class Mode { durable, ephemeral };
  Cluster(const Places& places, Mode mode);  // a master and no worker yet; throws std::runtime_error
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  void add_worker(const std::vector<std::string>& args);
  Client connect() const;
  pid_t master() const { return master_; }
  pid_t worker() const { return workers_.front(); }
  const std::filesystem::path& directory() const { return dir_; }

 private:
  pid_t start(const std::string& program, std::vector<std::string> args, const std::string& ready_file);

  std::filesystem::path programs_;
  std::filesystem::path dir_;
  std::string address_;
  pid_t master_ = 0;
  std::vector<pid_t> workers_;
};

}  // namespace reeve::bench
