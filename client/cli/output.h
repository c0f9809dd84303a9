// Output: standard output or standard error, collected and written in large pieces.
#pragma once

#include <string>
#include <string_view>

#include "client/cli/table.h"

namespace reeve::cli {

// Owner: the program (one for each of the two).  Always: what was written is in order; the rest goes out at
// flush(), which the program calls before it ends.
class Output {
 public:
  Output(int fd, Style style) : fd_(fd), style_(style) {}

  void write(std::string_view bytes) {
    buffer_ += bytes;
    if (buffer_.size() >= flush_bytes) flush();
  }
  void line(std::string_view text) {
    write(text);
    write("\n");
  }
  void flush();  // throws when the bytes cannot be written (disk full)
  // The same for last words: nobody is left to be told that it failed.
  void flush_if_possible() noexcept;

  const Style& style() const { return style_; }
  bool is_terminal() const { return style_.width > 0; }
  int fd() const { return fd_; }

 private:
  static constexpr std::size_t flush_bytes = 64u << 10;
  int fd_;
  Style style_;
  std::string buffer_;
};

}  // namespace reeve::cli
