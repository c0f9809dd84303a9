#include "client/cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace reeve::cli {

namespace {

constexpr std::size_t width_default = 80;

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

}  // namespace

Style style_of(const TerminalFacts& facts) {
  const bool wanted = facts.force_color || (facts.is_terminal && !facts.dumb);
  return {.colour = wanted && !facts.no_color, .width = facts.is_terminal ? facts.width : 0};
}

TerminalFacts terminal_facts(int fd) {
  TerminalFacts facts;
  facts.is_terminal = ::isatty(fd) == 1;
  facts.no_color = !environment("NO_COLOR").empty();
  facts.force_color = !environment("CLICOLOR_FORCE").empty() && environment("CLICOLOR_FORCE") != "0";
  facts.dumb = environment("TERM") == "dumb";
  winsize size{};
  if (facts.is_terminal)
    facts.width = ::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : width_default;
  return facts;
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace reeve::cli
