#include "worker/processes/guard.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "worker/processes/own_program.h"

namespace reeve::worker {
namespace {

constexpr int table_descriptor = first_shared_descriptor;
constexpr int lifeline_descriptor = first_shared_descriptor + 1;
constexpr Duration look_again = std::chrono::seconds{1};

// The end is moved on without a word: it is looked at again when it should have come.
Duration time_to_look(const GroupTable& table, TimePoint enforced) {
  const TimePoint end = table.end();
  if (end == GroupTable::never || end == enforced) return look_again;
  return std::max<Duration>(end - mono_now(), Duration::zero());
}

bool worker_ends_within(Duration time) {
  pollfd lifeline{.fd = lifeline_descriptor, .events = POLLIN, .revents = 0};
  const auto wait =
      std::chrono::ceil<std::chrono::milliseconds>(std::min<Duration>(time, std::chrono::hours{1}));
  return ::poll(&lifeline, 1, static_cast<int>(wait.count())) > 0;
}

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
  Descriptor pidfd{static_cast<int>(::syscall(SYS_pidfd_open, *started, 0))};
  return Guard{std::move(write_end), std::move(pidfd), *started};
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
  TimePoint enforced = GroupTable::never;
  while (!worker_ends_within(time_to_look(*table, enforced))) {
    const TimePoint end = table->end();
    if (end == GroupTable::never || end == enforced || mono_now() < end) continue;
    enforced = end;
    if (const std::size_t killed = table->kill_all())
      std::fprintf(stderr,
                   "reeve-worker: it stands still beyond its lease; killed what it ran: %zu process groups\n",
                   killed);
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
