// Any text as the elements of an array: ranges, lines, JSON; and as arguments with {} for an element. The first byte says
// which.
#include <cstring>
#include <string>
#include <vector>

#include "client/cli/elements.h"
#include "tests/fuzz/bytes.h"
#include "worker/runners/prepared_command.h"

namespace {

using namespace reeve;
using namespace reeve::fuzz;

void try_range(std::string_view text) {
  const auto range = cli::parse_range(text);
  if (!range) return;
  require(range->step > 0 && range->first <= range->last && range->count() <= cli::elements_max);
  const auto elements = cli::range_elements(*range);
  require(elements->count() == range->count());
  std::uint64_t seen = 0;
  for (; seen < 100; ++seen) {
    const auto element = elements->next();
    require(element.has_value());
    if (!*element) break;
  }
  require(seen == std::min<std::uint64_t>(range->count(), 100));
}

void try_lines(std::string_view text) {
  const auto elements = cli::line_elements(cli::Input::of(std::string{text}));
  std::string again;
  for (;;) {
    const auto line = elements->next();
    require(line.has_value());
    if (!*line) break;
    require((*line)->find('\n') == std::string_view::npos);
    again.append(**line) += '\n';
  }
  require(again.size() <= text.size() + 1);
}

void try_json(std::string_view text) {
  const auto elements = cli::json_elements(cli::Input::of(std::string{text}));
  for (std::size_t count = 0;; ++count) {
    const auto element = elements->next();
    if (!element || !*element) return;
    require(!(*element)->empty() && count <= text.size());
    // An element by itself is an element again.
    if (const char first = (*element)->front(); first == '[') continue;  // …but an array would be taken apart
    const auto alone = cli::json_elements(cli::Input::of(std::string{**element}));
    const auto same = alone->next();
    require(same.has_value() && same->has_value() && **same == **element);
  }
}

// Arguments up to an empty line, then the element.
void try_command(std::string_view text) {
  worker::Work work;
  auto spec = std::make_shared<TaskSpec>();
  spec->command.args = {"/bin/true"};
  spec->command.payload_to_args = true;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.empty()) break;
    spec->command.args.emplace_back(line.substr(0, line.find('\0')));
  }
  work.payload = text.substr(0, text.find('\0'));
  work.spec = spec;
  static worker::PreparedCommand prepared;
  if (!prepared.prepare(work)) return;
  const worker::Program program = prepared.program();
  std::size_t count = 0;
  while (program.argv[count] != nullptr) ++count;
  require(count == spec->command.args.size());
  for (std::size_t i = 1; i < count; ++i) {
    std::string expected;
    std::string_view rest = spec->command.args[i];
    for (;;) {
      const std::size_t at = rest.find("{}");
      expected.append(rest.substr(0, at));
      if (at == std::string_view::npos) break;
      expected.append(work.payload);
      rest.remove_prefix(at + 2);
    }
    require(expected == program.argv[i]);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Bytes bytes{data, size};
  const std::uint8_t kind = bytes.u8() % 4;
  const std::string_view text = bytes.rest();
  if (kind == 0) try_range(text);
  if (kind == 1) try_lines(text);
  if (kind == 2) try_json(text);
  if (kind == 3) try_command(text);
  return 0;
}
