// Table: rows of text under titles, aligned; coloured for a terminal, plain for a pipe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace reeve::cli {

enum class Tone : std::uint8_t { plain, strong, dim, good, warning, bad };

// How text is shown: decided once at the start (terminal.h), a plain value everywhere else.
struct Style {
  bool colour = false;
  std::size_t width = 0;  // columns of the terminal; 0: no terminal, nothing is cut
};

// `text` in the colour of `tone`, if there are colours.
std::string paint(const Style& style, Tone tone, std::string_view text);

// Columns that `text` takes on a terminal: one for each code point.
std::size_t display_width(std::string_view text);

// `text` in one line without control characters: names come from other people and must not steer the
// terminal.
std::string one_line(std::string_view text);

// `text` in its own lines, each as one_line() has it, the further ones behind `indent`; empty ones are left out.
std::string several_lines(std::string_view text, std::string_view indent);

class Table {
 public:
  enum class Align : std::uint8_t { left, right };
  struct Column {
    std::string_view title;
    Align align = Align::left;
  };
  struct Cell {
    std::string text;
    Tone tone = Tone::plain;
    Cell(std::string t, Tone c = Tone::plain) : text(one_line(t)), tone(c) {}
    Cell(const char* t) : text(t) {}
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  void add(std::vector<Cell> row);  // as many cells as there are columns
  bool empty() const { return rows_.empty(); }
  std::string render(const Style& style) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

// "name:  value" lines, values aligned: what `show` and `status` print.
class Facts {
 public:
  void add(std::string_view name, const std::string& value, Tone tone = Tone::plain);
  void add_lines(std::string_view name, std::string_view text, Tone tone);  // a value of several lines
  std::string render(const Style& style) const;

 private:
  struct Fact {
    std::string name, value;
    Tone tone;
  };
  std::vector<Fact> facts_;
};

}  // namespace reeve::cli
