// reeve why: why a job or task does not move.
#include "client/cli/commands.h"
#include "client/cli/schema.h"
#include "client/cli/text.h"
#include "client/cli/workers.h"
#include "common/base/duration.h"

namespace reeve::cli {

namespace {

std::string explain(Client& client, const JobInfo& job) {
  if (job.counts.leased > 0) {
    std::string lost;
    for (const LostHolder& holder : lost_holders(client, job.job))
      lost += (lost.empty() ? "" : "; ") + fate_of(holder, job.spec.at_most_once);
    if (!lost.empty()) return lost;
  }
  if (!job.trouble.empty() && !job.is_finished()) return job.trouble;
  if (job.is_finished()) return fmt::format("it is finished: {}", state_of(job));
  if (job.counts.leased > 0)
    return fmt::format("nothing is wrong: {} running", count_of(job.counts.leased, "task"));
  if (job.open && job.counts.finished() == job.counts.total) return "it is open: it waits for more tasks";
  if (job.counts.ready == 0 && job.counts.waiting > 0)
    return fmt::format(
        "nothing is wrong: {} until a delay, or the pause after a failed attempt, is over; "
        "'reeve why {}.TASK' tells how long",
        job.counts.waiting == 1 ? "1 task waits" : count_of(job.counts.waiting, "task") + " wait", job.job);
  return "nothing is wrong: its tasks wait for their turn";
}

std::string explain(Client& client, const JobInfo& job, const TaskInfo& task, WallTime now) {
  switch (task.state) {
    case TaskState::leased:
      if (const auto lost = lost_holder(client, {job.job, task.index}))
        return fate_of(*lost, job.spec.at_most_once);
      return fmt::format("nothing is wrong: worker {} has it", task.worker);
    case TaskState::waiting:
      if (task.not_before > now)
        return fmt::format(
            "it starts in {}{}", format_duration(task.not_before - now),
            task.attempt > 0 ? fmt::format(", after {} failed", count_of(task.attempt, "attempt")) : "");
      return explain(client, job);
    case TaskState::ready:
      return explain(client, job);
    default:
      break;
  }
  return fmt::format(
      "it has {}{}", task.state == TaskState::cancelled ? "been " : "",
      ending_of(task.state, task.outcome ? std::string(first_line(reason_of(*task.outcome))) : ""));
}

class Why final : public Command {
 public:
  void declare(Options& options) override {
    options.argument("JOB[.TASK]", name_, "a job, or one of its tasks");
  }

  Exit run(Context& context) override {
    const TaskName name = parse_name(name_);
    const Job job = context.client().job(name.job);
    const JobInfo info = job.info();
    Client& client = context.client();
    const std::string text =
        name.index == 0 ? explain(client, info) : explain(client, info, job.task(name.index), wall_now());
    if (context.json())
      context.out().line(json_why(name, info, text));
    else
      context.out().line(one_line(text));
    return Exit::ok;
  }

 private:
  std::string name_;
};

}  // namespace

const CommandEntry why_entry{"why", "Tell why a job or task does not move", "", make_command<Why>};

}  // namespace reeve::cli
