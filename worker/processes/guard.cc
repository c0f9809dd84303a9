#include "worker/processes/guard.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>

#include <cerrno>
#include <cstring>

#include "worker/processes/own_program.h"

namespace reeve::worker {
namespace {

constexpr int table_descriptor = first_shared_descriptor;
constexpr int lifeline_descriptor = first_shared_descriptor + 1;
constexpr int settle_ms = 50;  // a process that was just being started has entered itself by then

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
  return Guard{std::move(write_end)};
}

int guard_main() {
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) ::signal(signal, SIG_IGN);  // meant for the worker
  const auto table = GroupTable::map(Descriptor{table_descriptor});
  if (!table) return 1;
  char nothing = 0;
  while (::read(lifeline_descriptor, &nothing, 1) < 0 && errno == EINTR) {
  }
  table->kill_all();
  ::poll(nullptr, 0, settle_ms);
  table->kill_all();
  return 0;
}

}  // namespace reeve::worker
