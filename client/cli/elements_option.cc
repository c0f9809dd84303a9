#include "client/cli/elements_option.h"

#include "client/cli/command.h"

namespace reeve::cli {

void ElementsOption::declare(Options& options) {
  options.text("--range", range, "A-B[:STEP]", "one task for each number from A to B");
  options.text("--each-line", lines, "FILE", "one task for each line of FILE (-: standard input)");
  options.text("--each-json", json, "FILE",
               "one task for each member of the JSON array in FILE, or for each of its JSON lines");
}

std::unique_ptr<Elements> ElementsOption::open() const {
  if (int{!range.empty()} + int{!lines.empty()} + int{!json.empty()} > 1)
    refuse(Errc::invalid_argument, "--range, --each-line and --each-json exclude each other");
  if (!range.empty()) return range_elements(take(parse_range(range)));
  if (!lines.empty()) return line_elements(take(Input::open(lines)));
  return json_elements(take(Input::open(json)));
}

}  // namespace reeve::cli
