// reeve cancel: ends jobs or tasks that are not finished.
#include <map>

#include "client/cli/commands.h"
#include "client/cli/progress.h"
#include "client/cli/schema.h"
#include "client/cli/text.h"

namespace reeve::cli {

namespace {

class Cancel final : public Command {
 public:
  void declare(Options& options) override {
    options.arguments("JOB[.TASK]", names_, "jobs, or single tasks of them");
  }

  Exit run(Context& context) override {
    std::map<std::uint64_t, std::vector<std::uint32_t>> indices;  // none: the whole job
    std::map<std::uint64_t, bool> whole;
    for (const std::string& text : names_) {
      const TaskName name = parse_name(text);
      indices[name.job];
      if (name.index == 0)
        whole[name.job] = true;
      else
        indices[name.job].push_back(name.index);
    }
    for (auto& [number, tasks] : indices) {
      if (whole[number]) tasks.clear();
      const Job job = context.client().job(number);
      if (tasks.empty()) tell_if_long(context, job);
      const std::uint64_t affected = job.cancel(tasks);
      tell(context, number, affected);
    }
    return Exit::ok;
  }

 private:
  // The master answers when it is done.
  static void tell_if_long(Context& context, const Job& job) {
    constexpr std::uint64_t takes_seconds = 100'000;
    const Counts counts = job.info().counts;
    if (const std::uint64_t left = counts.waiting + counts.ready + counts.leased; left >= takes_seconds)
      context.note(fmt::format("job {}: cancelling {} tasks, none of which begins any more", job.number(),
                               with_commas(left)));
  }

  static void tell(Context& context, std::uint64_t job, std::uint64_t affected) {
    if (context.json())
      context.out().line(json_changed("cancelled", std::to_string(job), affected));
    else if (context.quiet())
      context.out().line(std::to_string(job));
    else
      context.out().line(affected == 0
                             ? fmt::format("job {}: nothing to cancel, it is finished", job)
                             : fmt::format("job {}: {} cancelled", job, count_of(affected, "task")));
  }

  std::vector<std::string> names_;
};

}  // namespace

const CommandEntry cancel_entry{
    "cancel", "Cancel jobs or tasks",
    "What runs is ended, what waits will not run. Finished tasks stay as they are.", make_command<Cancel>};

}  // namespace reeve::cli
