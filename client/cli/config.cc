#include "client/cli/config.h"

#include <algorithm>
#include <functional>

#include "client/cli/json_text.h"
#include "client/cli/table.h"
#include "common/app/config_file.h"
#include "common/app/data_dir.h"
#include "common/base/duration.h"

namespace reeve::cli {

namespace {

struct Setting {
  std::string name;
  std::string variable;
  bool by_flag;
  std::string fallback;
  std::function<void(const std::string&)> set;  // throws
  std::function<std::string()> show;
};

std::vector<Setting> settings_of(CommonOptions& options, const Environment& environment) {
  return {
      {"master", "REEVE_MASTER", !options.master.empty(), "127.0.0.1:7733",
       [&options](const std::string& text) { options.master = text; }, [&options] { return options.master; }},
      {"authkey-file", "REEVE_AUTHKEY_FILE", !options.authkey_file.empty(),
       default_data_dir(environment) + "/authkey",
       [&options](const std::string& text) { options.authkey_file = text; },
       [&options] { return options.authkey_file; }},
      {"connect-timeout", "REEVE_CONNECT_TIMEOUT", options.connect_timeout.has_value(),
       format_duration(connect_timeout_default),
       [&options](const std::string& text) { options.connect_timeout = take(parse_duration(text)); },
       [&options] { return format_duration(options.connect_timeout.value_or(connect_timeout_default)); }},
  };
}

std::vector<ConfigEntry> entries_of(const CommonOptions& options, const Environment& environment) {
  const std::string file = options.config.empty() ? environment("REEVE_CONFIG").value_or("") : options.config;
  return file.empty() ? std::vector<ConfigEntry>{} : take(read_config_file(file));
}

void check_names(const std::vector<ConfigEntry>& entries, const std::vector<Setting>& settings) {
  for (const ConfigEntry& entry : entries)
    if (std::ranges::find(settings, entry.name, &Setting::name) == settings.end())
      refuse(Errc::invalid_argument,
             "{}: there is no setting '{}'; there are master, authkey-file and connect-timeout", entry.from,
             entry.name);
}

}  // namespace

std::vector<EffectiveSetting> settle(CommonOptions& options, const Environment& environment) {
  const std::vector<Setting> settings = settings_of(options, environment);
  const std::vector<ConfigEntry> entries = entries_of(options, environment);
  check_names(entries, settings);
  std::vector<EffectiveSetting> effective;
  for (const Setting& setting : settings) {
    const auto entry = std::ranges::find(entries, setting.name, &ConfigEntry::name);
    std::string from = "default";
    if (setting.by_flag) {
      from = "--" + setting.name;
    } else if (const auto text = environment(setting.variable)) {
      setting.set(*text);
      from = setting.variable;
    } else if (setting.name == "authkey-file" && environment("REEVE_AUTHKEY")) {
      from = "REEVE_AUTHKEY";  // the key itself; the library asks for it
    } else if (entry != entries.end()) {
      setting.set(entry->text);
      from = entry->from;
    }
    std::string value = from == "REEVE_AUTHKEY" ? "(a key)"
                        : from == "default"     ? setting.fallback
                                                : setting.show();
    effective.push_back({setting.name, std::move(value), std::move(from)});
  }
  return effective;
}

std::string print_config(const std::vector<EffectiveSetting>& settings, bool json) {
  std::string out;
  if (json) {
    JsonWriter writer(out);
    writer.open_object().key("schema").text("reeve.config/1");
    for (const EffectiveSetting& setting : settings)
      writer.key(setting.name)
          .open_object()
          .key("value")
          .text(setting.value)
          .key("from")
          .text(setting.from)
          .close_object();
    writer.close_object();
    return out + "\n";
  }
  std::size_t name_width = 0, value_width = 0;
  for (const EffectiveSetting& setting : settings) {
    name_width = std::max(name_width, setting.name.size());
    value_width = std::max(value_width, display_width(setting.value));
  }
  for (const auto& [name, value, from] : settings)
    out += fmt::format("{:{}}  {:{}}  {}\n", name, name_width, value, value_width, from);
  return out;
}

}  // namespace reeve::cli
