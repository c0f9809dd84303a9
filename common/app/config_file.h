// A configuration file: `name = value` lines in TOML.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"

namespace reeve {

struct ConfigEntry {
  std::string name;  // with '-' for '_', as flags are written
  std::string text;  // as it would stand behind a flag; the elements of an array are joined with commas
  std::string from;  // "FILE:LINE"
  std::vector<std::string> section = {};   // within [a.b]: {"a", "b"}; then `name` is as it is written
  std::vector<std::string> elements = {};  // of an array
};

// Errors: not_found, unavailable (it cannot be read), invalid_argument (it is no TOML, or has values of a
// kind that no setting has).
Result<std::vector<ConfigEntry>> read_config_file(const std::string& file);

}  // namespace reeve
