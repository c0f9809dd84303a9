// A child process of a test: its output goes to files, and it never outlives the test program.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace reeve::testing {

inline constexpr std::chrono::seconds patience{60};  // against hanging for ever, not a statement about speed

// Asks again and again until `done` holds; false: it did not within `longest`.
bool eventually(const std::function<bool()>& done, std::chrono::milliseconds longest = patience);

std::string read_file(const std::string& path);
void write_file(const std::string& path, std::string_view bytes);

using Env = std::vector<std::pair<std::string, std::string>>;

// Owner: whoever started it; the destructor kills and reaps it.  Always: reaped once, by its own pid.
class Process {
 public:
  struct Files {
    std::string in = "/dev/null", out = "/dev/null", err = "/dev/null";
  };
  // The child gets `env` on top of an environment without anything of reeve's.
  Process(const std::vector<std::string>& args, const Env& env, const Files& files);
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  ~Process();

  pid_t pid() const { return pid_; }
  bool running();
  void kill(int signal = SIGKILL) const;
  bool catches(int signal) const;  // whether it has a handler for it
  // Its exit code, or 128 + signal; nothing when it still runs after `longest`.
  std::optional<int> wait(std::chrono::milliseconds longest = patience);

 private:
  pid_t pid_ = -1;            // -1: moved from
  std::optional<int> ended_;  // how, once it was reaped
};

}  // namespace reeve::testing
