// reeve status: how the master is.
#include <algorithm>
#include <optional>

#include "client/cli/commands.h"
#include "client/cli/progress.h"
#include "client/cli/schema.h"
#include "client/cli/text.h"

namespace reeve::cli {

namespace {

std::optional<std::uint64_t> counter(const StatusInfo& status, std::string_view name) {
  const auto found = std::ranges::find(status.counters, name, [](const auto& entry) { return entry.first; });
  if (found == status.counters.end()) return std::nullopt;
  return found->second;
}

class Status final : public Command {
 public:
  void declare(Options& options) override { options.flag("--counters", counters_, "all counters, too"); }

  Exit run(Context& context) override {
    const StatusInfo status = context.client().status();
    if (context.json()) {
      context.out().line(json_status(status));
    } else if (context.quiet()) {
      context.out().line(status.trouble.empty() ? "ok" : one_line(status.trouble));
    } else {
      context.out().write(facts_of(context.client().master_address(), status).render(context.out().style()));
    }
    return status.trouble.empty() ? Exit::ok : Exit::failed;
  }

 private:
  Facts facts_of(const std::string& address, const StatusInfo& status) const {
    const WallTime now = wall_now();
    Facts facts;
    facts.add("master", fmt::format("{}, reeve {}", address, status.version));
    facts.add("state", status.trouble.empty() ? "well" : status.trouble,
              status.trouble.empty() ? Tone::good : Tone::bad);
    facts.add("up since", fmt::format("{} ({})", local_time(status.started), ago(status.started, now)));
    facts.add("store", status.durable ? status.data_dir : "in memory only: a restart loses everything",
              status.durable ? Tone::plain : Tone::warning);
    facts.add("workers",
              status.workers == 0 ? "none: start reeve-worker"
                                  : fmt::format("{} with {}", status.workers, count_of(status.slots, "slot")),
              status.workers == 0 ? Tone::warning : Tone::plain);
    const Counts& tasks = status.tasks;
    facts.add("tasks", fmt::format("{} running, {} ready, {} waiting, {} succeeded, {} failed, {} cancelled",
                                   with_commas(tasks.leased), with_commas(tasks.ready),
                                   with_commas(tasks.waiting), with_commas(tasks.succeeded),
                                   with_commas(tasks.failed), with_commas(tasks.cancelled)));
    facts.add("jobs", with_commas(status.jobs));
    facts.add("queues", with_commas(status.queues));
    facts.add("clients", with_commas(status.clients));
    if (const auto connections = counter(status, "python_connections"))  // none: the listener is off
      facts.add("python", fmt::format("{}, {} with {}", count_of(*connections, "connection"),
                                      count_of(counter(status, "python_objects").value_or(0), "object"),
                                      bytes_of(counter(status, "python_object_bytes").value_or(0))));
    facts.add("memory", bytes_of(status.rss_bytes));
    facts.add("epoch", std::to_string(status.epoch));
    if (counters_)
      for (const auto& [name, value] : status.counters) facts.add(name, with_commas(value));
    return facts;
  }

  bool counters_ = false;
};

}  // namespace

const CommandEntry status_entry{"status", "Show how the master is; exit code 1 when it is in trouble", "",
                                make_command<Status>};

}  // namespace reeve::cli
