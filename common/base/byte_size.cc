#include "common/base/byte_size.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <limits>

namespace reeve {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t bytes;
};
constexpr std::uint64_t kib = 1024, kb = 1000;
constexpr std::array<Unit, 5> binary_units{
    {{"TiB", kib* kib* kib* kib}, {"GiB", kib* kib* kib}, {"MiB", kib* kib}, {"KiB", kib}, {"B", 1}}};
constexpr std::array<Unit, 8> other_units{{{"T", kib* kib* kib* kib},
                                           {"G", kib* kib* kib},
                                           {"M", kib* kib},
                                           {"K", kib},
                                           {"TB", kb* kb* kb* kb},
                                           {"GB", kb* kb* kb},
                                           {"MB", kb* kb},
                                           {"KB", kb}}};

bool same_letters(std::string_view a, std::string_view b) {
  return std::ranges::equal(
      a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

// 0: there is no such unit.
std::uint64_t unit_bytes(std::string_view name) {
  if (name.empty()) return 1;
  for (const auto& unit : binary_units)
    if (same_letters(unit.name, name)) return unit.bytes;
  for (const auto& unit : other_units)
    if (same_letters(unit.name, name)) return unit.bytes;
  return 0;
}

}  // namespace

Result<std::uint64_t> parse_byte_size(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  std::string_view unit{end, static_cast<std::size_t>(text.data() + text.size() - end)};
  if (error == std::errc{} && unit.starts_with(' ')) unit.remove_prefix(1);
  const std::uint64_t bytes = error == std::errc{} ? unit_bytes(unit) : 0;
  if (error == std::errc::result_out_of_range ||
      (bytes > 0 && number > std::numeric_limits<std::uint64_t>::max() / bytes))
    return fail(Errc::invalid_argument, "'{}' is too large", text);
  if (bytes == 0)
    return fail(Errc::invalid_argument, "'{}' is not a size: write it as 64MiB, 4GiB or 500KB", text);
  return number * bytes;
}

std::string format_byte_size(std::uint64_t bytes) {
  for (const auto& unit : binary_units)
    if (bytes >= unit.bytes && bytes % unit.bytes == 0)
      return fmt::format("{}{}", bytes / unit.bytes, unit.name);
  return "0B";
}

}  // namespace reeve
