#include "worker/processes/spawner.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cerrno>
#include <climits>
#include <cstring>
#include <span>

#include "common/base/assert.h"

// clone() under the name that the thread sanitizer does not replace: what it puts in its place would let the
// child loose on the parent's locks.
extern "C" int __clone(int (*run)(void*), void* stack, int flags, void* argument,  // NOLINT(*reserved*)
                       ...) noexcept;

// For code that runs on another stack and in another process, but in our memory.
#ifdef __clang__
#define REEVE_NOT_INSTRUMENTED __attribute__((disable_sanitizer_instrumentation))
#else
#define REEVE_NOT_INSTRUMENTED __attribute__((no_sanitize("address", "undefined", "thread")))
#endif

namespace reeve::worker {
namespace {

static_assert(sizeof(std::atomic<pid_t>) == sizeof(pid_t), "the kernel writes it");

struct Launch {
  const Program& program;
  const Streams& streams;
  std::span<const std::uint8_t> signals;
  const rlimit* descriptors;
  SpawnFailure failure{};
};

// The child. Nothing but system calls: the C library's state is the parent's.
REEVE_NOT_INSTRUMENTED int launch(void* argument) {
  Launch& launch = *static_cast<Launch*>(argument);
  const unsigned long no_signals = 0;
  const unsigned long default_action[4] = {};  // the kernel's struct sigaction

  ::syscall(SYS_setpgid, 0, 0);
  ::syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  ::syscall(SYS_dup3, launch.streams.in, STDIN_FILENO, 0);
  ::syscall(SYS_dup3, launch.streams.out, STDOUT_FILENO, 0);
  ::syscall(SYS_dup3, launch.streams.err, STDERR_FILENO, 0);
  // Not left to execve, which takes longer to get there: among them are the pipes of other slots, whose programs may
  // have ended, and who wait until nobody else can write there.
  ::syscall(SYS_close_range, 3, UINT_MAX, 0);
  if (launch.descriptors != nullptr) ::syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, launch.descriptors, nullptr);
  for (const std::uint8_t* i = launch.signals.data(); i != launch.signals.data() + launch.signals.size(); ++i)
    ::syscall(SYS_rt_sigaction, *i, default_action, nullptr, sizeof no_signals);
  ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &no_signals, nullptr, sizeof no_signals);

  launch.failure.step = SpawnFailure::Step::directory;
  if (launch.program.cwd == nullptr || ::syscall(SYS_chdir, launch.program.cwd) == 0) {
    launch.failure.step = SpawnFailure::Step::program;
    ::syscall(SYS_execve, launch.program.path, launch.program.argv, launch.program.envp);
  }
  launch.failure.error = errno;
  ::syscall(SYS_exit_group, 127);
  __builtin_unreachable();
}

// Where a daemon was started without them, the next pipes would get these numbers.
void open_standard_descriptors() {
  for (int fd = 0; fd <= 2; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    const int got = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    ASSERT(got >= 0, "/dev/null: {}", std::strerror(errno));
    if (got != fd) ::close(got);  // another thread was faster
  }
}

}  // namespace

std::string describe(const SpawnFailure& failure, const char* name, const char* cwd) {
  const char* const reason = std::strerror(failure.error);
  if (failure.step == SpawnFailure::Step::directory)
    return fmt::format("cannot change to {}: {}", cwd, reason);
  return fmt::format("cannot run '{}': {}", name, reason);
}

Spawner::Spawner(std::atomic<pid_t>* entry, std::optional<rlimit> descriptors)
    : entry_(entry != nullptr ? entry : &own_entry_),
      descriptors_(descriptors),
      stack_(std::make_unique_for_overwrite<std::byte[]>(stack_bytes)) {
  open_standard_descriptors();
  for (int number = 1; number <= 64; ++number) {
    struct sigaction action{};
    if (::sigaction(number, nullptr, &action) != 0) continue;  // the C library's own
    const bool is_default = (action.sa_flags & SA_SIGINFO) == 0 && action.sa_handler == SIG_DFL;
    if (!is_default) signals_[signal_count_++] = static_cast<std::uint8_t>(number);
    // Ignored by whoever started us: then the system would throw exit codes away.
    if (number == SIGCHLD && action.sa_handler == SIG_IGN) ::signal(SIGCHLD, SIG_DFL);
  }
}

std::expected<ProcessGroup, SpawnFailure> Spawner::start(const Program& program, const Streams& streams) {
  Launch launching{.program = program,
                   .streams = streams,
                   .signals = {signals_.data(), signal_count_},
                   .descriptors = descriptors_ ? &*descriptors_ : nullptr};
  // A handler of ours that ran in the child would run in our memory. SIGCHLD has none, and the kernel throws it away
  // only where it is not blocked: the program may end before we go on, and would wake another thread.
  sigset_t all, before;
  sigfillset(&all);
  sigdelset(&all, SIGCHLD);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int pidfd = -1;
  const auto top = reinterpret_cast<std::uintptr_t>(stack_.get() + stack_bytes) & ~std::uintptr_t{15};
  const pid_t pid = __clone(&launch, reinterpret_cast<void*>(top),
                            CLONE_VM | CLONE_VFORK | CLONE_PIDFD | CLONE_CHILD_SETTID | SIGCHLD, &launching,
                            &pidfd, nullptr, reinterpret_cast<pid_t*>(entry_));
  const int error = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) return std::unexpected(SpawnFailure{SpawnFailure::Step::process, error});

  ProcessGroup group{pid, Descriptor{pidfd}, *entry_};
  if (launching.failure.error == 0) return group;
  group.end();
  return std::unexpected(launching.failure);
}

}  // namespace reeve::worker
