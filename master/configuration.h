// Configuration: what reeve-master can be told, under the names in which it is told (--help lists them).
//
// Owner: main.
#pragma once

#include <string>

#include "common/app/authkey.h"
#include "common/app/log.h"
#include "common/app/settings.h"
#include "master/app.h"
#include "master/store_tool.h"

namespace reeve::master {

class Configuration {
 public:
  Configuration();
  Configuration(const Configuration&) = delete;  // the table points into the object
  Configuration& operator=(const Configuration&) = delete;

  // Reads what was said; a code to exit with when that was a question or a mistake.
  std::optional<int> take(int argc, const char* const* argv) { return settings_.take(argc, argv); }

  // Something to do with the store instead of running a master; nothing: run one. Error: invalid_argument.
  Result<std::optional<StoreTool>> tool() const;

  // The options that follow from it: addresses are parsed, the authkey is found or made.
  Result<Options> options();
  Result<log::Level> log_level() const { return log::parse_level(log_level_); }

 private:
  void add_places();
  void add_limits();
  void add_managers();
  Result<void> read_places();
  Result<void> read_managers();
  Result<void> take_queue(const ConfigEntry& entry);
  Result<void> take_object(const ConfigEntry& entry);
  Result<void> check_objects() const;
  void add_times();
  Result<void> check() const;

  Options options_;
  std::string listen_ = to_string(Options{}.listen);
  std::string managers_listen_ = to_string(managers::Options{}.listen);
  std::string managers_legacy_md5_ = "auto";
  std::string log_level_ = "info";
  AuthkeySource authkey_;
  std::optional<std::string> check_store_, salvage_;
  Settings settings_;
};

}  // namespace reeve::master
