// The program as a function: words in, exit code out.
#pragma once

#include <string>
#include <vector>

namespace reeve::cli {

int run_program(const std::vector<std::string>& words);

}  // namespace reeve::cli
