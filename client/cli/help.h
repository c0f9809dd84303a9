// What is printed for --help, and the manual: both made from what the commands declare.
#pragma once

#include <string>
#include <string_view>

#include "client/cli/command.h"

namespace reeve::cli {

// All commands, or those of a family ("queue").
std::string overview(std::string_view family);
std::string help_of(const CommandEntry& entry);
// reeve(1), in man(7) form.
std::string man_page();

}  // namespace reeve::cli
