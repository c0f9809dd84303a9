// reeve show: everything about a job or a task.
#include "client/cli/commands.h"
#include "client/cli/json_text.h"
#include "client/cli/progress.h"
#include "client/cli/schema.h"
#include "client/cli/text.h"
#include "client/cli/workers.h"
#include "common/base/duration.h"
#include "common/base/utf8.h"

namespace reeve::cli {

namespace {

constexpr std::size_t preview_bytes = 200;

std::string preview(std::string_view bytes) {
  if (!is_utf8(bytes)) return fmt::format("({} of binary data)", bytes_of(bytes.size()));
  if (bytes.size() <= preview_bytes) return std::string(bytes);
  std::size_t end = preview_bytes;
  while (end > 0 && (static_cast<unsigned char>(bytes[end]) & 0xc0) == 0x80) --end;
  return fmt::format("{}… ({})", bytes.substr(0, end), bytes_of(bytes.size()));
}

void add_spec(Facts& facts, const TaskSpec& spec) {
  facts.add("queue", spec.queue);
  facts.add("runs", describe(spec));
  if (!spec.command.cwd.empty()) facts.add("directory", spec.command.cwd);
  if (!spec.command.env.empty()) facts.add("environment", join(spec.command.env, " "));
  if (spec.priority != 0) facts.add("priority", std::to_string(spec.priority));
  if (spec.retries != 0) facts.add("retries", std::to_string(spec.retries));
  if (spec.time_limit != Duration{0}) facts.add("time limit", format_duration(spec.time_limit));
  if (spec.delay != Duration{0}) facts.add("delay", format_duration(spec.delay));
  if (spec.at_most_once) facts.add("at most once", "yes");
  if (!spec.result_queue.empty()) facts.add("result queue", spec.result_queue);
  if (!spec.labels.empty()) facts.add("labels", join(spec.labels, " "));
}

std::string counts_text(const Counts& counts) {
  std::string text = with_commas(counts.total);
  std::string_view before = ": ";
  const auto add = [&](std::uint64_t count, std::string_view what) {
    if (count > 0) text += fmt::format("{}{} {}", std::exchange(before, ", "), with_commas(count), what);
  };
  add(counts.waiting, "waiting");
  add(counts.ready, "ready");
  add(counts.leased, "running");
  add(counts.succeeded, "succeeded");
  add(counts.failed, "failed");
  add(counts.cancelled, "cancelled");
  return text;
}

Facts facts_of(const JobInfo& job) {
  const WallTime now = wall_now();
  Facts facts;
  facts.add("job", std::to_string(job.job));
  if (!job.name.empty()) facts.add("name", job.name);
  facts.add("state", std::string(state_of(job)) + (job.open ? " (open: more tasks may come)" : ""),
            tone_of(state_of(job)));
  if (!job.trouble.empty()) facts.add("trouble", job.trouble, Tone::warning);
  facts.add("tasks", counts_text(job.counts));
  add_spec(facts, job.spec);
  std::vector<std::string> after;
  for (const std::uint64_t other : job.after) after.push_back(std::to_string(other));
  if (!after.empty()) facts.add("after", join(after, ", "));
  facts.add("submitted", fmt::format("{} ({})", local_time(job.submitted), ago(job.submitted, now)));
  facts.add("started", local_time(job.started));
  facts.add("finished", local_time(job.finished));
  facts.add("time", format_duration(age_of(job, now)));
  return facts;
}

void add_outcome(Facts& facts, const Outcome& outcome, bool ran_program) {
  if (outcome.state != TaskState::succeeded) facts.add_lines("error", reason_of(outcome), Tone::bad);
  if (outcome.signal != 0)
    facts.add("signal", std::to_string(outcome.signal));
  else if (ran_program)
    facts.add("exit code", std::to_string(outcome.exit_code));
  if (!outcome.value.empty()) facts.add("value", preview(payload_text(outcome.value, outcome.encoding)));
  if (!outcome.out.empty())
    facts.add("stdout", bytes_of(outcome.out.size()) + (outcome.out_cut ? ", cut" : ""));
  if (!outcome.err.empty())
    facts.add("stderr", bytes_of(outcome.err.size()) + (outcome.err_cut ? ", cut" : ""));
  facts.add("worker", outcome.worker);
  facts.add("started", local_time(outcome.started));
  facts.add("time", format_duration(outcome.run));
}

Facts facts_of(TaskName name, const TaskInfo& task) {
  Facts facts;
  facts.add("task", to_string(name));
  facts.add("state", std::string(name_of(task.state)), tone_of(name_of(task.state)));
  facts.add("attempt", std::to_string(task.attempt));
  if (task.crashes > 0) facts.add("lost workers", std::to_string(task.crashes), Tone::warning);
  if (task.spec) add_spec(facts, *task.spec);
  const Encoding encoding = task.spec ? task.spec->encoding : Encoding::raw;
  if (!task.payload.empty()) facts.add("element", preview(payload_text(task.payload, encoding)));
  if (!task.worker.empty() && !task.outcome) facts.add("worker", task.worker);
  if (task.not_before != WallTime{}) facts.add("not before", local_time(task.not_before));
  if (task.outcome) add_outcome(facts, *task.outcome, task.spec && task.spec->is_command());
  return facts;
}

class Show final : public Command {
 public:
  void declare(Options& options) override {
    options.flag("--tasks", tasks_, "of a job: a line for each of its tasks");
    options.choice("--state", state_, {"waiting", "ready", "leased", "succeeded", "failed", "cancelled"},
                   "with --tasks: only tasks in this state");
    options.argument("JOB[.TASK]", name_, "a job, or one of its tasks");
  }

