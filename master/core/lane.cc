#include "master/core/lane.h"

#include <algorithm>
#include <iterator>

#include "common/base/assert.h"
#include "master/core/job.h"

namespace reeve::master {

void Lane::push(TaskRef ref, std::int32_t priority, std::uint64_t order) {
  auto& entries = by_priority_[priority];
  if (kind_ == QueueKind::lifo)
    entries.push_front({std::move(ref), order});
  else
    entries.push_back({std::move(ref), order});
  ++entries_;
}

void Lane::push_front(TaskRef ref, std::int32_t priority) {
  by_priority_[priority].push_front({std::move(ref), 0});
  ++entries_;
}

void Lane::push_front(std::vector<Entry> entries, std::int32_t priority) {
  auto& line = by_priority_[priority];
  entries_ += entries.size();
  line.insert(line.begin(), std::make_move_iterator(entries.begin()), std::make_move_iterator(entries.end()));
}

bool Lane::waits(const Entry& entry) {
  return entry.ref.is(TaskState::ready) && !entry.ref.chunk->job->cancelled;
}

const Lane::Head* Lane::head() {
  while (!by_priority_.empty()) {
    auto& [priority, entries] = *by_priority_.begin();
    while (!entries.empty() && !waits(entries.front())) entries.pop_front(), --entries_;
    if (!entries.empty()) {
      const Entry& entry = entries.front();
      head_ = {entry.ref, priority, entry.order};
      return &head_;
    }
    by_priority_.erase(by_priority_.begin());
  }
  head_ = {};
  return nullptr;
}

void Lane::pop() {
  ASSERT(!by_priority_.empty());
  auto first = by_priority_.begin();
  first->second.pop_front(), --entries_;
  if (first->second.empty()) by_priority_.erase(first);
  head_ = {};
}

void Lane::one_is_stale() {
  constexpr std::size_t stale_max = 64;  // or half of all
  if (++stale_ <= std::max(stale_max, entries_ / 2)) return;
  stale_ = entries_ = 0;
  for (auto line = by_priority_.begin(); line != by_priority_.end();) {
    std::erase_if(line->second, [](const Entry& entry) { return !waits(entry); });
    entries_ += line->second.size();
    line = line->second.empty() ? by_priority_.erase(line) : std::next(line);
  }
}

std::size_t Lane::ready() const {
  std::size_t ready = 0;
  for (const auto& [priority, entries] : by_priority_)
    ready += static_cast<std::size_t>(std::ranges::count_if(entries, waits));
  return ready;
}

std::vector<TaskRef> Lane::first(std::size_t limit) const {
  std::vector<TaskRef> refs;
  for (const auto& [priority, entries] : by_priority_) {
    for (const Entry& entry : entries) {
      if (refs.size() >= limit) return refs;
      if (waits(entry)) refs.push_back(entry.ref);
    }
  }
  return refs;
}

}  // namespace reeve::master
