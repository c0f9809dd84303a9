#include "worker/processes/process_group.h"

#include <fmt/format.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "common/base/assert.h"

namespace reeve::worker {

std::string describe(ExitStatus status) {
  if (status.signal == 0) return fmt::format("exited with code {}", status.code);
  const char* const name = ::sigabbrev_np(status.signal);
  return name != nullptr ? fmt::format("killed by SIG{}", name)
                         : fmt::format("killed by signal {}", status.signal);
}

ExitStatus ProcessGroup::end() {
  signal(SIGKILL);
  // While the number is still ours: after the wait it may soon be somebody else's.
  entry_->store(0, std::memory_order_release);
  int status = 0;
  pid_t waited = 0;
  do {
    waited = ::waitpid(leader_, &status, 0);
  } while (waited < 0 && errno == EINTR);
  ASSERT(waited == leader_, "waitpid: {}", std::strerror(errno));
  leader_ = 0;
  pidfd_.reset();
  if (WIFSIGNALED(status)) return {.code = 0, .signal = WTERMSIG(status)};
  return {.code = WEXITSTATUS(status), .signal = 0};
}

}  // namespace reeve::worker
