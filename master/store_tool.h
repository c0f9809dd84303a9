// StoreTool: reeve-master --check-store and --salvage, as a person sees them.
#pragma once

#include <string>

#include "common/base/result.h"

namespace reeve::master {

struct StoreTool {
  std::string data_dir;
  std::string salvage_to;  // empty: check

  // Prints what it finds. The code to exit with: 0, or 1 for a store that is damaged.
  Result<int> run() const;
};

}  // namespace reeve::master
