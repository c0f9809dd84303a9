// The elements of an array submission (--range, --each-line, --each-json), one at a time: a file of any
// length is read in bounded memory.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "client/cli/input.h"
#include "common/base/result.h"

namespace reeve::cli {

inline constexpr std::size_t element_bytes_max = 64u << 20;  // of one element, before the master's own limit
inline constexpr std::uint64_t elements_max = 0xffff'fffe;   // a task's index in its job is 32 bits wide

class Elements {
 public:
  virtual ~Elements() = default;
  // The next element, valid until the next call; nothing at the end. Errors name the place ("jobs.txt:17:
  // …").
  virtual Result<std::optional<std::string_view>> next() = 0;
  // How many there are, where that is known before the end.
  virtual std::optional<std::uint64_t> count() const { return std::nullopt; }
};

// A-B or A-B:STEP, both ends included.
struct Range {
  std::int64_t first = 0;
  std::int64_t last = 0;
  std::int64_t step = 1;  // above 0

  std::uint64_t count() const;
  bool operator==(const Range&) const = default;
};
Result<Range> parse_range(std::string_view text);

std::unique_ptr<Elements> range_elements(Range range);

// Every line is an element, without its line end; the last one needs none.
std::unique_ptr<Elements> line_elements(Input input);

// One JSON array, whose members are the elements; or values behind one another, usually one in a line. A file
// whose first value is an array counts as the former if nothing follows the array. Each element is valid
// JSON.
std::unique_ptr<Elements> json_elements(Input input);

}  // namespace reeve::cli
