#include "client/cli/schema.h"

#include "client/cli/command.h"
#include "client/cli/json_text.h"
#include "client/cli/text.h"
#include "common/base/base64.h"
#include "common/base/utf8.h"
#include "common/pickle/payload.h"
#include "common/pickle/stored.h"

namespace reeve::cli {

namespace {

// An object with its schema as the first field; `fill` writes the rest.
template <typename Fill>
std::string object(std::string_view schema, Fill&& fill) {
  std::string out;
  JsonWriter json(out);
  json.open_object().key("schema").text(schema);
  fill(json);
  json.close_object();
  return out;
}

void time(JsonWriter& json, std::string_view key, WallTime at) {
  json.key(key);
  if (at == WallTime{})
    json.null();
  else
    json.text(utc_time(at));
}

void seconds(JsonWriter& json, std::string_view key, Duration duration) {
  json.key(key).real(std::chrono::duration<double>(duration).count());
}

void texts(JsonWriter& json, std::string_view key, const std::vector<std::string>& values) {
  json.key(key).open_array();
  for (const std::string& value : values) json.text(value);
  json.close_array();
}

void pairs(JsonWriter& json, std::string_view key, const Pairs& values) {
  json.key(key).open_object();
  for (const auto& [name, value] : values) json.key(name).text(value);
  json.close_object();
}

// Bytes as "key" and "key_encoding": text when they are UTF-8, else base64.
void bytes(JsonWriter& json, std::string_view key, std::string_view value) {
  const bool text = is_utf8(value);
  json.key(key).text(text ? std::string(value) : to_base64(value));
  json.key(std::string(key) + "_encoding").text(text ? "text" : "base64");
}

// A pickle: the JSON of its value, else its bytes and what people are shown.
void pickled(JsonWriter& json, std::string_view key, std::string_view value) {
  const Result<std::string> plain = pickle::json_of_pickle(value);
  if (plain)
    json.key(key).json(*plain);
  else
    json.key(key).text(to_base64(pickle::pickle_of_stored(value)));
  json.key(std::string(key) + "_encoding").text(plain ? "pickle+json" : "pickle+base64");
  if (!plain) json.key(std::string(key) + "_text").text(pickle::text_of_pickle(value));
}

// The same for a payload, which may be JSON (then it stands there as it is) or a pickle.
void payload(JsonWriter& json, std::string_view key, std::string_view value, Encoding encoding) {
  if (encoding == Encoding::json && check_json(value)) {
    json.key(key).json(value);
    json.key(std::string(key) + "_encoding").text("json");
  } else if (encoding == Encoding::pickle) {
    pickled(json, key, value);
  } else {
    bytes(json, key, value);
  }
}

void counts(JsonWriter& json, std::string_view key, const Counts& of) {
  json.key(key).open_object();
  json.key("total").number(of.total).key("waiting").number(of.waiting).key("ready").number(of.ready);
  json.key("leased").number(of.leased).key("succeeded").number(of.succeeded).key("failed").number(of.failed);
  json.key("cancelled").number(of.cancelled).close_object();
}

void spec(JsonWriter& json, const TaskSpec& of) {
  json.key("spec").open_object();
  json.key("queue").text(of.queue).key("function").text(of.function);
  texts(json, "command", of.command.args);
  pairs(json, "env", of.command.env);
  json.key("cwd").text(of.command.cwd);
  json.key("priority").number(of.priority).key("retries").number(of.retries);
  seconds(json, "delay_s", of.delay);
  seconds(json, "time_limit_s", of.time_limit);
  json.key("at_most_once").boolean(of.at_most_once).key("result_queue").text(of.result_queue);
  pairs(json, "labels", of.labels);
  json.close_object();
}

void job_fields(JsonWriter& json, const JobInfo& job) {
  json.key("job").number(job.job).key("name").text(job.name).key("state").text(state_of(job));
  json.key("open").boolean(job.open).key("incomplete").boolean(job.incomplete);
  counts(json, "counts", job.counts);
  spec(json, job.spec);
  time(json, "submitted", job.submitted);
  time(json, "started", job.started);
  time(json, "finished", job.finished);
  json.key("after").open_array();
  for (const std::uint64_t other : job.after) json.number(other);
  json.close_array();
  json.key("trouble").text(job.trouble);
}

void outcome_fields(JsonWriter& json, const Outcome& outcome) {
  json.key("state").text(name_of(outcome.state)).key("attempt").number(outcome.attempt);
  payload(json, "value", outcome.value, outcome.encoding);
  json.key("error").text(reason_of(outcome)).key("exit_code").number(outcome.exit_code);
  json.key("signal").number(outcome.signal).key("timed_out").boolean(outcome.timed_out);
  bytes(json, "stdout", outcome.out);
  json.key("stdout_cut").boolean(outcome.out_cut);
  bytes(json, "stderr", outcome.err);
  json.key("stderr_cut").boolean(outcome.err_cut);
  time(json, "started", outcome.started);
  seconds(json, "run_s", outcome.run);
  json.key("worker").text(outcome.worker);
}

void queue_fields(JsonWriter& json, const QueueInfo& queue) {
  json.key("queue")
      .text(queue.name)
      .key("kind")
      .text(name_of(queue.kind))
      .key("maxsize")
      .number(queue.maxsize)
      .key("function")
      .text(queue.function)
      .key("results")
      .text(queue.results)
      .key("ack")
      .text(queue.ack_task_done ? "task_done" : "get");
  json.key("size").number(queue.size).key("ready").number(queue.ready).key("waiting").number(queue.waiting);
  json.key("leased").number(queue.leased).key("unfinished").number(queue.unfinished);
  json.key("paused").boolean(queue.paused).key("getters").number(queue.getters);
  json.key("putters").number(queue.putters);
  pairs(json, "stuck", queue.stuck);
}

void worker_fields(JsonWriter& json, const WorkerInfo& worker) {
  json.key("worker").number(worker.worker).key("name").text(worker.name).key("host").text(worker.host);
  json.key("pid").number(worker.pid).key("slots").number(worker.slots);
  texts(json, "functions", worker.functions);
  json.key("commands").boolean(worker.commands);
  texts(json, "queues", worker.queues);
  pairs(json, "labels", worker.labels);
  json.key("connected").boolean(worker.connected).key("draining").boolean(worker.draining);
  json.key("held").number(worker.held).key("held_max").number(worker.held_max);
  json.key("finished").number(worker.finished).key("failed").number(worker.failed);
  time(json, "connected_at", worker.connected_at);
  time(json, "heard_at", worker.heard_at);
  seconds(json, "silent_s", worker.silent);
  seconds(json, "lease_left_s", worker.lease_left);
  json.key("address").text(worker.address).key("version").text(worker.version);
  json.key("running").open_array();
  for (const TaskName task : worker.running) json.text(to_string(task));
  json.close_array();
}

template <typename Infos, typename Fields>
std::string list(std::string_view schema, std::string_view key, const Infos& infos, Fields&& fields) {
  return object(schema, [&](JsonWriter& json) {
    json.key(key).open_array();
    for (const auto& info : infos) {
      json.open_object();
      fields(json, info);
      json.close_object();
    }
    json.close_array();
  });
}

}  // namespace

std::string json_submitted(std::uint64_t job, std::uint64_t tasks) {
  return object("reeve.submitted/1",
                [&](JsonWriter& json) { json.key("job").number(job).key("tasks").number(tasks); });
}

std::string json_job(const JobInfo& job) {
  return object("reeve.job/1", [&](JsonWriter& json) { job_fields(json, job); });
}

std::string json_jobs(const std::vector<JobInfo>& jobs) {
  return list("reeve.jobs/1", "jobs", jobs, job_fields);
}

std::string json_task(std::uint64_t job, const TaskInfo& task) {
  return object("reeve.task/1", [&](JsonWriter& json) {
    json.key("task")
        .text(to_string({job, task.index}))
        .key("job")
        .number(job)
        .key("index")
        .number(task.index);
    json.key("state").text(name_of(task.state)).key("attempt").number(task.attempt);
    json.key("crashes").number(task.crashes).key("worker").text(task.worker);
    time(json, "not_before", task.not_before);
    json.key("outcome");
    if (task.outcome) {
      json.open_object();
      outcome_fields(json, *task.outcome);
      json.close_object();
    } else {
      json.null();
    }
    if (task.spec) {
      payload(json, "payload", task.payload, task.spec->encoding);
      spec(json, *task.spec);
    }
  });
}

std::string json_result(TaskName task, const Outcome& outcome) {
  return object("reeve.result/1", [&](JsonWriter& json) {
    json.key("task").text(to_string(task)).key("job").number(task.job).key("index").number(task.index);
    outcome_fields(json, outcome);
  });
}

std::string json_why(TaskName name, const JobInfo& job, std::string_view why) {
  return object("reeve.why/1", [&](JsonWriter& json) {
    json.key("name").text(to_string(name)).key("job").number(job.job).key("state").text(state_of(job));
    json.key("trouble").text(job.trouble).key("why").text(why);
  });
}

std::string json_changed(std::string_view what, std::string_view name, std::uint64_t tasks) {
  return object("reeve.changed/1", [&](JsonWriter& json) {
    json.key("change").text(what).key("name").text(name).key("tasks").number(tasks);
  });
}

std::string json_queue(const QueueInfo& queue) {
  return object("reeve.queue/1", [&](JsonWriter& json) { queue_fields(json, queue); });
}

std::string json_queues(const std::vector<QueueInfo>& queues) {
  return list("reeve.queues/1", "queues", queues, queue_fields);
}

std::string json_item(const Item& item) {
  return object("reeve.item/1", [&](JsonWriter& json) {
    json.key("id").text(to_string({item.id_job, item.id_index}));
    payload(json, "value", item.bytes, item.encoding);
    json.key("priority").number(item.priority).key("function").text(item.function);
    json.key("from");
    if (item.from.job == 0) {
      json.null();
      return;
    }
    json.open_object().key("task").text(to_string(item.from)).key("state").text(name_of(item.from_state));
    json.key("error").text(item.error).close_object();
  });
}

std::string json_worker(const WorkerInfo& worker) {
  return object("reeve.worker/1", [&](JsonWriter& json) { worker_fields(json, worker); });
}

std::string json_workers(const std::vector<WorkerInfo>& workers) {
  return list("reeve.workers/1", "workers", workers, worker_fields);
}

std::string json_status(const StatusInfo& status) {
  return object("reeve.status/1", [&](JsonWriter& json) {
    json.key("version").text(status.version).key("epoch").number(status.epoch);
    time(json, "started", status.started);
    json.key("durable").boolean(status.durable).key("data_dir").text(status.data_dir);
    json.key("trouble").text(status.trouble);
    counts(json, "tasks", status.tasks);
    json.key("jobs")
        .number(status.jobs)
        .key("queues")
        .number(status.queues)
        .key("workers")
        .number(status.workers);
    json.key("slots").number(status.slots).key("clients").number(status.clients);
    json.key("rss_bytes").number(status.rss_bytes);
    json.key("counters").open_object();
    for (const auto& [name, value] : status.counters) json.key(name).number(value);
    json.close_object();
  });
}

std::string json_backup(const BackupInfo& backup) {
  return object("reeve.backup/1", [&](JsonWriter& json) {
    json.key("file").text(backup.file).key("bytes").number(backup.bytes_total);
    time(json, "taken", backup.taken);
  });
}

std::string json_key(std::string_view key, std::string_view file) {
  return object("reeve.key/1", [&](JsonWriter& json) { json.key("key").text(key).key("file").text(file); });
}

std::string json_error(const Error& error, Exit exit, const ErrorFields& fields) {
  return object("reeve.error/1", [&](JsonWriter& json) {
    json.key("error").text(name_of(error.code)).key("message").text(error.detail);
    json.key("exit_code").number(static_cast<int>(exit));
    for (const auto& [name, number] : fields) json.key(name).number(number);
  });
}

}  // namespace reeve::cli
