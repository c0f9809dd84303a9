// Capture: what a program writes into a pipe, up to a limit; the rest is read and thrown away.
#pragma once

#include <poll.h>

#include <cstddef>
#include <span>
#include <string>

#include "worker/processes/descriptor.h"

namespace reeve::worker {

// While the program runs we hold the end for writing as well: otherwise each pipe would wake us at the
// program's end, and then the end itself once more.
//
// Owner: a runner.  Thread: one.
class Capture {
 public:
  // Appends to `text`, and sets `cut` when there was more than `max_bytes`.
  Capture(Descriptor read, Descriptor write, std::size_t max_bytes, std::string& text, bool& cut)
      : pipe_(std::move(read)), write_(std::move(write)), max_bytes_(max_bytes), text_(text), cut_(cut) {}

  void program_ended() { write_.reset(); }  // from now on the pipe ends when nobody else can write to it

  bool open() const { return static_cast<bool>(pipe_); }
  pollfd watched() const { return {.fd = pipe_.get(), .events = POLLIN, .revents = 0}; }
  // Pre: poll said `events`. Reads once at most, so that it never waits.
  void take(short events, std::span<char> scratch);

 private:
  Descriptor pipe_;  // closed at its end
  Descriptor write_;
  const std::size_t max_bytes_;
  std::string& text_;
  bool& cut_;
};

}  // namespace reeve::worker
