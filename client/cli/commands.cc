#include "client/cli/commands.h"

#include <vector>

namespace reeve::cli {

std::span<const CommandEntry> commands() {
  static const std::vector<CommandEntry> entries{
      submit_entry,    call_entry,         map_entry,          wait_entry,         result_entry,
      ls_entry,        show_entry,         why_entry,          cancel_entry,       retry_entry,
      forget_entry,    queue_ls_entry,     queue_create_entry, queue_show_entry,   queue_put_entry,
      queue_get_entry, queue_peek_entry,   queue_pause_entry,  queue_resume_entry, queue_purge_entry,
      queue_rm_entry,  worker_ls_entry,    worker_show_entry,  worker_drain_entry, worker_undrain_entry,
      status_entry,    admin_backup_entry, keygen_entry,       completion_entry};
  return entries;
}

}  // namespace reeve::cli
