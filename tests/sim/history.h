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
#include "tests/sim/reasons.h"
#include "tests/sim/tasks.h"
#include "tests/sim/value_lines.h"

namespace reeve::sim {

class History {
 public:
  History(const Clockwork& clock, Story& story)
      : story_(story),
        tasks_(clock, [this](const std::string& what) { broke("{}", what); }),
        reasons_(clock) {}

  Tasks& tasks() { return tasks_; }
  Reasons& reasons() { return reasons_; }
  ValueLines& value_lines() { return value_lines_; }

  // ---- the master, at the moment when something leaves it
  void acknowledged(const std::string& client, std::uint64_t number, const master::Accepted& accepted,
                    const Disk& disk);
  void granted(const Fence& fence, const Tasks::To& to);
  // The Broker took a result.
  void recorded(const Fence& fence, TaskState state, const std::string& value, const std::string& worker);
  void result_acknowledged(const Fence& fence, const Disk& disk);
  void left_its_line(const TaskId& id, const std::string& value, SessionId to);
  void handed_out(const std::string& value);  // "client1 values-12", for its order in that queue
  using Values = std::set<std::string>;
  const Values& unfinished_in(const std::string& queue) { return unfinished_[queue]; }
  // `asked`: what was unfinished when the answered join came.
  void joined(const std::string& queue, const Values& asked);
  // What is in it for certain: tasks that nobody was ever granted.
  std::uint64_t at_least_in(const std::string& queue) const {
    return tasks_.count_in(queue, [this](const TaskId& task) { return !current_.contains(task); });
  }
  void admitted(const std::string& queue, std::uint64_t before, std::uint64_t more, std::uint64_t maxsize);
  void pause_forgotten(const std::string& queue);
  bool is_current(const Fence& fence) const;
  const Fence& current(const TaskId& task) { return current_[task].fence; }
  const std::string& holder(const TaskId& task) { return current_[task].worker; }

  // ---- workers
  struct Runner {  // a worker, as far as it matters here
    virtual bool frozen() const = 0;

   protected:
    ~Runner() = default;
  };
  void started(const Fence& fence, const Runner& worker, bool at_most_once);
  void told_to_stop(const Fence& fence, const Runner& worker);
  void told_to_drop(const Fence& fence);  // as it came back
  void ended(const Fence& fence, const Runner& worker, bool finished);
  void granted_beyond_credit(const std::string& worker, const std::string& what);

  // ---- clients
  void submitting(const std::string& client, std::uint64_t number, std::size_t tasks,
                  const std::string& queue = {}, std::vector<std::string> values = {});
  // It will be asked again, and what came later may get ahead of it.
  void refused(const std::string& client, std::uint64_t number);
  // The master said that it can never be, and the client believed it.
  void given_up(const std::string& client, std::uint64_t number, const std::vector<JobId>& after,
                const Disk& disk);
  void not_told(const TaskId& task, const std::string& client);
  void told_otherwise(const TaskId& task, const std::string& client);
  void outcome_seen(const TaskId& task, const Outcome& outcome, const Disk& disk);
  void answered_out_of_time(std::string_view when);  // a wait with a limit
  void received(const std::string& value);
  void finishing(const std::string& queue,
                 const std::vector<std::string>& values);  // task_done is on its way
  void finished(const std::vector<std::string>& values);   // and was answered
  void task_done_refused(const std::string& client, const Error& why);

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
  Tasks tasks_;
  Reasons reasons_;
  ValueLines value_lines_;
  std::vector<std::string> broken_;
  Totals totals_;

  struct Submission {
    std::size_t tasks = 0;
    std::string queue;
    std::vector<std::string> values;  // of a put; empty: tasks
    master::Accepted accepted;        // count 0: not acknowledged yet
    bool given_up = false;
  };
  std::map<std::pair<std::string, std::uint64_t>, Submission> submissions_;
  struct Granted {
    Fence fence;
    std::string worker;
  };
  std::map<TaskId, Granted> current_;  // the last grant of each task
  struct Run {
    const Runner* worker;
    bool stopping = false;
  };
  std::map<Fence, Run> running_;
  std::set<Fence> finished_;
  std::map<TaskId, std::uint32_t> starts_;  // of at-most-once tasks
  std::map<TaskId, std::string> outcomes_;  // as first seen
  Values handed_, received_, out_of_order_;
  Values finishing_;                          // a client has said that they are done
  Values finished_values_;                    // …and was told that this is known
  std::map<std::string, Values> unfinished_;  // queue → acknowledged, and nobody said that they are done
  std::map<std::string, std::uint64_t> last_handed_;  // client and queue → number of the value
};

}  // namespace reeve::sim
