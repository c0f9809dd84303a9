// What stands behind standard output and standard error: a terminal with a width and colours, or a pipe.
#pragma once

#include <string_view>

#include "client/cli/table.h"

namespace reeve::cli {

// What the environment says, so that the rule can be tested without a terminal.
struct TerminalFacts {
  bool is_terminal = false;
  bool no_color = false;     // NO_COLOR is set and not empty (no-color.org)
  bool force_color = false;  // CLICOLOR_FORCE is set, not empty and not 0
  bool dumb = false;         // TERM=dumb
  std::size_t width = 0;
};
Style style_of(const TerminalFacts& facts);

TerminalFacts terminal_facts(int fd);

// Writes all of it, whatever the pipe takes at a time. False: the reader is gone (or the disk is full).
bool write_all(int fd, std::string_view bytes);

}  // namespace reeve::cli
