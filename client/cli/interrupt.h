// Ctrl-C while we wait: asked for once it is noticed here, a second one ends the program at once.
#pragma once

namespace reeve::cli {

// Owner: whoever waits; one at a time.
class InterruptWatch {
 public:
  InterruptWatch();
  ~InterruptWatch();  // Ctrl-C ends the program again
  InterruptWatch(const InterruptWatch&) = delete;
  InterruptWatch& operator=(const InterruptWatch&) = delete;

  bool interrupted() const;
};

}  // namespace reeve::cli
