#include "tests/sim/history.h"

#include <charconv>

namespace reeve::sim {

void History::submitting(const std::string& client, std::uint64_t number, std::size_t tasks,
                         const std::string& queue, std::vector<std::string> values) {
  submissions_[{client, number}] = {
      .tasks = tasks, .queue = queue, .values = std::move(values), .accepted = {}};
}

void History::refused(const std::string& client, std::uint64_t number) {
  for (const std::string& value : submissions_[{client, number}].values) out_of_order_.insert(value);
}

void History::given_up(const std::string& client, std::uint64_t number, const std::vector<JobId>& after,
                       const Disk& disk) {
  submissions_[{client, number}].given_up = true;
  for (const JobId job : after)
    if (tasks_.is_erased(job) || !tasks_.succeeded(job)) return;
  if (tasks_.is_erased(disk.job_of(client, number))) return;  // it began to come in, ended, and was forgotten
  broke("submission {} of {} was refused for good, and there was no reason", number, client);
}

void History::acknowledged(const std::string& client, std::uint64_t number, const master::Accepted& accepted,
                           const Disk& disk) {
  Submission& submission = submissions_[{client, number}];
  for (const std::string& value : submission.values)
    if (disk.puts_of(value) == 0) broke("value {} was acknowledged and is not on the disk", value);
  for (std::uint32_t i = 0; i < accepted.count && submission.values.empty(); ++i)
    if (const TaskId task{accepted.job, accepted.first + i}; !disk.ever_knew(task))
      broke("task {} was acknowledged and is not on the disk", task);
  if (submission.accepted.count == 0) {
    totals_.acknowledged += accepted.count;
    if (accepted.count != submission.tasks)
      broke("submission {} of {}: {} tasks were sent and {} acknowledged", number, client, submission.tasks,
            accepted.count);
    submission.accepted = accepted;
    for (const std::string& value : submission.values)
      if (!finishing_.contains(value)) unfinished_[submission.queue].insert(value);
  } else if (submission.accepted.job != accepted.job || submission.accepted.first != accepted.first) {
    broke("submission {} of {} was acknowledged as {} and as {}", number, client,
          TaskId{submission.accepted.job, submission.accepted.first}, TaskId{accepted.job, accepted.first});
  }
}

void History::granted(const Fence& fence, const Tasks::To& to) {
  if (const auto before = current_.find(fence.task);
      before != current_.end() && tasks_.is_of_its_task(before->second.fence) &&
      !reasons_.enough(before->second.fence, before->second.worker))
    broke("task {} is granted again, and {}, which began attempt {}, was not away", fence.task,
          before->second.worker, before->second.fence.attempt);
  current_[fence.task] = {fence, to.worker};
  tasks_.granted(fence, to);
}

void History::pause_forgotten(const std::string& queue) {
  broke("queue {} was paused or resumed, and is not as it was after a restart", queue);
}

bool History::is_current(const Fence& fence) const {
  const auto found = current_.find(fence.task);
  return found != current_.end() && found->second.fence == fence;
}

void History::recorded(const Fence& fence, TaskState state, const std::string& value,
                       const std::string& worker) {
  if (!is_current(fence))
    broke("a result of attempt {} of task {} in epoch {} was recorded, which is not the last one granted",
          fence.attempt, fence.task, fence.epoch);
  else if (state != TaskState::cancelled && !finished_.contains(fence))
    broke("a result of attempt {} of task {} was recorded, which did not finish", fence.attempt, fence.task);
  else if (current_.at(fence.task).worker != worker)
    broke("a result of attempt {} of task {} was taken from {}, which it was not granted to", fence.attempt,
          fence.task, worker);
  if (state == TaskState::succeeded)
    tasks_.succeeded(fence.task, value);
  else
    reasons_.given_up(fence);
  if (state == TaskState::failed) tasks_.failed(fence);
}

// Who asked to cancel it was not answered yet, and the next master may know nothing of that.
void History::told_to_drop(const Fence& fence) {
  if (tasks_.cancel_was_asked(fence.task)) reasons_.given_up(fence);
}

void History::result_acknowledged(const Fence& fence, const Disk& disk) {
  const bool tried_again = disk.attempts_of(fence.task) >= fence.attempt;  // it failed
  if (!disk.ever_ended(fence.task) && !tried_again)
    broke("the result of attempt {} of task {} was acknowledged and is not on the disk", fence.attempt,
          fence.task);
  tasks_.failure_acknowledged(fence);
}

void History::left_its_line(const TaskId& id, const std::string& value, SessionId to) {
  if (!value_lines_.handed_out(id, to)) broke("value {} ({}) was handed out before its turn", value, id);
}

void History::handed_out(const std::string& value) {
  if (finished_values_.contains(value)) broke("value {} was handed out after its task_done", value);
  if (!handed_.insert(value).second) return;  // again: its first receiver is gone
  if (out_of_order_.contains(value)) return;
  const auto dash = value.find('-');
  const std::string from = value.substr(0, dash);
  std::uint64_t number = 0;
  std::from_chars(value.data() + dash + 1, value.data() + value.size(), number);
  std::uint64_t& last = last_handed_[from];
  if (number <= last) broke("value {} of {} came after {}", number, from, last);
  last = number;
}

void History::joined(const std::string& queue, const Values& asked) {
  for (const std::string& value : asked)
    if (unfinished_[queue].contains(value))
      return broke("join of queue {} was answered, and value {} is not done", queue, value);
}

void History::admitted(const std::string& queue, std::uint64_t before, std::uint64_t more,
                       std::uint64_t maxsize) {
  if (before + more > maxsize)
    broke("queue {} took {} more and holds {}; its bound is {}", queue, more, before + more, maxsize);
}

// ---------------------------------------------------------------- workers

void History::started(const Fence& fence, const Runner& worker, bool at_most_once) {
  ++totals_.runs;
  for (const auto& [other, run] : running_)
    if (other.task == fence.task && tasks_.is_of_its_task(fence) && tasks_.is_of_its_task(other) &&
        !run.stopping && !run.worker->frozen())
      broke("attempt {} of task {} starts while attempt {} runs", fence.attempt, fence.task, other.attempt);
  if (finished_.contains(fence)) broke("attempt {} of task {} runs a second time", fence.attempt, fence.task);
  if (at_most_once && ++starts_[fence.task] > 1) broke("at-most-once task {} starts again", fence.task);
  running_[fence] = {&worker, false};
  reasons_.begun(fence);
}

void History::told_to_stop(const Fence& fence, const Runner& worker) {
  const auto found = running_.find(fence);
  if (found != running_.end() && found->second.worker == &worker) found->second.stopping = true;
}

void History::ended(const Fence& fence, const Runner& worker, bool finished) {
  if (finished) finished_.insert(fence);
  const auto found = running_.find(fence);
  if (found != running_.end() && found->second.worker == &worker) running_.erase(found);
}

void History::granted_beyond_credit(const std::string& worker, const std::string& what) {
  broke("{} was granted more than it had asked for: {}", worker, what);
}

// ---------------------------------------------------------------- clients

void History::outcome_seen(const TaskId& task, const Outcome& outcome, const Disk& disk) {
  ++totals_.outcomes;
  if (!disk.ever_ended(task)) broke("the outcome of task {} was told and is not on the disk", task);
  const std::string seen = fmt::format("{} in attempt {}: {}{}", static_cast<int>(outcome.state),
                                       outcome.attempt, outcome.value, outcome.error);
  const auto [first, fresh] = outcomes_.emplace(task, seen);
  if (!fresh && first->second != seen)
    broke("task {} ended twice: first {}, then {}", task, first->second, seen);
}

void History::not_told(const TaskId& task, const std::string& client) {
  broke("task {} ended, and {}, which watches it, is not told", task, client);
}

void History::told_otherwise(const TaskId& task, const std::string& client) {
  broke("{} is told another outcome of task {} than is kept", client, task);
}

void History::received(const std::string& value) {
  if (received_.insert(value).second) ++totals_.values;
}

void History::answered_out_of_time(std::string_view when) { broke("a wait ends {} its time is over", when); }

void History::finishing(const std::string& queue, const std::vector<std::string>& values) {
  for (const std::string& value : values) unfinished_[queue].erase(value), finishing_.insert(value);
}

void History::finished(const std::vector<std::string>& values) {
  finished_values_.insert(values.begin(), values.end());
}

void History::task_done_refused(const std::string& client, const Error& why) {
  broke("task_done of {} for what it had taken was refused: {}", client, why.detail);
}

// ---------------------------------------------------------------- the end

void History::everything_should_be_done(const Disk& disk, std::uint64_t unfinished, std::size_t unanswered) {
  if (unfinished > 0) broke("{} tasks and values are unfinished long after the last fault", unfinished);
  tasks_.check_result_queues(disk);
  tasks_.check_no_unexplained_failures();
  if (unanswered > 0) broke("{} requests have no answer long after the last fault", unanswered);
  for (const TaskId& task : disk.recorded_twice()) broke("two final states of task {} were recorded", task);
  std::set<TaskId> acknowledged;
  std::set<JobId> half;  // nobody will ask for the rest of these
  for (const auto& [key, submission] : submissions_) {
    if (submission.given_up) half.insert(disk.job_of(key.first, key.second));
    for (const std::string& value : submission.values) {
      if (submission.accepted.count > 0 && !received_.contains(value))
        broke("value {} was acknowledged and never arrived", value);
      if (disk.puts_of(value) > 1) broke("value {} was queued {} times", value, disk.puts_of(value));
    }
    for (std::uint32_t i = 0; i < submission.accepted.count && submission.values.empty(); ++i)
      acknowledged.insert({submission.accepted.job, submission.accepted.first + i});
  }
  for (const TaskId& task : acknowledged)
    if (!disk.ever_ended(task)) broke("task {} was acknowledged and never ended", task);
  for (const TaskId& task : disk.ever_known())
    if (!acknowledged.contains(task) && !half.contains(task.job))
      broke("task {} is there and belongs to no submission: something was queued twice", task);
}

}  // namespace reeve::sim
