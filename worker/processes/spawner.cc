#include "worker/processes/spawner.h"

#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

namespace reeve::worker {
namespace {

constexpr std::size_t stack_bytes = 64u << 10;
constexpr std::size_t stack_alignment = 16;
constexpr int exit_code_not_run = 127;

// The new process shares the worker's memory and only its: nothing here may allocate, lock or be
// instrumented.
#define IN_CHILD __attribute__((no_sanitize("address", "thread", "undefined")))

// Signals are blocked in the threads that spawn, so that no handler of the worker runs in the new process.
IN_CHILD void restore_signals() {
  struct sigaction by_default{};
  by_default.sa_handler = SIG_DFL;
  for (const int signal : {SIGPIPE, SIGTERM, SIGINT, SIGHUP, SIGUSR1})
    ::sigaction(signal, &by_default, nullptr);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

}  // namespace

struct Spawner::Child {
  const Plan& plan;
  Failure failure{Stage::start, 0};

  IN_CHILD int give_up(Stage stage) {
    failure = {stage, errno};
    ::_exit(exit_code_not_run);
  }
};

Spawner::Spawner() : stack_(std::make_unique<std::byte[]>(stack_bytes)) {}

IN_CHILD int Spawner::in_child(void* arg) {
  Child& child = *static_cast<Child*>(arg);
  const Plan& plan = child.plan;
  if (::setpgid(0, 0) != 0) return child.give_up(Stage::start);
  if (plan.group != nullptr) plan.group->store(::getpid(), std::memory_order_relaxed);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::dup2(plan.in, STDIN_FILENO) < 0 || ::dup2(plan.out, STDOUT_FILENO) < 0 ||
      ::dup2(plan.err, STDERR_FILENO) < 0)
    return child.give_up(Stage::start);
  ::close_range(STDERR_FILENO + 1, ~0u, 0);  // not every library marks what it opens
  if (plan.cwd != nullptr && ::chdir(plan.cwd) != 0) return child.give_up(Stage::change_directory);
  restore_signals();
  ::execve(plan.path, plan.argv, plan.envp);
  return child.give_up(Stage::execute);
}

std::expected<Spawner::Process, Spawner::Failure> Spawner::spawn(const Plan& plan) {
  Child child{.plan = plan};
  auto top = reinterpret_cast<std::uintptr_t>(stack_.get() + stack_bytes);
  top -= top % stack_alignment;
  int pidfd = -1;
  const pid_t pid = ::clone(&in_child, reinterpret_cast<void*>(top),
                            CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, &child, &pidfd);
  if (pid < 0) return std::unexpected(Failure{Stage::start, errno});
  if (child.failure.error == 0) return Process{pid, pidfd};
  ::close(pidfd);
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (plan.group != nullptr) plan.group->store(0, std::memory_order_relaxed);
  return std::unexpected(child.failure);
}

}  // namespace reeve::worker
