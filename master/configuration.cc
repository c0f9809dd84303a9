#include "master/configuration.h"

#include <filesystem>

#include "common/app/data_dir.h"

namespace reeve::master {
namespace {

// A payload and its spec, or a result, must fit into a frame with what else belongs to a message.
constexpr std::size_t ceiling_bytes = frame_max_bytes_default - 4 * frame_target_bytes;
constexpr Duration lease_min = std::chrono::milliseconds{100};
constexpr std::chrono::milliseconds silence_min{1000};

}  // namespace

Configuration::Configuration()
    : settings_("reeve-master", "Keeps queues of tasks and results, and hands the tasks to workers.") {
  options_.data_dir = default_data_dir();
  add_places();
  add_times();
  add_limits();
}

void Configuration::add_places() {
  settings_.add("listen", listen_, "Where clients and workers connect; port 0: any free one", "HOST:PORT");
  settings_.add("data-dir", options_.data_dir, "Where tasks, results and the authkey are kept", "DIR");
  settings_.add("ephemeral", options_.ephemeral,
                "Keep everything in memory only: nothing outlives this process");
  settings_.add("authkey-file", authkey_.file, "The shared key; without it: authkey in the data directory",
                "FILE");
  settings_.add_secret("authkey", authkey_.key);
  settings_.add("ready-file", options_.ready_file, "Written, as JSON, when the master is ready", "FILE");
  settings_.add("log-level", log_level_, "debug, info, warn, error or off", "LEVEL");
}

void Configuration::add_times() {
  Limits& limits = options_.limits;
  settings_.add("lease", limits.lease, "A worker that is silent for so long has lost its tasks");
  settings_.add("retry-backoff", limits.retry_backoff.first, "Wait before the first retry of a failed task");
  settings_.add("retry-backoff-max", limits.retry_backoff.max, "The longest wait before a retry");
  settings_.add("crash-limit", limits.crash_limit, "How many lost workers a task survives");
  settings_.add("results-kept-for", limits.results_kept_for, "How long results are kept that nobody fetched");
  settings_.add("client-grace", limits.client_grace, "How long a client may be gone before it is forgotten");
  settings_.add("silence-max", options_.server.connection.silence_max,
                "A connection whose other machine answers nothing for so long is closed");
  settings_.add("handshake-deadline", options_.server.listener.handshake_deadline,
                "How long a new connection may take to show the authkey");
}

void Configuration::add_limits() {
  Limits& limits = options_.limits;
  settings_.add("results-max", limits.results_max, "Results kept; the oldest go first");
  settings_.add_bytes("payload-max-bytes", limits.payload_max_bytes, "Of one task or value");
  settings_.add_bytes("spec-max-bytes", limits.spec_max_bytes,
                      "What the tasks of a submission share: command, environment, standard input");
  settings_.add_bytes("result-max-bytes", limits.result_max_bytes, "Of one attempt: value and output");
  settings_.add("batch-max", limits.batch_max, "Tasks or values in one message");
  settings_.add("tasks-max", limits.tasks_max, "Unfinished tasks in all queues");
  settings_.add_bytes("queued-max-bytes", limits.queued_max_bytes, "Payloads of unfinished tasks");
  settings_.add("queues-max", limits.queues_max, "Queues");
  settings_.add("jobs-max", limits.jobs_max, "Jobs kept, finished or not");
  settings_.add("name-max-bytes", limits.name_max_bytes, "Length of a name");
  settings_.add("waiters-max", limits.waiters_max, "Blocked gets, puts and joins");
  settings_.add("submissions-max", limits.submissions_max, "Answered submissions remembered for one client");
  settings_.add("attempts-max", limits.attempts_max, "The most retries a task may ask for");
  settings_.add("connections-max", options_.server.connections_max, "Connections of clients and workers");
  settings_.add("unauthenticated-max", options_.server.listener.unauthenticated_max,
                "Connections that have not shown the authkey; the oldest is dropped first");
  settings_.add_bytes("output-max-bytes", options_.server.connection.output_max_bytes,
                      "Waiting to be read by one connection; a slower reader is cut off");
}

Result<void> Configuration::check() const {
  const Limits& limits = options_.limits;
  if (limits.payload_max_bytes > ceiling_bytes ||
      limits.spec_max_bytes > ceiling_bytes - limits.payload_max_bytes)
    return fail(Errc::invalid_argument, "payload-max-bytes and spec-max-bytes together can be at most {}",
                format_byte_size(ceiling_bytes));
  if (limits.result_max_bytes > ceiling_bytes)
    return fail(Errc::invalid_argument, "result-max-bytes can be at most {}",
                format_byte_size(ceiling_bytes));
  if (options_.limits.lease < lease_min)
    return fail(Errc::invalid_argument, "lease must be at least {}", show_value(lease_min));
  if (options_.server.connection.silence_max < silence_min)
    return fail(Errc::invalid_argument, "silence-max must be at least {}", show_value(silence_min));
  if (options_.limits.batch_max == 0) return fail(Errc::invalid_argument, "batch-max must be at least 1");
  return {};
}

Result<Options> Configuration::options() {
  if (const auto checked = check(); !checked) return fail(checked.error());
  const auto listen = parse_endpoint(listen_, native_port_default);
  if (!listen) return fail(listen.error());
  options_.listen = *listen;
  // Whoever reads of it, in `reeve status` or in a message, may be in another directory.
  options_.data_dir = std::filesystem::absolute(options_.data_dir).lexically_normal().string();
  authkey_.data_dir = options_.data_dir;
  const auto authkey = find_or_make_authkey(authkey_);
  if (!authkey) return fail(authkey.error());
  options_.authkey = authkey->key;
  options_.authkey_is_explicit = authkey_.is_explicit();
  return options_;
}

}  // namespace reeve::master
