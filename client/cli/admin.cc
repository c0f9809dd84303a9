// reeve admin backup.
#include <fmt/chrono.h>

#include <random>
#include <thread>

#include "client/cli/commands.h"
#include "client/cli/interrupt.h"
#include "client/cli/progress.h"
#include "client/cli/schema.h"
#include "client/cli/text.h"

namespace reeve::cli {

namespace {

std::uint64_t random_number() {
  std::random_device random;
  return (static_cast<std::uint64_t>(random()) << 32 | random()) | 1;  // never 0
}

class AdminBackup final : public Command {
 public:
  void declare(Options& options) override {
    options.argument(
        "FILE", file_,
        "its name in the master's directory for backups (--backup-dir of reeve-master); without it: "
        "reeve-TIME.db",
        false);
  }

  Exit run(Context& context) override {
    const std::uint64_t number = random_number();
    if (file_.empty()) file_ = fmt::format("reeve-{:%Y%m%dT%H%M%SZ}.db", fmt::gmtime(std::time(nullptr)));
    const InterruptWatch interrupt;
    TimePoint told = mono_now();
    for (Duration pause = shortest_pause;; pause = std::min(2 * pause, longest_pause)) {
      const BackupInfo backup = context.client().backup(number, file_);
      if (backup.finished) return tell(context, backup);
      if (interrupt.interrupted()) {
        context.complain(fmt::format("interrupted; the master finishes {}", backup.file));
        return Exit::interrupted;
      }
      if (mono_now() - told > told_every) {
        told = mono_now();
        context.note(fmt::format("{} of {}", bytes_of(backup.bytes_done), bytes_of(backup.bytes_total)));
      }
      std::this_thread::sleep_for(pause);
    }
  }

 private:
  static constexpr Duration shortest_pause = std::chrono::milliseconds{10};
  static constexpr Duration longest_pause = std::chrono::milliseconds{200};
  static constexpr Duration told_every = std::chrono::seconds{2};

  static Exit tell(Context& context, const BackupInfo& backup) {
    if (context.json())
      context.out().line(json_backup(backup));
    else if (context.quiet())
      context.out().line(one_line(backup.file));
    else
      context.out().line(one_line(fmt::format("{}: {}, as of {}", backup.file, bytes_of(backup.bytes_total),
                                              local_time(backup.taken))));
    return Exit::ok;
  }

  std::string file_;
};

}  // namespace

const CommandEntry admin_backup_entry{
    "admin backup", "Copy the master's store, as it is now, while it runs",
    "The copy is written on the master's machine, into its directory for backups, mode 0600; no file is "
    "replaced. "
    "Everything that was acknowledged before is in it. To restore it, put it into an empty data directory as "
    "reeve.db and start reeve-master there; docs/OPERATIONS.md says what that means for clients and workers.",
    make_command<AdminBackup>};

}  // namespace reeve::cli
