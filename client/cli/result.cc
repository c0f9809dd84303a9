// reeve result: what tasks returned or printed, a page at a time.
#include <sys/stat.h>

#include "client/cli/commands.h"
#include "client/cli/schema.h"
#include "client/cli/text.h"
#include "common/base/duration.h"

namespace reeve::cli {

namespace {

constexpr std::uint32_t page_tasks = 256;  // output of so many tasks is held at once

bool same_file(int a, int b) {
  struct stat first{}, second{};
  return ::fstat(a, &first) == 0 && ::fstat(b, &second) == 0 && first.st_dev == second.st_dev &&
         first.st_ino == second.st_ino;
}

class ResultCommand final : public Command {
 public:
  void declare(Options& options) override {
    options.flag("--failed", failed_only_, "only of tasks that failed");
    options.flag("--stdout", out_only_, "of commands: only standard output");
    options.flag("--stderr", err_only_, "of commands: only standard error");
    options.argument("JOB[.TASK]", name_, "a job, or one of its tasks");
  }

  Exit run(Context& context) override {
    if (out_only_ && err_only_) refuse(Errc::invalid_argument, "--stdout and --stderr exclude each other");
    const TaskName name = parse_name(name_);
    const Job job = context.client().job(name.job);
    return name.index != 0 ? show_one(context, job, name) : show_all(context, job);
  }

 private:
  Exit show_one(Context& context, const Job& job, TaskName name) {
    const TaskInfo task = job.task(name.index);
    if (!task.outcome)
      refuse(Errc::wrong_state, "task {} has no result yet, it is {}; wait for it: reeve wait {}",
             to_string(name), name_of(task.state), name.job);
    print(context, name, *task.outcome);
    return exit_of(counts_);
  }

  Exit show_all(Context& context, const Job& job) {
    const JobInfo info = job.info();
    heads_ = info.counts.total > 1 && !context.quiet();
    calls_ = !info.spec.is_command();
    heads_on_err_ = !same_file(context.out().fd(), context.err().fd());
    TaskQuery query;
    query.limit = page_tasks;
    query.outcomes = true;
    query.states = {TaskState::failed};
    if (!failed_only_) query.states = {TaskState::succeeded, TaskState::failed, TaskState::cancelled};
    do {
      const TaskPage page = job.tasks(query);
      for (const TaskInfo& task : page.tasks)
        if (task.outcome) print(context, {job.number(), task.index}, *task.outcome);
      query.first = page.next;
    } while (query.first != 0);
    if (info.is_finished() || failed_only_) return exit_of(counts_, info.incomplete);
    context.out().flush();
    const std::uint64_t left = info.counts.total - info.counts.finished();
    refuse(Errc::wrong_state, "{} of job {} {} not finished; wait for the rest: reeve wait {}",
           count_of(left, "task"), job.number(), left == 1 ? "is" : "are", job.number());
  }

  void print(Context& context, TaskName task, const Outcome& outcome) {
    ++counts_.total;
    if (outcome.state == TaskState::succeeded)
      ++counts_.succeeded;
    else
      ++(outcome.state == TaskState::cancelled ? counts_.cancelled : counts_.failed);
    if (context.json()) {
      context.out().line(json_result(task, outcome));
      return;
    }
    if (calls_ && heads_)
      print_call(context, task, outcome);
    else
      print_outcome(context, task, outcome);
  }

  // One of many function calls: "17.3: 144".
  void print_call(Context& context, TaskName task, const Outcome& outcome) {
    Output& out = context.out();
    out.write(paint(out.style(), Tone::dim, to_string(task) + ":"));
    out.write(" ");
    if (outcome.state == TaskState::succeeded)
      out.write(payload_text(outcome.value, outcome.encoding));
    else
      out.write(
          paint(out.style(), Tone::bad, several_lines(ending_of(outcome.state, reason_of(outcome)), "  ")));
    if (!outcome.value.ends_with('\n')) out.write("\n");
  }

  void print_outcome(Context& context, TaskName task, const Outcome& outcome) {
    Output& out = context.out();
    Output& err = context.err();
    if (heads_ && !err_only_) out.line(paint(out.style(), Tone::strong, head(task, outcome)));
    if (!err_only_) print_out(out, outcome);
    if (!out_only_ && !outcome.err.empty()) {
      out.flush();
      if (heads_ && (heads_on_err_ || err_only_)) err.line(head(task, outcome));
      err.write(outcome.err);
      err.flush();
    }
    if (outcome.state != TaskState::succeeded && !heads_) tell_ending(context, task, outcome);
    if (outcome.out_cut || outcome.err_cut)
      context.note(fmt::format(
          "the output of task {} was longer than the worker keeps; this is its beginning", to_string(task)));
  }

  // Exactly the bytes. A terminal, a following head, and JSON want to end with a line's end.
  void print_out(Output& out, const Outcome& outcome) const {
    const std::string bytes =
        outcome.out.empty() ? payload_text(outcome.value, outcome.encoding) : outcome.out;
    out.write(bytes);
    if (bytes.empty() || bytes.ends_with('\n')) return;
    const bool value = outcome.out.empty() && outcome.encoding != Encoding::raw;
    if (value || heads_ || out.is_terminal()) out.write("\n");
  }

  static void tell_ending(Context& context, TaskName task, const Outcome& outcome) {
    if (context.quiet() || context.json()) return;
    context.complain_in_lines(
        fmt::format("task {} {}", to_string(task), ending_of(outcome.state, reason_of(outcome))));
  }

  static std::string head(TaskName task, const Outcome& outcome) {
    return fmt::format("==> {} {} ({} on {}) <==", to_string(task),
                       one_line(first_line(ending_of(outcome.state, reason_of(outcome)))),
                       format_duration(outcome.run), one_line(outcome.worker));
  }

  bool failed_only_ = false, out_only_ = false, err_only_ = false;
  std::string name_;
  bool heads_ = false;         // more than one task: say whose output follows
  bool calls_ = false;         // of functions
  bool heads_on_err_ = false;  // standard error goes elsewhere than standard output
  Counts counts_;
};

}  // namespace

const CommandEntry result_entry{"result", "Print what tasks returned or wrote",
                                "Of one task: what it wrote to standard output and standard error, byte for "
                                "byte, or the value that its function\n"
                                "returned. Of several tasks: the same with a head before each; -q leaves the "
                                "heads out. Results that are not there\n"
                                "yet are no success: exit code 4.",
                                make_command<ResultCommand>};

}  // namespace reeve::cli
