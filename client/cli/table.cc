#include "client/cli/table.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/assert.h"

namespace reeve::cli {

namespace {

constexpr std::string_view gap = "  ";

std::string_view escape_of(Tone tone) {
  switch (tone) {
    case Tone::plain:
      return "";
    case Tone::strong:
      return "\x1b[1m";
    case Tone::dim:
      return "\x1b[2m";
    case Tone::good:
      return "\x1b[32m";
    case Tone::warning:
      return "\x1b[33m";
    case Tone::bad:
      return "\x1b[31m";
  }
  return "";
}

bool continues_code_point(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

// At most `width` columns of `text`; what was cut leaves a "…".
std::string cut(std::string_view text, std::size_t width) {
  if (display_width(text) <= width) return std::string(text);
  if (width == 0) return {};
  std::size_t at = 0;
  for (std::size_t columns = 0; at < text.size(); ++at)
    if (!continues_code_point(text[at]) && ++columns == width) break;
  return std::string(text.substr(0, at)) + "…";
}

void append_padded(std::string& out, const Style& style, Tone tone, std::string_view text, std::size_t width,
                   Table::Align align) {
  const std::size_t padding = width - std::min(width, display_width(text));
  if (align == Table::Align::right) out.append(padding, ' ');
  out += paint(style, tone, text);
  if (align == Table::Align::left) out.append(padding, ' ');
}

void end_line(std::string& out) {
  out.erase(out.find_last_not_of(' ') + 1);
  out += '\n';
}

}  // namespace

std::string paint(const Style& style, Tone tone, std::string_view text) {
  if (!style.colour || tone == Tone::plain || text.empty()) return std::string(text);
  return fmt::format("{}{}\x1b[0m", escape_of(tone), text);
}

std::size_t display_width(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return !continues_code_point(c); }));
}

std::string several_lines(std::string_view text, std::string_view indent) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (end > 0) {
      if (!out.empty()) out.append("\n").append(indent);
      out += one_line(text.substr(0, end));
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

std::string one_line(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n' || c == '\t')
      out += ' ';
    else if (byte < 0x20 || byte == 0x7f)
      out += '?';
    else
      out += c;
  }
  return out;
}

void Table::add(std::vector<Cell> row) {
  ASSERT(row.size() == columns_.size(), "a row of {} cells in a table of {} columns", row.size(),
         columns_.size());
  rows_.push_back(std::move(row));
}

std::string Table::render(const Style& style) const {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::size_t width = display_width(columns_[i].title);
    for (const auto& row : rows_) width = std::max(width, display_width(row[i].text));
    widths.push_back(width);
  }
  std::string out;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (i > 0) out += gap;
    append_padded(out, style, Tone::strong, columns_[i].title, widths[i], columns_[i].align);
  }
  end_line(out);
  for (const auto& row : rows_) {
    std::size_t used = 0;  // only the last column gives way to the terminal's width
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i > 0) out += gap;
      const bool last = i + 1 == row.size();
      const std::string text =
          last && style.width > 0 ? cut(row[i].text, style.width - std::min(style.width, used)) : row[i].text;
      append_padded(out, style, row[i].tone, text, last ? 0 : widths[i], columns_[i].align);
      used += widths[i] + gap.size();
    }
    end_line(out);
  }
  return out;
}

void Facts::add(std::string_view name, const std::string& value, Tone tone) {
  facts_.push_back({std::string(name), one_line(value), tone});
}

void Facts::add_lines(std::string_view name, std::string_view text, Tone tone) {
  facts_.push_back({std::string(name), std::string(text), tone});
}

std::string Facts::render(const Style& style) const {
  std::size_t width = 0;
  for (const Fact& fact : facts_) width = std::max(width, display_width(fact.name));
  std::string out;
  for (const Fact& fact : facts_) {
    append_padded(out, style, Tone::dim, fact.name, width + gap.size(), Table::Align::left);
    out += paint(style, fact.tone, several_lines(fact.value, std::string(width + gap.size(), ' ')));
    end_line(out);
  }
  return out;
}

}  // namespace reeve::cli
