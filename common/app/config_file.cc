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
  if (node.is_table()) return fail(Errc::invalid_argument, "settings stand at the top, not in a [section]");
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

}  // namespace

Result<std::vector<ConfigEntry>> read_config_file(const std::string& file) {
  const auto table = parse(file);
  if (!table) return fail(table.error());
  std::vector<ConfigEntry> entries;
  for (const auto& [key, node] : *table) {
    ConfigEntry entry{.name = std::string{key.str()},
                      .text = {},
                      .from = fmt::format("{}:{}", file, node.source().begin.line)};
    std::ranges::replace(entry.name, '_', '-');
    auto text = text_of(node);
    if (!text) return fail(Errc::invalid_argument, "{}: {}: {}", entry.from, entry.name, text.error().detail);
    entry.text = std::move(*text);
    entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace reeve
