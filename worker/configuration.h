// Configuration: how a worker is told its Options: flags, environment, configuration file.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/app/authkey.h"
#include "common/app/log.h"
#include "common/app/settings.h"
#include "common/base/result.h"
#include "worker/options.h"

namespace reeve::worker {

class Configuration {
 public:
  Configuration();
  Configuration(const Configuration&) = delete;  // the table points into the object
  Configuration& operator=(const Configuration&) = delete;

  // Reads everything; prints what was asked for or what is wrong, and says with which code to exit, if at
  // all.
  std::optional<int> take(int argc, const char* const* argv) { return settings_.take(argc, argv); }

  // Errors: invalid_argument, or why there is no authkey.
  Result<Options> options();
  Result<log::Level> log_level() const { return log::parse_level(log_level_); }

 private:
  Result<void> take_program(const ConfigEntry& entry);
  static Result<void> complete_programs(Options& options);
  Result<void> check_pool(Options& options) const;
  Result<void> check_labels(Options& options) const;

  Options options_;
  std::string master_ = "127.0.0.1:7733";
  std::vector<std::string> labels_;
  std::string pool_ = "thread";
  std::string log_level_ = "info";
  AuthkeySource authkey_;
  Settings settings_;
};

}  // namespace reeve::worker
