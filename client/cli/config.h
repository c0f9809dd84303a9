// Where the settings of every command come from: flag, else environment, else the file that --config names,
// else the default.
#pragma once

#include <string>
#include <vector>

#include "client/cli/command.h"
#include "common/base/environment.h"

namespace reeve::cli {

struct EffectiveSetting {
  std::string name;
  std::string value;
  std::string from;  // "--master", "REEVE_MASTER", "reeve.toml:3", "default"
};

// Fills in what no flag gave, and says where each setting comes from. Throws: a malformed file or variable.
std::vector<EffectiveSetting> settle(CommonOptions& options,
                                     const Environment& environment = process_environment);

// What --print-config prints.
std::string print_config(const std::vector<EffectiveSetting>& settings, bool json);

}  // namespace reeve::cli