  Exit run(Context& context) override {
    const TaskName name = parse_name(name_);
    const Job job = context.client().job(name.job);
    if (name.index != 0)
      show_task(context, name, job.task(name.index, true));
    else if (tasks_ || !state_.empty())
      show_tasks(context, job);
    else
      show_job(context, job.info());
    return Exit::ok;
  }

 private:
  static void show_job(Context& context, const JobInfo& job) {
    if (context.json())
      context.out().line(json_job(job));
    else if (context.quiet())
      context.out().line(state_of(job));
    else
      context.out().write(facts_of(job).render(context.out().style()));
  }

  static void show_task(Context& context, TaskName name, const TaskInfo& task) {
    if (context.json()) {
      context.out().line(json_task(name.job, task));
    } else if (context.quiet()) {
      context.out().line(name_of(task.state));
    } else {
      Facts facts = facts_of(name, task);
      if (task.state == TaskState::leased)
        if (const auto lost = lost_holder(context.client(), name))
          facts.add("trouble", fate_of(*lost, task.spec && task.spec->at_most_once), Tone::warning);
      context.out().write(facts.render(context.out().style()));
    }
  }

  // A page at a time, each a table of its own width under one title.
  void show_tasks(Context& context, const Job& job) const {
    (void)job.info();  // is there such a job?
    TaskQuery query;
    for (std::size_t state = 0; state < task_states; ++state)
      if (name_of(static_cast<TaskState>(state)) == state_) query.states = {static_cast<TaskState>(state)};
    do {
      const TaskPage page = job.tasks(query);
      show_page(context, job.number(), page.tasks);
      query.first = page.next;
    } while (query.first != 0);
  }

  static void show_page(Context& context, std::uint64_t job, const std::vector<TaskInfo>& tasks) {
    Table table({{"TASK"},
                 {"STATE"},
                 {"ATTEMPT", Table::Align::right},
                 {"TIME", Table::Align::right},
                 {"WORKER"},
                 {"ERROR"}});
    for (const TaskInfo& task : tasks) {
      const TaskName name{job, task.index};
      if (context.json()) {
        context.out().line(json_task(job, task));
      } else if (context.quiet()) {
        context.out().line(to_string(name));
      } else {
        const Outcome* outcome = task.outcome ? &*task.outcome : nullptr;
        table.add({to_string(name),
                   {std::string(name_of(task.state)), tone_of(name_of(task.state))},
                   std::to_string(task.attempt),
                   outcome ? format_duration(outcome->run) : "-",
                   outcome               ? outcome->worker
                   : task.worker.empty() ? "-"
                                         : task.worker,
                   outcome ? std::string(first_line(reason_of(*outcome))) : std::string()});
      }
    }
    if (!table.empty()) context.out().write(table.render(context.out().style()));
  }

  bool tasks_ = false;
  std::string state_, name_;
};

}  // namespace

const CommandEntry show_entry{"show", "Show everything about a job or a task", "", make_command<Show>};

}  // namespace reeve::cli
