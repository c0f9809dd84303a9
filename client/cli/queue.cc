// reeve queue ls|create|show|pause|resume|purge|rm: the queues themselves; queue_values.cc has their values.
#include "client/cli/commands.h"
#include "client/cli/progress.h"
#include "client/cli/schema.h"
#include "client/cli/text.h"

namespace reeve::cli {

namespace {

std::string stuck_text(const QueueInfo& queue) {
  std::string text;
  for (const auto& [function, count] : queue.stuck) {
    if (!text.empty()) text += ", ";
    text += fmt::format("{} × {}", count, function.empty() ? "command" : function + "()");
  }
  return text;
}

class QueueLs final : public Command {
 public:
  void declare(Options&) override {}

  Exit run(Context& context) override {
    const std::vector<QueueInfo> queues = context.client().queues();
    if (context.json()) {
      context.out().line(json_queues(queues));
    } else if (context.quiet()) {
      for (const QueueInfo& queue : queues) context.out().line(one_line(queue.name));
    } else if (queues.empty()) {
      context.note(
          "there are no queues yet; a queue is made when it is first used, or by 'reeve queue create'");
    } else {
      context.out().write(table_of(queues).render(context.out().style()));
    }
    return Exit::ok;
  }

 private:
  static Table table_of(const std::vector<QueueInfo>& queues) {
    Table table({{"QUEUE"},
                 {"KIND"},
                 {"READY", Table::Align::right},
                 {"WAITING", Table::Align::right},
                 {"RUNNING", Table::Align::right},
                 {"UNFINISHED", Table::Align::right},
                 {"MAX", Table::Align::right},
                 {"REMARKS"}});
    for (const QueueInfo& queue : queues) {
      const std::string stuck = stuck_text(queue);
      std::string remarks = queue.paused ? "paused" : "";
      if (!stuck.empty()) remarks += (remarks.empty() ? "" : "; ") + ("no worker for " + stuck);
      table.add({queue.name,
                 std::string(name_of(queue.kind)),
                 with_commas(queue.ready),
                 with_commas(queue.waiting),
                 with_commas(queue.leased),
                 with_commas(queue.unfinished),
                 queue.maxsize == 0 ? "-" : with_commas(queue.maxsize),
                 {remarks, Tone::warning}});
    }
    return table;
  }
};

class QueueShow final : public Command {
 public:
  void declare(Options& options) override { options.argument("QUEUE", name_, "the queue's name"); }

  Exit run(Context& context) override {
    const QueueInfo queue = context.client().queue(name_).info();
    if (context.json()) {
      context.out().line(json_queue(queue));
      return Exit::ok;
    }
    if (context.quiet()) {
      context.out().line(std::to_string(queue.size));
      return Exit::ok;
    }
    Facts facts;
    facts.add("queue", queue.name);
    facts.add("kind", std::string(name_of(queue.kind)));
    facts.add("state", queue.paused ? "paused: 'reeve queue resume' lets it go on" : "open",
              queue.paused ? Tone::warning : Tone::plain);
    facts.add("size",
              with_commas(queue.size) + (queue.maxsize == 0 ? "" : " of " + with_commas(queue.maxsize)));
    facts.add("ready", with_commas(queue.ready));
    facts.add("waiting", with_commas(queue.waiting));
    facts.add("running", with_commas(queue.leased));
    facts.add("unfinished", with_commas(queue.unfinished));
    if (!queue.function.empty())
      facts.add("function",
                queue.function + "()" + (queue.results.empty() ? "" : ", results to " + queue.results));
    if (queue.ack_task_done) facts.add("ack", "task_done");
    facts.add("getters", with_commas(queue.getters));
    facts.add("putters", with_commas(queue.putters));
    if (!queue.stuck.empty()) facts.add("no worker for", stuck_text(queue), Tone::warning);
    context.out().write(facts.render(context.out().style()));
    return Exit::ok;
  }

