// Input: a file, or standard input under the name "-", read in chunks.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace reeve::cli {

// Owner: whoever reads.  Always: holds at most one chunk.
class Input {
 public:
  // Errors: not_found, permission_denied, invalid_argument (a directory); with the path and the reason.
  static Result<Input> open(const std::string& path);
  // An input over bytes in memory, for tests and for short texts.
  static Input of(std::string bytes);

  Input(Input&& other) noexcept;
  Input& operator=(Input&& other) noexcept;
  ~Input();

  // The next bytes, valid until the next call; empty at the end.
  Result<std::string_view> read();
  // All of it; too_large beyond `bytes_max`.
  Result<std::string> read_all(std::size_t bytes_max);

  const std::string& name() const { return name_; }  // for messages

 private:
  Input(int fd, std::string name);

  int fd_ = -1;  // -1: `chunk_` is all there is
  bool given_ = false;
  std::string name_;
  std::string chunk_;
};

}  // namespace reeve::cli
