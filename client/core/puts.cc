// Core: values on their way into queues. Many concurrent puts become one frame.
#include <algorithm>
#include <utility>

#include "client/core/core.h"
#include "client/core/frames.h"
#include "client/core/wire_scan.h"

namespace reeve::client {
namespace {

constexpr std::size_t gather_max = 256;  // puts that wait for company, at most

bool go_together(const Core::PendingPut& a, const Core::PendingPut& b) {
  return a.queue == b.queue && a.value.encoding == b.value.encoding && a.priority == b.priority;
}

}  // namespace

void Core::put(PendingPut put, bool caller_waits) {
  check_size(put.value.bytes.size());
  Loop::Lock lock(loop_.mutex());
  check_open();
  puts_.push_back(std::move(put));
  // Without a driver, a caller that waits becomes it; otherwise puts gather while one is under way.
  const bool now = loop_.driven() || (!caller_waits && (puts_unanswered_ == 0 || puts_.size() >= gather_max));
  loop_.nudge(lock, now);
}

// Neighbours that go to the same queue in the same way travel in one frame. A queue without room takes all of
// such a frame or nothing; then each of them goes by itself and waits, or not, as its caller wanted.
void Core::pump_puts(std::vector<PendingPut> puts) {
  std::vector<PendingPut> group;
  std::size_t bytes = 0;
  for (PendingPut& put : puts) {
    const bool fits = !group.empty() && go_together(group.front(), put) && group.size() < batch_max() &&
                      bytes + put.value.bytes.size() <= frame_target_bytes;
    if (!fits && !group.empty()) {
      send_puts(std::exchange(group, {}));
      bytes = 0;
    }
    bytes += put.value.bytes.size();
    group.push_back(std::move(put));
  }
  if (!group.empty()) send_puts(std::move(group));
}

void Core::send_puts(std::vector<PendingPut> group) {
  const PendingPut& first = group.front();
  auto request = std::make_unique<Request>();
  request->id = next_request();
  wire::Put message;
  message.set_request(request->id);
  {
    const Loop::Lock lock(loop_.mutex());
    message.set_settled(settled());
    request->submission = begin_submission();
    ++puts_unanswered_;
  }
  message.set_submission(request->submission);
  message.set_queue(first.queue);
  message.set_encoding(static_cast<wire::Encoding>(first.value.encoding));
  message.set_priority(first.priority);
  message.set_wait_for_room(group.size() == 1 && first.wait_for_room);
  message.set_wait_max_us(group.size() == 1 ? first.wait_max_us : 0);
  std::string items;
  for (const PendingPut& put : group) append_field(items, wire::Put::kItemsFieldNumber, put.value.bytes);
  append_frame_with(request->frame, FrameType::put, message, items);
  auto kept = std::make_shared<std::vector<PendingPut>>(std::move(group));
  request->done = [this, kept](const Request&, const Result<Frame>& answer) { puts_answered(*kept, answer); };
  send(std::move(request));
}

void Core::puts_answered(std::vector<PendingPut>& group, const Result<Frame>& answer) {
  {
    const Loop::Lock lock(loop_.mutex());
    --puts_unanswered_;
  }
  Error why;
  if (!answer)
    why = answer.error();
  else if (const auto submitted = parse_answer<wire::Submitted>(*answer); submitted)
    why.code = Errc::ok;
  else
    why = submitted.error();
  if (why.code == Errc::queue_full && group.size() > 1) {
    for (PendingPut& put : group) {
      std::vector<PendingPut> alone;
      alone.push_back(std::move(put));
      send_puts(std::move(alone));
    }
    return;
  }
  for (const PendingPut& put : group) {
    if (why.code == Errc::ok)
      complete(put.slot);
    else
      fail_slot(put.slot, why);
  }
}

}  // namespace reeve::client
