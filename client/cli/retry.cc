// reeve retry: failed and cancelled tasks once more.
#include "client/cli/commands.h"
#include "client/cli/schema.h"
#include "client/cli/text.h"

namespace reeve::cli {

namespace {

class Retry final : public Command {
 public:
  void declare(Options& options) override {
    options.flag("--failed", failed_only_, "only tasks that failed, not those that were cancelled");
    options.argument("JOB[.TASK]", name_, "a job, or one of its tasks");
  }

  Exit run(Context& context) override {
    const TaskName name = parse_name(name_);
    const Job job = context.client().job(name.job);
    std::uint64_t affected = 0;
    if (name.index != 0)
      affected = job.retry({name.index});
    else
      affected = failed_only_ ? retry_failed(job) : job.retry();
    if (context.json())
      context.out().line(json_changed("retried", name_, affected));
    else if (context.quiet())
      context.out().line(name_);
    else
      context.out().line(
          fmt::format("{} {}: {} again", name.index == 0 ? "job" : "task", to_string(name),
                      affected == 0 ? "nothing to try" : count_of(affected, "task") + " will be tried"));
    return Exit::ok;
  }

 private:
  // A page at a time: a retried task leaves the list, so the next page begins behind this one.
  static std::uint64_t retry_failed(const Job& job) {
    std::uint64_t affected = 0;
    TaskQuery query{.states = {TaskState::failed}};
    do {
      const TaskPage page = job.tasks(query);
      std::vector<std::uint32_t> indices;
      for (const TaskInfo& task : page.tasks) indices.push_back(task.index);
      if (!indices.empty()) affected += job.retry(std::move(indices));
      query.first = page.next;
    } while (query.first != 0);
    return affected;
  }

  bool failed_only_ = false;
  std::string name_;
};

}  // namespace

const CommandEntry retry_entry{"retry", "Try failed and cancelled tasks of a job again", "",
                               make_command<Retry>};

}  // namespace reeve::cli
