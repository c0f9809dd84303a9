// Credit: how much each worker asked for, and what it holds, as the messages say that reached the master. Each session of a
// worker has an account of its own: one that is killed and back may have two for a moment.
//
// Owner: the simulated Master; a new one begins with nothing.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "common/base/ids.h"

namespace reeve::sim {

class Credit {
 public:
  // What it has finished may be recorded by now, and count no more.
  void says_hello(SessionId worker, const std::vector<Fence>& held, const std::vector<Fence>& finished,
                  const std::vector<Fence>& dropped) {
    Account& account = accounts_[worker] = {};
    account.held.insert(held.begin(), held.end());
    for (const Fence& fence : dropped) account.held.erase(fence);
    for (const Fence& fence : finished)
      if (account.held.erase(fence) > 0) account.perhaps.insert(fence);
  }
  void asks_for(SessionId worker, std::uint64_t tasks) { accounts_[worker].asked = tasks; }
  bool may_have_some(SessionId worker) const {
    const auto account = accounts_.find(worker);
    return account != accounts_.end() && account->second.held.size() < account->second.asked;
  }
  bool has_some(SessionId worker) const {
    const auto account = accounts_.find(worker);
    return account != accounts_.end() &&
           account->second.held.size() + account->second.perhaps.size() < account->second.asked;
  }
  void granted(SessionId worker, const Fence& fence) { accounts_[worker].held.insert(fence); }
  void over(SessionId worker, const Fence& fence) {
    accounts_[worker].held.erase(fence);
    accounts_[worker].perhaps.erase(fence);
  }

 private:
  struct Account {
    std::uint64_t asked = 0;
    std::set<Fence> held, perhaps;
  };
  std::map<SessionId, Account> accounts_;
};

}  // namespace reeve::sim
