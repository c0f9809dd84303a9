// json_elements: cuts a stream of JSON into its top-level values (or the members of its one array) without
// holding more than one of them. Cutting only counts brackets and quotes; Boost.JSON then checks each piece.
#include "client/cli/elements.h"
#include "client/cli/json_text.h"

namespace reeve::cli {

namespace {

// How far ahead to look whether anything follows a first value that is an array.
constexpr std::size_t lookahead_bytes = 64u << 10;

constexpr bool is_space(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

// Follows one JSON value, character by character, to its end.
class ValueEnd {
 public:
  enum class Step : std::uint8_t { inside, last, beyond };  // beyond: the value ended before this character

  Step feed(char c) {
    if (in_string_) {
      if (escaped_) {
        escaped_ = false;
      } else if (c == '\\') {
        escaped_ = true;
      } else if (c == '"') {
        in_string_ = false;
        if (depth_ == 0) return Step::last;
      }
      return Step::inside;
    }
    if (c == '"') {
      if (scalar_) return Step::beyond;
      in_string_ = true;
    } else if (c == '{' || c == '[') {
      if (scalar_) return Step::beyond;
      ++depth_;
    } else if (c == '}' || c == ']') {
      if (depth_ == 0) return Step::beyond;
      if (--depth_ == 0) return Step::last;
    } else if (depth_ == 0) {
      if (is_space(c) || c == ',') return Step::beyond;
      scalar_ = true;
    }
    return Step::inside;
  }

 private:
  std::size_t depth_ = 0;
  bool in_string_ = false;
  bool escaped_ = false;
  bool scalar_ = false;  // a number or word outside of any bracket
};

class JsonElements final : public Elements {
 public:
  explicit JsonElements(Input input) : input_(std::move(input)) {}

  Result<std::optional<std::string_view>> next() override {
    if (Result<void> ready = decide_form(); !ready) return fail(ready.error());
    if (form_ == Form::over) return std::nullopt;
    Result<bool> found = form_ == Form::array ? to_next_member() : to_next_value();
    if (!found) return fail(found.error());
    if (!*found) {
      form_ = Form::over;
      return std::nullopt;
    }
    return take_value();
  }

 private:
  enum class Form : std::uint8_t { unknown, array, values, over };

  auto broken(std::string_view what) const {
    return fail(Errc::invalid_argument, "{}:{}: {}", input_.name(), line_, what);
  }

  // Makes sure that there is a character at begin_; false at the end of the input.
  Result<bool> more() {
    if (begin_ < buffer_.size()) return true;
    buffer_.clear();
    begin_ = 0;
    return append_chunk();
  }

  Result<bool> append_chunk() {
    const Result<std::string_view> chunk = input_.read();
    if (!chunk) return fail(chunk.error());
    buffer_.append(*chunk);
    return !chunk->empty();
  }

  // The next character that is not white space, left where it is; nothing at the end.
  Result<std::optional<char>> peek() {
    for (;;) {
      const Result<bool> any = more();
      if (!any) return fail(any.error());
      if (!*any) return std::nullopt;
      const char c = buffer_[begin_];
      if (!is_space(c)) return c;
      if (c == '\n') ++line_;
      ++begin_;
    }
  }

  Result<void> decide_form() {
    if (form_ != Form::unknown) return {};
    const Result<std::optional<char>> first = peek();
    if (!first) return fail(first.error());
    form_ = *first ? Form::values : Form::over;
    if (*first != '[') return {};
    Result<bool> several = array_is_followed();
    if (!several) return fail(several.error());
    if (*several) return {};
    form_ = Form::array;
    ++begin_;
    return {};
  }

  // Whether more values follow the array that begins here, as far as lookahead_bytes tell.
  Result<bool> array_is_followed() {
    ValueEnd end;
    bool ended = false;
    for (std::size_t at = begin_;; ++at) {
      if (at == buffer_.size()) {
        if (at - begin_ >= lookahead_bytes) return false;
        const Result<bool> any = append_chunk();
        if (!any) return fail(any.error());
        if (!*any) return false;
      }
      if (ended && !is_space(buffer_[at])) return true;
      if (!ended) ended = end.feed(buffer_[at]) == ValueEnd::Step::last;
    }
  }

  Result<bool> to_next_value() {
    const Result<std::optional<char>> c = peek();
    if (!c) return fail(c.error());
    return c->has_value();
  }

  Result<bool> to_next_member() {
    Result<std::optional<char>> c = peek();
    if (!c) return fail(c.error());
    if (!first_member_ && *c == ',') {
      ++begin_;
      c = peek();
      if (!c) return fail(c.error());
      if (*c == ']') return broken("a value is missing behind the comma");
    } else if (!first_member_ && *c && *c != ']') {
      return broken("a comma is missing between the array's members");
    }
    if (!*c) return broken("the array has no end");
    first_member_ = false;
    if (*c != ']') return true;
    ++begin_;
    const Result<std::optional<char>> behind = peek();
    if (!behind) return fail(behind.error());
    if (*behind) return broken("more follows the array: give one array, or one value in each line");
    return false;
  }

  Result<std::optional<std::string_view>> take_value() {
    value_.clear();
    const std::uint64_t first_line = line_;
    ValueEnd end;
    for (bool over = false; !over;) {
      const Result<bool> any = more();
      if (!any) return fail(any.error());
      if (!*any) break;
      std::size_t at = begin_;
      while (!over && at < buffer_.size()) {
        const char c = buffer_[at];
        const ValueEnd::Step step = end.feed(c);
        over = step != ValueEnd::Step::inside;
        if (step != ValueEnd::Step::beyond) ++at;
        if (c == '\n' && step != ValueEnd::Step::beyond) ++line_;
      }
      value_.append(buffer_, begin_, at - begin_);
      begin_ = at;
      if (value_.size() > element_bytes_max)
        return fail(Errc::too_large, "{}:{}: the value is longer than {} bytes", input_.name(), first_line,
                    element_bytes_max);
    }
    const Result<void> valid = check_json(value_);
    if (!valid)
      return fail(Errc::invalid_argument, "{}:{}: {}", input_.name(), first_line, valid.error().detail);
    return value_;
  }

  Input input_;
  std::string buffer_;
  std::size_t begin_ = 0;  // first character of buffer_ that was not used
  std::uint64_t line_ = 1;
  Form form_ = Form::unknown;
  bool first_member_ = true;
  std::string value_;
};

}  // namespace

std::unique_ptr<Elements> json_elements(Input input) {
  return std::make_unique<JsonElements>(std::move(input));
}

}  // namespace reeve::cli
