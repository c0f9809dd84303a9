#include "tests/integration/process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <utility>

extern char** environ;  // NOLINT: POSIX has no header for it

namespace reeve::testing {

namespace {

constexpr std::chrono::milliseconds ask_again_after{2};

std::vector<std::string> environment_with(const Env& env) {
  std::vector<std::string> all;
  for (char** each = environ; *each; ++each)
    if (!std::string_view(*each).starts_with("REEVE_")) all.emplace_back(*each);
  for (const auto& [name, value] : env) {
    std::erase_if(all, [&](const std::string& other) { return other.starts_with(name + "="); });
    all.push_back(name + "=" + value);
  }
  return all;
}

std::vector<char*> pointers_to(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (std::string& each : strings) pointers.push_back(each.data());
  pointers.push_back(nullptr);
  return pointers;
}

// In the child: only calls that are allowed between fork and exec.
[[noreturn]] void become(char* const* args, char* const* env, const int (&fds)[3], pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(126);
  for (int i = 0; i < 3; ++i) dup2(fds[i], i);
  execve(args[0], args, env);
  _exit(127);
}

int open_or_throw(const std::string& path, int flags) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC, 0600);
  if (fd < 0) throw std::runtime_error(path + ": " + std::strerror(errno));
  return fd;
}

}  // namespace

bool eventually(const std::function<bool()>& done, std::chrono::milliseconds longest) {
  const auto deadline = std::chrono::steady_clock::now() + longest;
  while (!done()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(ask_again_after);
  }
  return true;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return std::move(bytes).str();
}

void write_file(const std::string& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

Process::Process(const std::vector<std::string>& args, const Env& env, const Files& files) {
  std::vector<std::string> words = args, variables = environment_with(env);
  const std::vector<char*> argv = pointers_to(words), envp = pointers_to(variables);
  const int fds[3] = {open_or_throw(files.in, O_RDONLY),
                      open_or_throw(files.out, O_WRONLY | O_CREAT | O_APPEND),
                      open_or_throw(files.err, O_WRONLY | O_CREAT | O_APPEND)};
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ == 0) become(argv.data(), envp.data(), fds, parent);
  for (const int fd : fds) ::close(fd);
  if (pid_ < 0) throw std::runtime_error("cannot fork");
}

Process::Process(Process&& other) noexcept : pid_(std::exchange(other.pid_, -1)), ended_(other.ended_) {}

Process& Process::operator=(Process&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(ended_, other.ended_);
  return *this;
}

Process::~Process() {
  if (pid_ < 0 || !running()) return;
  kill(SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

bool Process::running() {
  if (ended_) return false;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return true;
  ended_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return false;
}

void Process::kill(int signal) const {
  if (pid_ > 0 && !ended_) ::kill(pid_, signal);
}

bool Process::catches(int signal) const {
  const std::string status = read_file("/proc/" + std::to_string(pid_) + "/status");
  constexpr std::string_view key = "SigCgt:";
  const auto at = status.find(key);
  return at != status.npos &&
         (std::stoull(status.substr(at + key.size()), nullptr, 16) >> (signal - 1) & 1) != 0;
}

std::optional<int> Process::wait(std::chrono::milliseconds longest) {
  if (!eventually([this] { return !running(); }, longest)) return std::nullopt;
  return ended_;
}

}  // namespace reeve::testing
