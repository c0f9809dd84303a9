// Where the commands meet: each file defines its entries, commands.cc puts them in order.
#pragma once

#include "client/cli/command.h"

namespace reeve::cli {

extern const CommandEntry submit_entry;
extern const CommandEntry call_entry;
extern const CommandEntry map_entry;
extern const CommandEntry wait_entry;
extern const CommandEntry result_entry;
extern const CommandEntry ls_entry;
extern const CommandEntry show_entry;
extern const CommandEntry why_entry;
extern const CommandEntry cancel_entry;
extern const CommandEntry retry_entry;
extern const CommandEntry forget_entry;
extern const CommandEntry queue_ls_entry;
extern const CommandEntry queue_create_entry;
extern const CommandEntry queue_show_entry;
extern const CommandEntry queue_put_entry;
extern const CommandEntry queue_get_entry;
extern const CommandEntry queue_peek_entry;
extern const CommandEntry queue_pause_entry;
extern const CommandEntry queue_resume_entry;
extern const CommandEntry queue_purge_entry;
extern const CommandEntry queue_rm_entry;
extern const CommandEntry worker_ls_entry;
extern const CommandEntry worker_show_entry;
extern const CommandEntry worker_drain_entry;
extern const CommandEntry worker_undrain_entry;
extern const CommandEntry status_entry;
extern const CommandEntry admin_backup_entry;
extern const CommandEntry keygen_entry;
extern const CommandEntry completion_entry;

}  // namespace reeve::cli
