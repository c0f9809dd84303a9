// reeve worker ls|show|drain|undrain.
#include "client/cli/commands.h"
#include "client/cli/progress.h"
#include "client/cli/schema.h"
#include "client/cli/text.h"
#include "client/cli/workers.h"
#include "common/base/duration.h"

namespace reeve::cli {

namespace {

// finishing: it says that it takes nothing, and nobody has asked it to drain. It shuts down; or the master cannot
// store its results; or threads that cannot be ended have all its slots.
std::string_view state_of(const WorkerInfo& worker) {
  if (!worker.connected) return "lost";
  if (does_not_answer(worker)) return "silent";
  if (worker.draining) return "draining";
  return takes_tasks(worker) ? "connected" : "finishing";
}

Tone tone_of(const WorkerInfo& worker) {
  if (does_not_answer(worker)) return Tone::bad;
  return takes_tasks(worker) ? Tone::good : Tone::warning;
}

std::string serves_text(const WorkerInfo& worker) {
  std::string text = worker.commands ? "commands" : "";
  for (const std::string& function : worker.functions) text += (text.empty() ? "" : ", ") + function;
  return text.empty() ? "nothing" : text;
}

std::string queues_text(const WorkerInfo& worker) {
  return worker.queues.empty() ? "all" : join(worker.queues, ", ");
}

class WorkerLs final : public Command {
 public:
  void declare(Options&) override {}

  Exit run(Context& context) override {
    const std::vector<WorkerInfo> workers = context.client().workers();
    if (context.json()) {
      context.out().line(json_workers(workers));
    } else if (context.quiet()) {
      for (const WorkerInfo& worker : workers) context.out().line(one_line(worker.name));
    } else if (workers.empty()) {
      context.note("no worker is connected: start reeve-worker");
    } else {
      context.out().write(table_of(workers).render(context.out().style()));
    }
    return Exit::ok;
  }

 private:
  static Table table_of(const std::vector<WorkerInfo>& workers) {
    Table table({{"WORKER"},
                 {"STATE"},
                 {"SLOTS", Table::Align::right},
                 {"HELD", Table::Align::right},
                 {"FINISHED", Table::Align::right},
                 {"FAILED", Table::Align::right},
                 {"HOST"},
                 {"QUEUES"},
                 {"SERVES"}});
    for (const WorkerInfo& worker : workers)
      table.add({worker.name,
                 {std::string(state_of(worker)), tone_of(worker)},
                 std::to_string(worker.slots),
                 with_commas(worker.held),
                 with_commas(worker.finished),
                 {with_commas(worker.failed), worker.failed == 0 ? Tone::plain : Tone::bad},
                 worker.host,
                 queues_text(worker),
                 serves_text(worker)});
    return table;
  }
};

class WorkerShow final : public Command {
 public:
  void declare(Options& options) override {
    options.argument("WORKER", name_, "the worker's name or number");
  }

  Exit run(Context& context) override {
    bool first = true;
    for (const WorkerInfo& worker : context.client().workers(name_)) {
      if (context.json()) {
        context.out().line(json_worker(worker));
      } else if (context.quiet()) {
        context.out().line(state_of(worker));
      } else {
        if (!std::exchange(first, false)) context.out().line("");
        context.out().write(facts_of(worker).render(context.out().style()));
      }
    }
    return Exit::ok;
  }

 private:
  static Facts facts_of(const WorkerInfo& worker) {
    const WallTime now = wall_now();
    Facts facts;
    facts.add("worker", fmt::format("{} (number {})", worker.name, worker.worker));
    facts.add("state", state_text(worker), tone_of(worker));
    facts.add("host", fmt::format("{}, process {}, from {}", worker.host, worker.pid, worker.address));
    facts.add("version", worker.version);
    facts.add("slots", std::to_string(worker.slots));
    facts.add("holds", fmt::format("{} of at most {}", count_of(worker.held, "task"), worker.held_max));
    facts.add("finished",
              fmt::format("{}, {} failed", count_of(worker.finished, "attempt"), with_commas(worker.failed)));
    facts.add("queues", queues_text(worker));
    facts.add("serves", serves_text(worker));
    if (!worker.labels.empty()) facts.add("labels", join(worker.labels, " "));
    facts.add("connected",
              fmt::format("{} ({})", local_time(worker.connected_at), ago(worker.connected_at, now)));
    facts.add("heard of", ago(worker.heard_at, now));
    std::string running;
    for (const TaskName task : worker.running) running += (running.empty() ? "" : " ") + to_string(task);
    facts.add("running", running.empty() ? "-" : running);
    return facts;
  }

  static std::string state_text(const WorkerInfo& worker) {
    std::string text(state_of(worker));
    if (does_not_answer(worker) && worker.held > 0)
      return text + ": what it holds goes to others " + lease_end_of(worker);
    if (text == "finishing") text += ": it is shutting down or stuck, and takes nothing new";
    return text;
  }

  std::string name_;
};

template <bool on>
class WorkerDrain final : public Command {
 public:
  void declare(Options& options) override {
    options.argument("WORKER", name_, "the worker's name or number");
  }

  Exit run(Context& context) override {
    context.client().drain(name_, on);
    if (context.json())
      context.out().line(json_changed(on ? "drained" : "undrained", name_, 0));
    else if (context.quiet())
      context.out().line(one_line(name_));
    else
      context.out().line(
          one_line(on ? fmt::format("worker {} finishes what it has and takes nothing new", name_)
                      : fmt::format("worker {} takes tasks again", name_)));
    return Exit::ok;
  }

 private:
  std::string name_;
};

}  // namespace

const CommandEntry worker_ls_entry{"worker ls", "List the workers", "", make_command<WorkerLs>};
const CommandEntry worker_show_entry{"worker show", "Show everything about a worker",
                                     "Several workers of one name are shown one after the other.",
                                     make_command<WorkerShow>};
const CommandEntry worker_drain_entry{"worker drain", "Let a worker finish and take nothing new", "",
                                      make_command<WorkerDrain<true>>};
const CommandEntry worker_undrain_entry{"worker undrain", "Let a drained worker take tasks again", "",
                                        make_command<WorkerDrain<false>>};

}  // namespace reeve::cli
