// Where the master keeps its data unless told otherwise, and where its clients find the authkey.
#pragma once

#include <string>

#include "common/base/environment.h"

namespace reeve {

// $STATE_DIRECTORY (set by systemd), else $XDG_STATE_HOME/reeve, else ~/.local/state/reeve.
std::string default_data_dir(const Environment& environment = process_environment);

}  // namespace reeve
