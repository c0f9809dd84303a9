#include "master/net/outbox.h"

namespace reeve::master {

// Every message has a bound of its own; this is for one that nobody thought of.
void Outbox::give_up() {
  connection_->close_after_flush(
      {Errc::too_large,
       fmt::format("an answer is over the limit of {} bytes (frame_max_bytes)", frame_max_bytes_default)});
}

void Outbox::seal(Ticket ticket) {
  if (staged_.empty()) return;
  if (held_.empty())
    held_.swap(staged_);
  else
    held_.append(staged_), staged_.clear();
  marks_.seal(ticket, held_.size());
}

void Outbox::release(Ticket committed) {
  const std::size_t end = marks_.release(committed, held_begin_);
  if (end == held_begin_) return;
  std::string& out = connection_->out();
  if (out.empty() && held_begin_ == 0 && end == held_.size())
    out.swap(held_);
  else
    out.append(held_, held_begin_, end - held_begin_);
  held_begin_ = end;
  if (marks_.empty()) held_.clear(), held_begin_ = 0;
}

}  // namespace reeve::master
