// Reasons: why a task may be granted again. What was begun runs on, or has ended well, as long as its worker lives and is
// heard of within its lease, however often the master ends: who grants it anew makes it run twice for nothing.
//
// Owner: History.
#pragma once

#include <map>
#include <set>
#include <string>

#include "common/base/ids.h"
#include "tests/sim/clockwork.h"

namespace reeve::sim {

class Reasons {
 public:
  static constexpr Duration lease{10s};

  explicit Reasons(const Clockwork& clock) : clock_(clock) {}

  void worker_begins(const std::string& worker) { contacts_[worker] = {clock_.now(), clock_.now()}; }
  // The master got a message of it.
  void heard_of(const std::string& worker) {
    Contact& contact = contacts_[worker];
    if (clock_.now() - contact.last >= lease) contact.back = clock_.now();
    contact.last = clock_.now();
  }
  void begun(const Fence& fence) { begun_.emplace(fence, clock_.now()); }
  // It failed or was stopped, and the master knows.
  void given_up(const Fence& fence) { given_up_.insert(fence); }
  // Whether what `worker` was granted last may be granted again.
  bool enough(const Fence& fence, const std::string& worker) const {
    const auto begun = begun_.find(fence);
    if (begun == begun_.end() || given_up_.contains(fence)) return true;
    const Contact& contact = contacts_.at(worker);
    return clock_.now() - contact.last >= lease || contact.back >= begun->second;
  }

 private:
  struct Contact {
    TimePoint last{};
    TimePoint back{};  // from a pause as long as a lease, or in another life
  };
  const Clockwork& clock_;
  std::map<std::string, Contact> contacts_;
  std::map<Fence, TimePoint> begun_;
  std::set<Fence> given_up_;
};

}  // namespace reeve::sim
