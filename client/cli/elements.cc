#include "client/cli/elements.h"

#include <charconv>
#include <limits>

namespace reeve::cli {

namespace {

// Takes a whole number off the front of `text`. Errors: invalid_argument, too_large.
Result<std::int64_t> take_number(std::string_view& text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc::result_out_of_range) {
    using Limits = std::numeric_limits<std::int64_t>;
    const bool below = text.starts_with('-');
    return fail(Errc::too_large, "{} is too {}: {} at {}", std::string_view{text.data(), end},
                below ? "small" : "large", below ? Limits::min() : Limits::max(), below ? "least" : "most");
  }
  if (error != std::errc{}) return fail(Errc::invalid_argument, "there is no number");
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

bool take(std::string_view& text, char expected) {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(1);
  return true;
}

class RangeElements final : public Elements {
 public:
  explicit RangeElements(Range range) : range_(range), left_(range.count()) {}

  Result<std::optional<std::string_view>> next() override {
    if (left_ == 0) return std::nullopt;
    const auto [end, error] = std::to_chars(text_, text_ + sizeof text_, range_.first);
    if (--left_ > 0) range_.first += range_.step;
    return std::string_view{text_, end};
  }
  std::optional<std::uint64_t> count() const override { return count_; }

 private:
  Range range_;
  std::uint64_t left_;
  std::uint64_t count_ = left_;
  char text_[24];
};

class LineElements final : public Elements {
 public:
  explicit LineElements(Input input) : input_(std::move(input)) {}

  Result<std::optional<std::string_view>> next() override {
    line_.clear();
    for (;;) {
      if (const auto end = rest_.find('\n'); end != rest_.npos) {
        const std::string_view head = rest_.substr(0, end);
        rest_.remove_prefix(end + 1);
        ++number_;
        if (line_.empty()) return head;  // the common case: no copy
        line_.append(head);
        return line_;
      }
      if (rest_.size() > element_bytes_max - line_.size())
        return fail(Errc::too_large, "{}:{}: the line is longer than {} bytes", input_.name(), number_ + 1,
                    element_bytes_max);
      line_.append(rest_);
      const Result<std::string_view> more = input_.read();
      if (!more) return fail(more.error());
      rest_ = *more;
      if (!rest_.empty()) continue;
      if (line_.empty()) return std::nullopt;
      ++number_;
      return line_;
    }
  }

 private:
  Input input_;
  std::string_view rest_;  // of the input's chunk
  std::string line_;       // one that began in an earlier chunk
  std::uint64_t number_ = 0;
};

}  // namespace

std::uint64_t Range::count() const {
  return (static_cast<std::uint64_t>(last) - static_cast<std::uint64_t>(first)) /
             static_cast<std::uint64_t>(step) +
         1;
}

Result<Range> parse_range(std::string_view text) {
  const auto malformed = [&](Errc code = Errc::invalid_argument, std::string_view why = {}) {
    if (code == Errc::too_large) return fail(code, "range '{}': {}", text, why);
    return fail(Errc::invalid_argument, "'{}' is not a range: write A-B or A-B:STEP, as in 1-100 or 0-90:10",
                text);
  };
  std::string_view rest = text;
  const auto first = take_number(rest);
  if (!first) return malformed(first.error().code, first.error().detail);
  if (!take(rest, '-')) return malformed();
  const auto last = take_number(rest);
  if (!last) return malformed(last.error().code, last.error().detail);
  Range range{*first, *last, 1};
  if (take(rest, ':')) {
    const auto step = take_number(rest);
    if (!step) return malformed(step.error().code, step.error().detail);
    range.step = *step;
  }
  if (!rest.empty()) return malformed();
  if (range.step <= 0) return fail(Errc::invalid_argument, "the step of range '{}' must be above 0", text);
  if (range.last < range.first)
    return fail(Errc::invalid_argument, "range '{}' is empty: its end is before its beginning", text);
  // The full width of 64 bits counts as 0 here, which is too many as well.
  if (const auto count = range.count(); count == 0 || count > elements_max)
    return fail(Errc::too_large, "range '{}' has more than {} elements", text, elements_max);
  return range;
}

std::unique_ptr<Elements> range_elements(Range range) { return std::make_unique<RangeElements>(range); }

std::unique_ptr<Elements> line_elements(Input input) {
  return std::make_unique<LineElements>(std::move(input));
}

}  // namespace reeve::cli
