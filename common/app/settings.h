// Settings: what a daemon can be told. One table per program; a setting named `lease-time` is the flag
// --lease-time, the variable REEVE_LEASE_TIME and the line `lease-time = …` (or lease_time) of the file that
// --config names. Stronger sources win: default < file < environment < flag. The values are variables of the
// program, and what they hold when they are added is their default.
//
// Owner: main.  Thread: any one.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/app/config_file.h"
#include "common/app/setting_value.h"
#include "common/base/byte_size.h"
#include "common/base/environment.h"
#include "common/base/result.h"

namespace reeve {

inline constexpr int exit_code_usage = 4;

class Settings {
 public:
  Settings(std::string program, std::string about) : program_(std::move(program)), about_(std::move(about)) {}

  // `value` must outlive the Settings. Types: bool, integers, durations, texts, lists of texts (see
  // setting_value.h).
  template <typename T>
  void add(std::string name, T& value, std::string help, std::string_view placeholder = {}) {
    Setting setting{.name = std::move(name),
                    .help = std::move(help),
                    .placeholder = std::string{placeholder.empty() ? placeholder_for(value) : placeholder},
                    .is_bool = std::same_as<T, bool>,
                    .is_list = std::same_as<T, std::vector<std::string>>,
                    .read = [&value](std::string_view text) { return read_value(text, value); },
                    .show = [&value] { return show_value(value); }};
    add(std::move(setting));
  }
  template <std::unsigned_integral T>
  void add_bytes(std::string name, T& value, std::string help) {
    add({.name = std::move(name),
         .help = std::move(help),
         .placeholder = "SIZE",
         .read = [&value](std::string_view text) { return read_byte_size(text, value); },
         .show = [&value] { return format_byte_size(value); }});
  }
  // Only from the environment, and never shown: flags and files are seen by others.
  void add_secret(std::string name, std::string& value);

  // Something to do instead of running, --NAME or --NAME PLACEHOLDER: only on the command line, where it stands for one
  // run. `asked` holds what follows it, when it was asked for.
  void add_action(std::string name, std::string placeholder, std::string help,
                  std::optional<std::string>& asked) {
    actions_.push_back({std::move(name), std::move(placeholder), std::move(help), &asked});
  }

  // What stands in [name…] sections of the file, entry by entry. Only there: it has no flag and no variable.
  void add_section(std::string name, std::function<Result<void>(const ConfigEntry&)> take) {
    sections_.emplace_back(std::move(name), std::move(take));
  }

  enum class Asked { run, help, version, print_config, print_config_json };
  // Error: invalid_argument, naming the flag, variable or line that is wrong.
  Result<Asked> load(int argc, const char* const* argv, const Environment& environment = process_environment);

  // For main: loads, prints what was asked for or what is wrong, and says with which code to exit, if at all.
  std::optional<int> take(int argc, const char* const* argv);

  // Whether somebody said it: file, environment or flag.
  bool given(std::string_view name) const;

  std::string help() const;
  std::string table() const;  // each effective value and where it comes from
  std::string json() const;   // the same: {"lease-time": {"value": "30s", "from": "default"}, …}

 private:
  struct Setting {
    std::string name;
    std::string help;
    std::string placeholder;
    bool is_bool = false;
    bool is_list = false;
    bool is_secret = false;
    std::function<Result<void>(std::string_view)> read;
    std::function<std::string()> show;
    std::string default_text = {};
    std::string from = "default";

    std::string flag() const { return "--" + name; }
    std::string variable() const;
    std::string shown() const;
  };
  struct Action {
    std::string name, placeholder, help;
    std::optional<std::string>* asked;

    std::string flag() const { return "--" + name; }
  };
  struct CommandLine;

  template <typename T>
  static Result<void> read_byte_size(std::string_view text, T& value) {
    const auto bytes = parse_byte_size(text);
    if (!bytes) return fail(bytes.error());
    value = static_cast<T>(*bytes);
    if (value != *bytes) return fail(Errc::invalid_argument, "'{}' is too large", text);
    return {};
  }

  void add(Setting setting);
  Result<void> set(Setting& setting, std::string_view text, std::string from);
  Result<void> load_file(const std::string& file);
  Result<void> load_section(const ConfigEntry& entry);
  std::string nearest(std::string_view name) const;  // "": nothing is near

  std::string program_;
  std::string about_;
  std::vector<Setting> settings_;
  std::vector<Action> actions_;
  std::vector<std::pair<std::string, std::function<Result<void>(const ConfigEntry&)>>> sections_;
};

}  // namespace reeve
