// StoreTool: reeve-master --check-store and --salvage, as a person sees them.
#pragma once

#include <optional>
#include <string>

#include "common/base/result.h"

namespace reeve::master {

struct StoreTool {
  std::string data_dir;
  std::optional<std::string> salvage_to;  // nothing: check

  // Prints what it finds. The code to exit with: 0, or 1 for a store that is damaged.
  Result<int> run() const;
};

}  // namespace reeve::master
