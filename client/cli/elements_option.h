// The options that name the elements of an array, for submit and map.
#pragma once

#include <memory>
#include <string>

#include "client/cli/elements.h"
#include "client/cli/options.h"
#include "common/base/task.h"

namespace reeve::cli {

struct ElementsOption {
  std::string range, lines, json;

  void declare(Options& options);
  bool given() const { return !range.empty() || !lines.empty() || !json.empty(); }
  // Pre: given(). Throws: more than one of them, a malformed range, a file that cannot be read.
  std::unique_ptr<Elements> open() const;
};

}  // namespace reeve::cli
