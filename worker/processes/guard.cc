#include "worker/processes/guard.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "worker/processes/own_program.h"

namespace reeve::worker {
namespace {

constexpr int table_descriptor = first_shared_descriptor;
constexpr int lifeline_descriptor = first_shared_descriptor + 1;

}  // namespace

Result<Guard> Guard::start(const GroupTable& table) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return fail(Errc::unavailable, "cannot make a pipe: {}", std::strerror(errno));
  const Descriptor read_end{ends[0]};
  Descriptor write_end{ends[1]};
  const auto started =
      start_own_program({guard_argument}, {table.fd(), read_end.get()}, HelperGroup::session);
  if (!started) return fail(started.error());
  return Guard{std::move(write_end), *started};
}

Guard::~Guard() {
  if (!lifeline_) return;  // moved from
  lifeline_.reset();
  while (::waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

int guard_main() {
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) ::signal(signal, SIG_IGN);  // meant for the worker
  const auto table = GroupTable::map(Descriptor{table_descriptor});
  if (!table) return 1;
  char nothing = 0;
  while (::read(lifeline_descriptor, &nothing, 1) < 0 && errno == EINTR) {
  }
  // A pool child may start another program before its own turn comes.
  std::size_t killed = 0;
  while (const std::size_t now = table->kill_all()) killed += now;
  if (killed > 0)
    std::fprintf(stderr, "reeve-worker: the worker is gone; killed what it ran: %zu process groups\n",
                 killed);
  return 0;
}

}  // namespace reeve::worker
