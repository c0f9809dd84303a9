#include "master/configuration.h"

#include <filesystem>

#include <algorithm>

#include "common/app/data_dir.h"

namespace reeve::master {
namespace {

// A payload and its spec, or a result, must fit into a frame with what else belongs to a message.
constexpr std::size_t ceiling_bytes = frame_max_bytes_default - 4 * frame_target_bytes;
constexpr Duration lease_min = std::chrono::milliseconds{100};
constexpr std::chrono::milliseconds silence_min{1000};

// Whoever reads of it, in `reeve status` or in a message, may be in another directory. Without a slash at the end.
std::string whole_path(const std::string& dir) {
  const auto path = std::filesystem::absolute(dir).lexically_normal();
  return (path.has_filename() ? path : path.parent_path()).string();
}

}  // namespace

Configuration::Configuration()
    : settings_("reeve-master", "Keeps queues of tasks and results, and hands the tasks to workers.") {
  options_.data_dir = default_data_dir();
  add_places();
  add_times();
  add_limits();
  add_managers();
}

// What the listener for Python programs has of its own.
void Configuration::add_managers() {
  managers::Options& managers = options_.managers;
  settings_.add(
      "managers-listen", managers_listen_,
      "Where Python programs (multiprocessing.managers) connect; port 0: any free one; off: nowhere",
      "HOST:PORT");
  settings_.add("managers-legacy-md5", managers_legacy_md5_,
                "Let in Python 3.11 and older, which prove the authkey with HMAC-MD5: on, off, or auto (on a "
                "loopback address only)",
                "WHEN");
  settings_.add_section("queues", [this](const ConfigEntry& entry) { return take_queue(entry); });
  settings_.add("managers-allow-shutdown", managers.allow_shutdown,
                "A Python client's shutdown() stops this master");
  settings_.add("managers-handshake-deadline", managers.handshake_deadline,
                "How long a Python program may take to show the authkey");
  settings_.add("managers-connections-max", managers.connections_max, "Connections of Python programs");
  settings_.add("managers-unauthenticated-max", managers.unauthenticated_max,
                "Of those, that have not shown the authkey; the oldest is dropped first");
  settings_.add_bytes("managers-message-max-bytes", managers.message_max_bytes,
                      "One call of a Python program");
  settings_.add_bytes("managers-buffered-max-bytes", managers.buffered_max_bytes,
                      "Calls that wait to be read to their end and answers that wait to be taken, of all "
                      "Python programs");
  settings_.add("managers-objects-max", managers.objects.objects_max,
                "Queues, lists, locks… without a name that Python programs hold");
  settings_.add_bytes("managers-objects-max-bytes", managers.objects.objects_max_bytes,
                      "The values in them and in those of [objects.NAME]");
  settings_.add_section("objects", [this](const ConfigEntry& entry) { return take_object(entry); });
  settings_.add("managers-declared-items-max", managers.objects.declared_items_max,
                "Items of one list, dict, Array or Namespace of [objects.NAME]");
  settings_.add("managers-list-items-max", managers.objects.list_items_max,
                "Items of one list, dict, Array or Namespace of Python programs");
  settings_.add("managers-call-elements-max", managers.objects.call_elements_max,
                "Items that one call of a Python program adds to lists, dicts and Arrays");
}

// [queues.NAME] with kind, maxsize, function, results, ack: the queue is there from the start.
Result<void> Configuration::take_queue(const ConfigEntry& entry) {
  if (entry.section.size() != 2)
    return fail(Errc::invalid_argument, "a queue stands in a section of its own, [queues.NAME]");
  const std::string& name = entry.section.back();
  auto queue = std::ranges::find(options_.queues, name, &QueueOptions::name);
  if (queue == options_.queues.end()) queue = options_.queues.insert(queue, QueueOptions{.name = name});
  if (entry.name == "maxsize") return read_value(entry.text, queue->maxsize);
  if (entry.name == "function") return queue->function = entry.text, Result<void>{};
  if (entry.name == "results") return queue->results = entry.text, Result<void>{};
  if (entry.name == "kind") {
    for (const QueueKind kind : {QueueKind::fifo, QueueKind::lifo, QueueKind::priority})
      if (name_of(kind) == entry.text) return queue->kind = kind, Result<void>{};
    return fail(Errc::invalid_argument, "kind is fifo, lifo or priority, not '{}'", entry.text);
  }
  if (entry.name == "ack") {
    if (entry.text != "get" && entry.text != "task_done")
      return fail(Errc::invalid_argument, "ack is get or task_done, not '{}'", entry.text);
    return queue->ack_task_done = entry.text == "task_done", Result<void>{};
  }
  return fail(Errc::invalid_argument, "a queue has kind, maxsize, function, results and ack");
}

// [objects.NAME] with type and what the type takes: the object is found under get_NAME.
Result<void> Configuration::take_object(const ConfigEntry& entry) {
  if (entry.section.size() != 2)
    return fail(Errc::invalid_argument, "an object stands in a section of its own, [objects.NAME]");
  const std::string& name = entry.section.back();
  auto object = std::ranges::find(options_.objects, name, &managers::ObjectDeclaration::name);
  if (object == options_.objects.end()) object = options_.objects.insert(object, {.name = name, .type = {}});
  if (entry.name == "type")
    object->type = entry.text;
  else
    object->parameters.insert_or_assign(entry.name, entry.text);
  return {};
}

Result<void> Configuration::check_objects() const {
  for (const auto& object : options_.objects) {
    if (const auto ok = managers::check(object, options_.managers.objects); !ok)
      return fail(Errc::invalid_argument, "[objects.{}]: {}", object.name, ok.error().detail);
    if (std::ranges::find(options_.queues, object.name, &QueueOptions::name) != options_.queues.end())
      return fail(Errc::invalid_argument, "[objects.{}] and [queues.{}] have the same name", object.name,
                  object.name);
  }
  return {};
}

Result<void> Configuration::read_managers() {
  managers::Options& managers = options_.managers;
  managers.enabled = managers_listen_ != "off";
  if (!managers.enabled) return {};
  const auto listen = parse_endpoint(managers_listen_, managers::managers_port_default);
  if (!listen) return fail(listen.error());
  managers.listen = *listen;
  managers.listen_is_explicit = settings_.given("managers-listen");
  if (managers_legacy_md5_ == "auto") {
    managers.legacy_md5.reset();
  } else if (managers_legacy_md5_ == "on" || managers_legacy_md5_ == "off") {
    managers.legacy_md5 = managers_legacy_md5_ == "on";
  } else {
    return fail(Errc::invalid_argument, "managers-legacy-md5 is on, off or auto, not '{}'",
                managers_legacy_md5_);
  }
  return {};
}

void Configuration::add_places() {
  settings_.add("listen", listen_, "Where clients and workers connect; port 0: any free one", "HOST:PORT");
  settings_.add("data-dir", options_.data_dir, "Where tasks, results and the authkey are kept", "DIR");
  settings_.add("backup-dir", options_.backup_dir,
                "Where 'reeve admin backup' writes; without it: backups in the data directory", "DIR");
  settings_.add("ephemeral", options_.ephemeral,
                "Keep everything in memory only: nothing outlives this process");
  settings_.add("authkey-file", authkey_.file, "The shared key; without it: authkey in the data directory",
                "FILE");
  settings_.add_secret("authkey", authkey_.key);
  settings_.add("ready-file", options_.ready_file, "Written, as JSON, when the master is ready", "FILE");
  settings_.add_action(
      "check-store", "",
      "Say how the store in the data directory stands, without changing it, and exit: 0 when it "
      "is sound, else 1",
      check_store_);
  settings_.add_action("salvage", "FILE",
                       "Write what can be read of a damaged store into a new one, FILE, and exit", salvage_);
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

Result<void> Configuration::read_places() {
  options_.data_dir = whole_path(options_.data_dir);
  if (options_.backup_dir.empty()) return {};
  options_.backup_dir = whole_path(options_.backup_dir);
  std::error_code not_there_yet;
  if (options_.backup_dir == options_.data_dir ||
      std::filesystem::equivalent(options_.backup_dir, options_.data_dir, not_there_yet))
    return fail(Errc::invalid_argument, "backup-dir is the data directory, {}; choose one for backups alone",
                options_.data_dir);
  return {};
}

Result<std::optional<StoreTool>> Configuration::tool() const {
  if (!check_store_ && !salvage_) return std::nullopt;
  if (check_store_ && salvage_)
    return fail(Errc::invalid_argument, "--check-store and --salvage are asked for one at a time");
  if (salvage_ && salvage_->empty())
    return fail(Errc::invalid_argument, "--salvage needs the name of a new file");
  return StoreTool{.data_dir = whole_path(options_.data_dir), .salvage_to = salvage_};
}

Result<Options> Configuration::options() {
  if (const auto checked = check(); !checked) return fail(checked.error());
  const auto listen = parse_endpoint(listen_, native_port_default);
  if (!listen) return fail(listen.error());
  options_.listen = *listen;
  if (const auto places = read_places(); !places) return fail(places.error());
  if (const auto read = read_managers(); !read) return fail(read.error());
  if (const auto objects = check_objects(); !objects) return fail(objects.error());
  authkey_.data_dir = options_.data_dir;
  authkey_.on_loopback =
      is_loopback(options_.listen) && (!options_.managers.enabled || is_loopback(options_.managers.listen));
  const auto authkey = find_or_make_authkey(authkey_);
  if (!authkey) return fail(authkey.error());
  options_.authkey = authkey->key;
  options_.authkey_is_explicit = authkey_.is_explicit();
  return options_;
}

}  // namespace reeve::master
