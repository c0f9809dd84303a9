#include "common/app/settings.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cctype>
#include <cstdio>
#include <memory>
#include <numeric>

#include "common/app/config_file.h"
#include "common/base/assert.h"

namespace reeve {
namespace {

constexpr std::size_t nearness_max = 3;  // edits, for a name to be taken for a misspelt one

// How many letters must be changed, put in or taken out to make one of the other.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({changed, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

std::string variable_for(std::string_view name) {
  std::string variable = "REEVE_";
  for (const unsigned char letter : name)
    variable += letter == '-' ? '_' : static_cast<char>(std::toupper(letter));
  return variable;
}

}  // namespace

// The flags, for CLI11. It only collects texts: what they mean, and which source wins, is ours.
struct Settings::CommandLine {
  explicit CommandLine(const Settings& settings) {
    app.set_help_flag();  // ours: CLI11 would throw
    app.allow_extras();   // ours: to name the nearest flag
    for (const auto* name : {"-h,--help", "--version", "--print-config", "--json"}) flag(name);
    option("--config");
    for (const Action& action : settings.actions_)
      if (action.placeholder.empty())
        flag(action.flag());
      else
        option(action.flag())->allow_extra_args(false);
    for (const Setting& setting : settings.settings_) {
      if (setting.is_secret) continue;
      if (setting.is_bool) {
        flag(setting.flag() + ",!--no-" + setting.name);
        continue;
      }
      auto* const added = option(setting.flag());
      if (setting.is_list)
        added->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
            ->expected(1, CLI::detail::expected_max_vector_size);
      added->allow_extra_args(false);
    }
  }

  CLI::Option* option(const std::string& name) {
    return app.add_option(name, CLI::callback_t{})->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  }
  void flag(const std::string& name) {
    app.add_flag(name)->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  }
  // The text behind a flag; nothing when it was not given.
  std::optional<std::string> given(const std::string& flag_name) const {
    const auto* const option = app.get_option(flag_name);
    if (option->count() == 0) return std::nullopt;
    std::string text;
    for (const auto& result : option->reduced_results()) text += (text.empty() ? "" : ",") + result;
    return text;
  }
  bool has(const std::string& flag_name) const { return given(flag_name) == "true"; }

