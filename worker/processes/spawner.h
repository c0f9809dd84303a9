// Spawner: starts programs fast: as vfork does, with the memory of the worker shared until the program is
// loaded, so that the cost does not grow with the worker. The new process is the leader of a process group of
// its own.
//
// Owner: a runner.  Thread: one; it stands still until the program is loaded or could not be.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <expected>
#include <memory>

namespace reeve::worker {

class Spawner {
 public:
  struct Plan {
    const char* path;
    char* const* argv;
    char* const* envp;
    const char* cwd;  // null: the worker's
    int in, out, err;
    std::atomic<pid_t>* group = nullptr;  // set by the new process to its id, before it runs the program
  };
  struct Process {
    pid_t pid;
    int pidfd;
  };
  enum class Stage { start, change_directory, execute };
  struct Failure {
    Stage stage;
    int error;  // as errno
  };

  Spawner();
  std::expected<Process, Failure> spawn(const Plan& plan);

 private:
  struct Child;
  static int in_child(void* child);

  std::unique_ptr<std::byte[]> stack_;  // of the new process, until the program is loaded
};

}  // namespace reeve::worker
