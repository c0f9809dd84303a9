// Spawner: starts programs, each as the leader of a process group of its own, at the price of a vfork.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>

#include "worker/processes/process_group.h"

namespace reeve::worker {

struct Program {
  const char* path = nullptr;  // relative: to cwd
  char* const* argv = nullptr;
  char* const* envp = nullptr;
  const char* cwd = nullptr;  // null: ours
};

struct Streams {
  int in = -1, out = -1, err = -1;
};

// Why a program could not be started.
struct SpawnFailure {
  enum class Step : std::uint8_t { process, directory, program };
  Step step = Step::process;
  int error = 0;  // errno
};
// "cannot run 'foo': No such file or directory", "cannot change to /x: …"
std::string describe(const SpawnFailure& failure, const char* name, const char* cwd);

// The child runs in our memory, on stack_, while the thread that called start() is held, until it has become
// the program: nothing is copied, and it tells us by a plain write what went wrong. What the program finds:
//
//   - every signal with its default action, none blocked
//   - descriptors 0, 1 and 2, and no other
//   - a process group of its own, whose number stands in *entry (see GroupTable) before the child runs
//   - SIGKILL when the thread that started it ends: for the case that the guard is dead as well
//
// Owner: a runner.  Thread: one, which lives at least as long as what it starts.
// Always: stands in the signal actions that the process has when it is made; descriptors 0, 1 and 2 are open.
class Spawner {
 public:
  // `entry` may be null: then nobody else knows what runs. `descriptors`: the limit that the programs get;
  // ours if not given.
  explicit Spawner(std::atomic<pid_t>* entry = nullptr, std::optional<rlimit> descriptors = {});
  Spawner(const Spawner&) = delete;
  Spawner& operator=(const Spawner&) = delete;

  // One program at a time; it does not outlive the Spawner. `streams` are none of 0, 1, 2.
  std::expected<ProcessGroup, SpawnFailure> start(const Program& program, const Streams& streams);

 private:
  static constexpr std::size_t stack_bytes = std::size_t{16} << 10;

  std::atomic<pid_t> own_entry_{0};
  std::atomic<pid_t>* const entry_;
  const std::optional<rlimit> descriptors_;
  std::unique_ptr<std::byte[]> stack_;
  // Those with an action that is not the default one: seldom more than five.
  std::array<std::uint8_t, 64> signals_{};
  std::size_t signal_count_ = 0;
};

}  // namespace reeve::worker
