#include "master/managers/proxies.h"

#include <algorithm>
#include <utility>

namespace reeve::master::managers {

// Values also leave by other ways: native clients take them, queues are purged. What the Broker no longer knows is
// looked for when there are twice as many as after the last look.
void Proxies::put(TaskId value, std::vector<Pin> pins, const Broker& broker) {
  values_.insert_or_assign(value, std::move(pins));
  if (values_.size() < values_sweep_at_) return;
  std::erase_if(values_, [&broker](const auto& entry) { return !broker.spec_of(entry.first); });
  values_sweep_at_ = std::max(values_usual_max, 2 * values_.size());
}

void Proxies::sent(TaskId value) {
  auto node = values_.extract(value);
  if (!node.empty()) sent_.push_back({.until = {}, .pins = std::move(node.mapped())});
}

void Proxies::sent(const Item& item) {
  if (item.pins().empty()) return;
  std::vector<Pin>& pins = sent_.emplace_back().pins;
  pins.reserve(item.pins().size());
  for (const Pin& pin : item.pins()) pins.emplace_back(pin.object());
}

std::optional<TimePoint> Proxies::wake_at() const {
  return sent_.empty() ? std::nullopt : sent_.front().until;
}

void Proxies::pass(TimePoint now) {
  for (auto sent = sent_.rbegin(); sent != sent_.rend() && !sent->until; ++sent)
    sent->until = now + pickup_max;
  while (!sent_.empty() && *sent_.front().until <= now) sent_.pop_front();
}

}  // namespace reeve::master::managers
