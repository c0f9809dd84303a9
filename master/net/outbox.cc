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
  if (!marks_.empty() && marks_.back().ticket == ticket)
    marks_.back().end = held_.size();
  else
    marks_.push_back({ticket, held_.size()});
}

void Outbox::release(Ticket committed) {
  std::size_t end = held_begin_;
  while (!marks_.empty() && marks_.front().ticket <= committed) {
    end = marks_.front().end;
    marks_.pop_front();
  }
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
