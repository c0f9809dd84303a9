#include "common/app/config_file.h"

#include <toml++/toml.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

namespace reeve {
namespace {

Result<std::string> text_of(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return fmt::format("{}", number->get());
  if (const auto* number = node.as_floating_point()) return fmt::format("{}", number->get());
  if (const auto* truth = node.as_boolean()) return std::string{truth->get() ? "true" : "false"};
  const auto* elements = node.as_array();
  if (elements == nullptr)
    return fail(Errc::invalid_argument, "a text, a number, true, false or an array is expected");
  std::string joined;
  for (const auto& element : *elements) {
    if (element.is_array()) return fail(Errc::invalid_argument, "an array within an array");
    const auto text = text_of(element);
    if (!text) return text;
    if (!joined.empty()) joined += ',';
    joined += *text;
  }
  return joined;
}

Result<toml::table> parse(const std::string& file) {
  std::ifstream in{file};
  std::ostringstream text;
  if (in) text << in.rdbuf();
  if (!in) {
    const int error = errno;
    return fail(error == ENOENT ? Errc::not_found : Errc::unavailable,
                "cannot read the configuration file {}: {}", file, std::strerror(error));
  }
  try {
    return toml::parse(text.str());
  } catch (const toml::parse_error& error) {
    return fail(Errc::invalid_argument, "{}:{}: {}", file, error.source().begin.line, error.description());
  }
}

Result<void> add_entries(const toml::table& table, const std::string& file,
                         const std::vector<std::string>& section, std::vector<ConfigEntry>& entries) {
  for (const auto& [key, node] : table) {
    ConfigEntry entry{.name = std::string{key.str()},
                      .text = {},
                      .from = fmt::format("{}:{}", file, node.source().begin.line),
                      .section = section};
    if (const auto* const inner = node.as_table()) {
      entry.section.push_back(entry.name);
      if (auto added = add_entries(*inner, file, entry.section, entries); !added) return added;
      continue;
    }
    if (section.empty()) std::ranges::replace(entry.name, '_', '-');
    auto text = text_of(node);
    if (!text) return fail(Errc::invalid_argument, "{}: {}: {}", entry.from, entry.name, text.error().detail);
    entry.text = std::move(*text);
    if (const auto* const elements = node.as_array())
      for (const auto& element : *elements) entry.elements.push_back(*text_of(element));
    entries.push_back(std::move(entry));
  }
  return {};
}

}  // namespace

Result<std::vector<ConfigEntry>> read_config_file(const std::string& file) {
  const auto table = parse(file);
  if (!table) return fail(table.error());
  std::vector<ConfigEntry> entries;
  if (auto added = add_entries(*table, file, {}, entries); !added) return fail(added.error());
  return entries;
}

}  // namespace reeve