  CLI::App app;
};

std::string Settings::Setting::variable() const { return variable_for(name); }

std::string Settings::Setting::shown() const {
  if (!is_secret) return show();
  return show().empty() ? "" : "(set)";
}

void Settings::add(Setting setting) {
  setting.default_text = setting.shown();
  settings_.push_back(std::move(setting));
}

void Settings::add_secret(std::string name, std::string& value) {
  add({.name = std::move(name),
       .help = {},
       .placeholder = {},
       .is_secret = true,
       .read = [&value](std::string_view text) { return read_value(text, value); },
       .show = [&value] { return value; }});
}

Result<Settings::Asked> Settings::load(int argc, const char* const* argv, const Environment& environment) {
  CommandLine line{*this};
  try {
    line.app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return fail(Errc::invalid_argument, "{}", error.what());
  }
  if (line.has("--help")) return Asked::help;
  if (line.has("--version")) return Asked::version;
  for (const auto& argument : line.app.remaining()) {
    const std::string unknown = argument.substr(0, argument.find('='));
    const std::string near = unknown.starts_with("--") ? nearest(unknown.substr(2)) : "";
    if (near.empty()) return fail(Errc::invalid_argument, "'{}' is not expected here", unknown);
    return fail(Errc::invalid_argument, "there is no option '{}': did you mean --{}?", unknown, near);
  }

  for (const Action& action : actions_) *action.asked = line.given(action.flag());
  auto file = line.given("--config");
  if (!file) file = environment("REEVE_CONFIG");
  if (file) {
    const auto loaded = load_file(*file);
    if (!loaded) return fail(loaded.error());
  }
  for (Setting& setting : settings_) {
    if (const auto text = environment(setting.variable())) {
      const auto done = set(setting, *text, setting.variable());
      if (!done) return fail(done.error());
    }
    if (setting.is_secret) continue;
    if (const auto text = line.given(setting.flag())) {
      const auto done = set(setting, *text, setting.flag());
      if (!done) return fail(done.error());
    }
  }
  if (!line.has("--print-config")) return Asked::run;
  return line.has("--json") ? Asked::print_config_json : Asked::print_config;
}

Result<void> Settings::load_file(const std::string& file) {
  const auto entries = read_config_file(file);
  if (!entries) return fail(entries.error());
  for (const ConfigEntry& entry : *entries) {
    if (!entry.section.empty()) {
      if (auto taken = load_section(entry); !taken) return taken;
      continue;
    }
    const auto found = std::ranges::find(settings_, entry.name, &Setting::name);
    if (found == settings_.end()) {
      const std::string near = nearest(entry.name);
      return fail(Errc::invalid_argument, "{}: there is no setting '{}'{}", entry.from, entry.name,
                  near.empty() ? "" : fmt::format(": did you mean '{}'?", near));
    }
    if (found->is_secret)
      return fail(Errc::invalid_argument, "{}: '{}' is a secret and has no place in this file: use {}",
                  entry.from, entry.name, found->variable());
    const auto done = set(*found, entry.text, entry.from);
    if (!done) return done;
  }
  return {};
}

Result<void> Settings::load_section(const ConfigEntry& entry) {
  for (const auto& [name, take] : sections_) {
    if (name != entry.section.front()) continue;
    const auto taken = take(entry);
    return taken ? taken
                 : fail(Errc::invalid_argument, "{}: {}: {}", entry.from, entry.name, taken.error().detail);
  }
  std::string known;
  for (const auto& [name, take] : sections_)
    known += fmt::format("{}[{}.NAME]", known.empty() ? "; there are only " : " and ", name);
  return fail(Errc::invalid_argument, "{}: {}: settings stand at the top, not in a [section]{}", entry.from,
              entry.name, known);
}

Result<void> Settings::set(Setting& setting, std::string_view text, std::string from) {
  const auto read = setting.read(text);
  if (!read)
    return fail(read.error().code, "{}: {}{}", from, from.contains(':') ? setting.name + ": " : "",
                read.error().detail);
  setting.from = std::move(from);
  return {};
}

std::string Settings::nearest(std::string_view name) const {
  std::string best;
  std::size_t best_distance = nearness_max + 1;
  for (const Setting& setting : settings_) {
    const std::size_t distance = edit_distance(name, setting.name);
    if (!setting.is_secret && distance < best_distance) best = setting.name, best_distance = distance;
  }
  for (const Action& action : actions_)
    if (const std::size_t distance = edit_distance(name, action.name); distance < best_distance)
      best = action.name, best_distance = distance;
  return best;
}

std::optional<int> Settings::take(int argc, const char* const* argv) {
  const auto asked = load(argc, argv);
  if (!asked) {
    fmt::print(stderr, "{}: {}\nTry '{} --help'.\n", program_, asked.error().detail, program_);
    return exit_code_usage;
  }
  switch (*asked) {
    case Asked::run:
      return std::nullopt;
    case Asked::help:
      fmt::print("{}", help());
      break;
    case Asked::version:
      fmt::print("{} {}\n", program_, REEVE_VERSION);
      break;
    case Asked::print_config:
      fmt::print("{}", table());
      break;
    case Asked::print_config_json:
      fmt::print("{}\n", json());
      break;
  }
  return 0;
}

bool Settings::given(std::string_view name) const {
  const auto setting = std::ranges::find(settings_, name, &Setting::name);
  ASSERT(setting != settings_.end(), "there is no setting {}", name);
  return setting->from != "default";
}

std::string Settings::help() const {
  std::vector<std::pair<std::string, std::string>> rows{
      {"-h, --help", "Print this help and exit"},
      {"--version", "Print the version and exit"},
      {"--print-config", "Print each setting, its value and where it comes from, and exit"},
      {"--json", "With --print-config: as JSON"},
      {"--config FILE", "A TOML file with settings, one `name = value` on a line (REEVE_CONFIG)"}};
  for (const Setting& setting : settings_) {
    if (setting.is_secret) continue;
    const std::string flag = setting.is_bool ? fmt::format("--[no-]{}", setting.name)
                                             : fmt::format("--{} {}", setting.name, setting.placeholder);
    const std::string fallback =
        setting.default_text.empty() ? "" : fmt::format("default: {}; ", setting.default_text);
    rows.emplace_back(flag, fmt::format("{} ({}{})", setting.help, fallback, setting.variable()));
  }
  for (const Action& action : actions_)
    rows.emplace_back(action.placeholder.empty() ? action.flag() : action.flag() + " " + action.placeholder,
                      action.help);
  std::size_t width = 0;
  for (const auto& [flag, text] : rows) width = std::max(width, flag.size());
  std::string out = fmt::format("{}\n\nUsage: {} [options]\n\nOptions:\n", about_, program_);
  for (const auto& [flag, text] : rows) out += fmt::format("  {:{}}  {}\n", flag, width, text);
  return out;
}

std::string Settings::table() const {
  std::size_t name_width = 0, value_width = 0;
  for (const Setting& setting : settings_) {
    name_width = std::max(name_width, setting.name.size());
    value_width = std::max(value_width, setting.shown().size());
  }
  std::string out;
  for (const Setting& setting : settings_)
    out += fmt::format("{:{}}  {:{}}  {}\n", setting.name, name_width, setting.shown(), value_width,
                       setting.from);
  return out;
}

std::string Settings::json() const {
  boost::json::object out{{"schema", "reeve.config/1"}};
  for (const Setting& setting : settings_)
    out[setting.name] = boost::json::object{{"value", setting.shown()}, {"from", setting.from}};
  return boost::json::serialize(out);
}

}  // namespace reeve