 private:
  std::string name_;
};

void tell_change(Context& context, std::string_view change, const std::string& queue, std::uint64_t tasks,
                 std::string_view sentence) {
  if (context.json())
    context.out().line(json_changed(change, queue, tasks));
  else if (context.quiet())
    context.out().line(one_line(queue));
  else
    context.out().line(one_line(sentence));
}

class QueueCreate final : public Command {
 public:
  void declare(Options& options) override {
    options.choice("--kind", kind_, {"fifo", "lifo", "priority"},
                   "in which order its tasks go out (default: fifo)");
    options.number("--maxsize", options_.maxsize, "N",
                   "most tasks that wait in it; 0: no bound (default: 0)");
    options.text("--function", options_.function, "FUNCTION",
                 "values that are put become tasks of this function, for workers to run");
    options.text("--results", options_.results, "QUEUE", "with --function: where the results go");
    options.choice(
        "--ack", ack_, {"get", "task_done"},
        "when a Python program owns what it took: at once, or when it calls task_done() (default: get)");
    options.flag("--exist-ok", exist_ok_, "a queue that is there already, with the same options, is fine");
    options.argument("QUEUE", name_, "the queue's name");
  }

  Exit run(Context& context) override {
    options_.kind = kind_ == "lifo"       ? QueueKind::lifo
                    : kind_ == "priority" ? QueueKind::priority
                                          : QueueKind::fifo;
    options_.ack_task_done = ack_ == "task_done";
    const bool made = make(context.client().queue(name_));
    tell_change(context, made ? "created" : "found", name_, 0,
                fmt::format("queue {} {} ({})", name_, made ? "created" : "was there already",
                            name_of(options_.kind)));
    return Exit::ok;
  }

 private:
  // False: it was there. Only an error tells which it was, so one that may be there is asked for twice.
  bool make(Queue queue) {
    options_.exist_ok = false;
    try {
      queue.create(options_);
      return true;
    } catch (const Exception& error) {
      if (!exist_ok_ || error.code() != Errc::already_exists) throw;
    }
    options_.exist_ok = true;
    queue.create(options_);  // throws when it has other options
    return false;
  }

  QueueOptions options_;
  std::string name_, kind_, ack_;
  bool exist_ok_ = false;
};

// pause, resume, purge and rm differ only in what they ask for.
class QueueAction : public Command {
 public:
  void declare(Options& options) override { options.argument("QUEUE", name_, "the queue's name"); }

 protected:
  std::string name_;
};

class QueuePause final : public QueueAction {
  Exit run(Context& context) override {
    context.client().queue(name_).pause();
    tell_change(context, "paused", name_, 0,
                fmt::format("queue {} paused: what runs goes on, nothing new starts", name_));
    return Exit::ok;
  }
};

class QueueResume final : public QueueAction {
  Exit run(Context& context) override {
    context.client().queue(name_).resume();
    tell_change(context, "resumed", name_, 0, fmt::format("queue {} resumed", name_));
    return Exit::ok;
  }
};

class QueuePurge final : public QueueAction {
  Exit run(Context& context) override {
    const std::uint64_t dropped = context.client().queue(name_).purge();
    tell_change(context, "purged", name_, dropped,
                fmt::format("queue {}: {} dropped", name_, count_of(dropped, "task")));
    return Exit::ok;
  }
};

class QueueRemove final : public QueueAction {
  Exit run(Context& context) override {
    Queue queue = context.client().queue(name_);
    try {
      queue.remove();
    } catch (const Exception& error) {
      if (error.code() != Errc::wrong_state || queue.qsize() == 0) throw;
      refuse(Errc::wrong_state, "{}; 'reeve queue purge {}' drops what waits in it", error.what(), name_);
    }
    tell_change(context, "removed", name_, 0, fmt::format("queue {} removed", name_));
    return Exit::ok;
  }
};

}  // namespace

const CommandEntry queue_ls_entry{"queue ls", "List the queues", "", make_command<QueueLs>};
const CommandEntry queue_create_entry{"queue create", "Make a queue with options of its own", "",
                                      make_command<QueueCreate>};
const CommandEntry queue_show_entry{"queue show", "Show everything about a queue; with -q its size", "",
                                    make_command<QueueShow>};
const CommandEntry queue_pause_entry{"queue pause", "Start no more tasks of a queue", "",
                                     make_command<QueuePause>};
const CommandEntry queue_resume_entry{"queue resume", "Start tasks of a paused queue again", "",
                                      make_command<QueueResume>};
const CommandEntry queue_purge_entry{"queue purge", "Drop all tasks that wait in a queue", "",
                                     make_command<QueuePurge>};
const CommandEntry queue_rm_entry{
    "queue rm", "Remove an empty queue",
    "Nothing may wait in it or be in work, and no client wait at it. Values that were "
    "taken do not hold it.",
    make_command<QueueRemove>};

}  // namespace reeve::cli
