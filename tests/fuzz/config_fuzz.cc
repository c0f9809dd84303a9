// Any text as a configuration file of a daemon, with settings of every type and a section, and of the command line: taken, or
// refused with a sentence.
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "client/cli/command.h"
#include "client/cli/config.h"
#include "common/app/settings.h"
#include "reeve/errors.h"
#include "tests/fuzz/bytes.h"

namespace {

using namespace reeve;
using namespace reeve::fuzz;

// A file that is only in memory.
const std::string& file_of(std::string_view text) {
  static const int fd = ::memfd_create("config", 0);
  static const std::string path = "/proc/self/fd/" + std::to_string(fd);
  require(::ftruncate(fd, 0) == 0);
  require(::pwrite(fd, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
  return path;
}

std::optional<std::string> nothing(const std::string&) { return std::nullopt; }

void try_daemon(const std::string& file) {
  bool flag = false;
  std::uint32_t slots = 1;
  std::uint64_t bytes = 1;
  Duration lease{1};
  std::string name = "n";
  std::vector<std::string> queues;
  std::size_t entries = 0;
  Settings settings{"a-daemon", "for fuzzing"};
  settings.add("allow-exec", flag, "a bool");
  settings.add("slots", slots, "a number");
  settings.add("lease-time", lease, "a duration");
  settings.add("master", name, "a text");
  settings.add("queues", queues, "a list");
  settings.add_bytes("payload-max-bytes", bytes, "a size");
  settings.add_section("queue", [&entries](const ConfigEntry& entry) -> Result<void> {
    require(!entry.section.empty() && !entry.from.empty());
    if (++entries % 3 == 0) return fail(Errc::invalid_argument, "{}: the third entry", entry.from);
    return {};
  });
  const std::array<const char*, 3> arguments{"a-daemon", "--config", file.c_str()};
  const auto asked = settings.load(static_cast<int>(arguments.size()), arguments.data(), nothing);
  if (!asked) return require(!asked.error().detail.empty());
  require(!settings.table().empty() && !settings.json().empty());
}

void try_command_line(const std::string& file) {
  cli::CommonOptions options;
  options.config = file;
  try {
    (void)cli::print_config(
        cli::settle(options, [](const std::string&) -> std::optional<std::string> { return std::nullopt; }),
        true);
  } catch (const Exception& refused) {
    require(*refused.what() != 0);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const std::string& file = file_of(text);
  if (const auto entries = read_config_file(file); !entries) require(!entries.error().detail.empty());
  try_daemon(file);
  try_command_line(file);
  return 0;
}
