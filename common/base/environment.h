// Environment: where environment variables are looked up. Programs pass process_environment, tests a table.
#pragma once

#include <cstdlib>
#include <functional>
#include <optional>
#include <string>

namespace reeve {

// Nothing: not set. A variable that is set to nothing counts as not set.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

inline std::optional<std::string> process_environment(const std::string& name) {
  const char* const value = std::getenv(name.c_str());
  return value != nullptr && *value != '\0' ? std::optional<std::string>{value} : std::nullopt;
}

}  // namespace reeve
