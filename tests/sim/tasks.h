// Tasks: what the checker knows of every task: where it stands in line, how it was tried, what it waits for. A grant must
// respect all of it.
//
// It hears what the master keeps, at the moment of the decision; a restart takes back what was not on the disk.
//
// Owner: History.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "common/base/ids.h"
#include "common/base/task.h"
#include "master/core/records.h"
#include "tests/sim/clockwork.h"
#include "tests/sim/disk.h"

namespace reeve::sim {

class Tasks {
 public:
  using Broke = std::function<void(std::string)>;
  Tasks(const Clockwork& clock, Broke broke) : clock_(clock), broke_(std::move(broke)) {}

  void kept(const master::Record& record, Duration results_kept_for);
  void restarted(const Disk& disk);
  void wall_clock_stepped() { stepped_ = clock_.now(); }
  void set_kind(const std::string& queue, QueueKind kind) { kinds_[queue] = kind; }

  struct To {  // whom a task is granted to
    const std::string& worker;
    const std::vector<std::string>& functions;
    bool draining;
    const std::set<std::string>& paused;  // queues
  };
  void granted(const Fence& fence, const To& to);
  void left_without(const To& to);  // though it could have had a task
  void succeeded(const TaskId& task, const std::string& value);
  void failed(const Fence& fence);  // by itself, and the Broker took note of it
  void failure_acknowledged(const Fence& fence);
  // A client asks for it: it may happen from now on. No indices: all.
  void cancel_asked(JobId job, std::span<const std::uint32_t> indices);
  void cancel_acknowledged(JobId job, std::span<const std::uint32_t> indices);
  // Nobody tells the checker of failures that were none; they are known at the end.
  void check_no_unexplained_failures();
  void fetched(const TaskId& task);
  bool cancel_was_asked(const TaskId& task) const {
    return asked_to_cancel_.contains(task) || asked_to_cancel_.contains({task.job, 0});
  }
  bool was_cancelled(const TaskId& task) const {
    const auto found = tasks_.find(task);
    return found != tasks_.end() && found->second.ended == TaskState::cancelled;
  }
  // Not of a task that was lost with an earlier master before it was kept, and whose number this one got.
  bool is_of_its_task(const Fence& fence) const {
    const auto found = tasks_.find(fence.task);
    return found == tasks_.end() || fence.epoch.value >= found->second.life;
  }
  // No task has its result in its result queue twice. (That it is there is not promised: docs/RELIABILITY.md.)
  void check_result_queues(const Disk& disk);
  // Results are not kept for ever. (A clock that was set back makes them stay for longer.)
  void check_retention(WallTime now, Duration results_kept_for) const;
  bool is_erased(JobId job) const { return erased_.contains(job); }
  // Unfinished ones of a queue for which `is_in` says so.
  template <typename IsIn>
  std::uint64_t count_in(const std::string& queue, const IsIn& is_in) const {
    return static_cast<std::uint64_t>(std::ranges::count_if(tasks_, [&](const auto& one) {
      return one.second.spec->queue == queue && !one.second.ended && is_in(one.first);
    }));
  }
  bool succeeded(JobId job) {
    const auto tasks = tasks_of(job);
    return std::ranges::all_of(tasks, [](const auto* t) { return t->second.ended == TaskState::succeeded; });
  }

 private:
  struct Failure {
    TimePoint at;
    std::uint64_t life;
    bool acknowledged = false;
  };
  struct Known {
    std::shared_ptr<const TaskSpec> spec;
    std::string payload;
    TimePoint kept_at;
    std::uint64_t life;  // of the master: its epoch
    std::optional<TaskState> ended{};
    std::uint64_t order;  // in which they came
    bool cancelled = false, fetched = false;
    bool granted = false;  // ever
    std::map<Fence, Failure> failures{};
    bool under_way = false;  // granted, and not known to have failed
  };
  using Line =
      std::map<std::int32_t, std::deque<TaskId>, std::greater<>>;  // by priority, in the order they came
  using Where = std::pair<std::string, std::string>;               // queue, function

  void add(const master::ChunkRecord& chunk);
  void check_results(const master::ChunkRecord& chunk);
  void leave_line(const TaskId& task, const TaskSpec& spec);
  void old_ones_join(const TaskId& granted, const Known& known);
  void check_turn(const TaskId& task, const TaskSpec& spec, const To& to);
  void check_failures(const TaskId& task, const Known& known);
  void check_waits(const TaskId& task, const Known& known);
  void check_may_go(const TaskId& task, const Known& known, const To& to);
  void check_reason_to_end(const TaskId& task, const Known& known);
  void check_erasure(JobId job, Duration results_kept_for);
  std::vector<std::pair<const TaskId, Known>*> tasks_of(JobId job);
  std::optional<TimePoint> should_have_gone(const TaskId& task, const Known& known);
  // Its moment was kept by a clock that was set since.
  bool uncertain(TimePoint since, std::uint64_t life) const { return life != life_ && stepped_ >= since; }
  template <typename... Args>
  void broke(fmt::format_string<Args...> text, Args&&... args) {
    broke_(fmt::format(text, std::forward<Args>(args)...));
  }

  const Clockwork& clock_;
  Broke broke_;
  std::uint64_t life_ = 0;
  TimePoint stepped_{}, next_look_{};
  std::map<TaskId, Known> tasks_;
  std::map<JobId, master::JobRecord> jobs_;
  struct Finished {
    WallTime by_the_wall;
    TimePoint at;
    std::uint64_t life;
  };
  std::map<JobId, Finished> finished_;
  std::set<JobId> erased_;
  std::set<TaskId> asked_to_cancel_;     // index 0: the whole job
  std::set<TaskId> failed_unexplained_;  // recorded as failed, while no worker has said so
  std::map<std::string, QueueKind> kinds_;
  // Of tasks that may go and were never granted: such as came in this life, and once one of an earlier life was granted,
  // those of earlier lives as well.
  std::map<Where, Line> lines_;
  bool old_ones_joined_ = false;
  std::uint64_t next_order_ = 0;
  std::map<std::pair<JobId, std::uint32_t>, std::uint32_t> chunks_;  // tasks in each
};

}  // namespace reeve::sim
