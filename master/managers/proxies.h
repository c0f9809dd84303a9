// Proxies: keeps the objects whose proxies are under way, in values of named queues and in answers that have just left.
// Who unpickles a proxy counts its reference only afterwards, on another connection.
//
// Owner: Manager.  Thread: the loop thread.
#pragma once

#include <deque>
#include <optional>
#include <unordered_map>
#include <vector>

#include "common/base/ids.h"
#include "common/base/time.h"
#include "master/core/broker.h"
#include "master/managers/item.h"

namespace reeve::master::managers {

class Proxies {
 public:
  // How long a client may take to count the references of what it was sent.
  static constexpr Duration pickup_max = std::chrono::minutes{1};

  // A value of the Broker's has proxies of these objects in it.
  void put(TaskId value, std::vector<Pin> pins, const Broker& broker);
  // It is somebody's for good.
  void sent(TaskId value);
  // So is this, and nobody else keeps it: the objects stay, without the bytes of the value.
  void sent(const Item& item);

  std::optional<TimePoint> wake_at() const;
  // Lets go of what was sent long enough ago, once after each request.
  void pass(TimePoint now);

 private:
  struct Sent {
    std::optional<TimePoint> until;  // none: it left a moment ago
    std::vector<Pin> pins;
  };

  static constexpr std::size_t values_usual_max = 64;

  std::unordered_map<TaskId, std::vector<Pin>> values_;
  std::size_t values_sweep_at_ = values_usual_max;
  std::deque<Sent> sent_;  // by time
};

}  // namespace reeve::master::managers
