// History: what was promised and what happened in one world, as seen from outside of master and workers. It
// collects what breaks a promise.
//
// Owner: the world.  The promises are those at the end of the design: each is checked where it could break.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/base/ids.h"
#include "common/base/task.h"
#include "master/core/views.h"
#include "tests/sim/clockwork.h"
#include "tests/sim/disk.h"

namespace reeve::sim {

class History {
 public:
  explicit History(Story& story) : story_(story) {}

  // ---- the master, at the moment when something leaves it
  void acknowledged(const std::string& client, std::uint64_t number, const master::Accepted& accepted,
                    const Disk& disk);
  void granted(const Fence& fence);
  void recorded(const Fence& fence, TaskState state);  // the Broker took a result
  void result_acknowledged(const Fence& fence, const Disk& disk);
  void handed_out(const std::string& value);  // "client1 values-12", for its order in that queue
  void joined(const std::string& queue, std::uint64_t unfinished);
  // A queue held `before` and holds `size`, by a command that may only add what there is room for.
  void admitted(const std::string& queue, std::uint64_t before, std::uint64_t size, std::uint64_t maxsize);
  bool is_current(const Fence& fence) const;

  // ---- workers
  struct Runner {  // a worker, as far as it matters here
    virtual bool frozen() const = 0;

   protected:
    ~Runner() = default;
  };
  void started(const Fence& fence, const Runner& worker, bool at_most_once);
  void told_to_stop(const Fence& fence, const Runner& worker);
  void ended(const Fence& fence, const Runner& worker, bool finished);
  void granted_beyond_credit(const std::string& worker, const std::string& what);

  // ---- clients
  void submitting(const std::string& client, std::uint64_t number, std::size_t tasks,
                  std::vector<std::string> values = {});
  // It will be asked again, and what came later may get ahead of it.
  void refused(const std::string& client, std::uint64_t number);
  void outcome_seen(const TaskId& task, const Outcome& outcome, const Disk& disk);
  void received(const std::string& value);

  // ---- the end, when there were no faults for long enough
  void everything_should_be_done(const Disk& disk, std::uint64_t unfinished, std::size_t unanswered);

  const std::vector<std::string>& broken() const { return broken_; }
  struct Totals {
    std::uint64_t acknowledged = 0, runs = 0, values = 0, outcomes = 0;
  };
  const Totals& totals() const { return totals_; }

 private:
  template <typename... Args>
  void broke(fmt::format_string<Args...> text, Args&&... args) {
    broken_.push_back(fmt::format(text, std::forward<Args>(args)...));
    story_.tell("BROKEN", "{}", broken_.back());
  }

  Story& story_;
  std::vector<std::string> broken_;
  Totals totals_;

  struct Submission {
    std::size_t tasks = 0;
    std::vector<std::string> values;  // of a put; empty: tasks
    master::Accepted accepted;        // count 0: not acknowledged yet
  };
  std::map<std::pair<std::string, std::uint64_t>, Submission> submissions_;
  std::map<TaskId, Fence> current_;  // the last grant of each task
  struct Run {
    const Runner* worker;
    bool stopping = false;
  };
  std::map<Fence, Run> running_;
  std::set<Fence> finished_;
  std::map<TaskId, std::uint32_t> starts_;  // of at-most-once tasks
  std::map<TaskId, std::string> outcomes_;  // as first seen
  std::set<std::string> handed_, received_, out_of_order_;
  std::map<std::string, std::uint64_t> last_handed_;  // client and queue → number of the value
};

}  // namespace reeve::sim
