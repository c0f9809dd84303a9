// reeve ls: the jobs.
#include "client/cli/commands.h"
#include "client/cli/progress.h"
#include "client/cli/schema.h"
#include "client/cli/text.h"
#include "common/base/duration.h"

namespace reeve::cli {

namespace {

constexpr std::uint32_t limit_default = 100;

std::string tasks_of(const Counts& counts) {
  return fmt::format("{}/{}", with_commas(counts.finished()), with_commas(counts.total));
}

class Ls final : public Command {
 public:
  void declare(Options& options) override {
    options.flag("-a,--all", all_, "finished jobs, too");
    options.number("--limit", limit_, "N", "at most the newest N of them; 0: no limit (default: 100)");
    options.arguments("JOB", jobs_, "only these", false);
  }

  Exit run(Context& context) override {
    const std::vector<JobInfo> jobs =
        context.client().jobs(parse_jobs(jobs_), all_, jobs_.empty() ? limit_ : 0);
    if (context.json()) {
      context.out().line(json_jobs(jobs));
      return Exit::ok;
    }
    if (context.quiet()) {
      for (const JobInfo& job : jobs) context.out().line(std::to_string(job.job));
      return Exit::ok;
    }
    if (jobs.empty()) {
      context.note(all_ ? "there are no jobs"
                        : "no job is unfinished; 'reeve ls --all' shows finished ones, too");
      return Exit::ok;
    }
    context.out().write(table_of(jobs).render(context.out().style()));
    if (jobs_.empty() && limit_ != 0 && jobs.size() == limit_)
      context.note(fmt::format("these are the newest {}; --limit 0 shows all", limit_));
    return Exit::ok;
  }

 private:
  static Table table_of(const std::vector<JobInfo>& jobs) {
    Table table({{"JOB", Table::Align::right},
                 {"STATE"},
                 {"DONE", Table::Align::right},
                 {"FAILED", Table::Align::right},
                 {"TIME", Table::Align::right},
                 {"QUEUE"},
                 {"NAME"},
                 {"RUNS"}});
    const WallTime now = wall_now();
    for (const JobInfo& job : jobs) {
      const std::string_view state = state_of(job);
      const bool stuck = !job.trouble.empty() && !job.is_finished();
      table.add({std::to_string(job.job),
                 {std::string(state) + (stuck ? "!" : ""), stuck ? Tone::warning : tone_of(state)},
                 tasks_of(job.counts),
                 {job.counts.failed == 0 ? "-" : with_commas(job.counts.failed),
                  job.counts.failed == 0 ? Tone::dim : Tone::bad},
                 format_duration(age_of(job, now)),
                 job.spec.queue,
                 job.name.empty() ? "-" : job.name,
                 describe(job.spec)});
    }
    return table;
  }

  bool all_ = false;
  std::uint32_t limit_ = limit_default;
  std::vector<std::string> jobs_;
};

}  // namespace

const CommandEntry ls_entry{"ls", "List jobs: the unfinished ones, or all",
                            "A state with ! behind it: the job does not move, and 'reeve why JOB' tells why.",
                            make_command<Ls>};

}  // namespace reeve::cli
