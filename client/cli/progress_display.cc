#include "client/cli/progress_display.h"

namespace reeve::cli {

void ProgressDisplay::update(const Counts& counts, TimePoint now) {
  if (!enabled_) return;
  if (!begun_) {
    begun_ = true;
    rate_.add(counts.finished(), now);
    shown_ = err_.is_terminal() ? now - redraw_after : now;
  }
  if (now - shown_ < (err_.is_terminal() ? redraw_after : line_after)) return;
  shown_ = now;
  rate_.add(counts.finished(), now);
  const ProgressView view{label_, counts, rate_.per_second()};
  if (err_.is_terminal()) {
    err_.write("\r" + progress_bar(err_.style(), view) + "\x1b[K");
    drawn_ = true;
  } else {
    err_.line(progress_line(view));
  }
  err_.flush();
}

void ProgressDisplay::finish(const Counts& counts) {
  if (!enabled_ || !err_.is_terminal()) return;
  clear();
  err_.line(progress_bar(err_.style(), {label_, counts, 0}));
  err_.flush();
}

void ProgressDisplay::clear() {
  if (!drawn_) return;
  drawn_ = false;
  err_.write("\r\x1b[K");
  err_.flush_if_possible();
}

}  // namespace reeve::cli
