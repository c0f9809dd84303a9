#include "worker/runners/capture.h"

#include <algorithm>
#include <cerrno>

namespace reeve::worker {

void Capture::take(short events, std::span<char> scratch) {
  if ((events & POLLIN) == 0) {
    if (events != 0) pipe_.reset();  // nothing left, and nobody left to write
    return;
  }
  const ssize_t got = ::read(pipe_.get(), scratch.data(), scratch.size());
  if (got < 0 && errno == EINTR) return;
  if (got <= 0) return pipe_.reset();
  const auto room = max_bytes_ - text_.size();
  text_.append(scratch.data(), std::min(static_cast<std::size_t>(got), room));
  if (static_cast<std::size_t>(got) > room) cut_ = true;
}

}  // namespace reeve::worker
