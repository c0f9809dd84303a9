#include "proto/convert.h"

namespace reeve {
namespace {

constexpr std::uint64_t duration_max_us =
    100ULL * 365 * 24 * 3600 * 1'000'000;  // a century: keeps sums in range

Result<Duration> duration_from(std::uint64_t us, std::string_view what) {
  if (us > duration_max_us) return fail(Errc::invalid_argument, "{} is longer than a century", what);
  return Duration{static_cast<std::int64_t>(us)};
}

void command_to_wire(const Command& command, wire::Command& out) {
  for (const auto& arg : command.args) out.add_args(arg);
  to_wire(command.env, *out.mutable_env());
  out.set_cwd(command.cwd);
  out.set_stdin(command.stdin_bytes);
  out.set_payload_to_stdin(command.payload_to_stdin);
  out.set_payload_to_args(command.payload_to_args);
}

Command command_from_wire(const wire::Command& command) {
  return {.args = {command.args().begin(), command.args().end()},
          .env = from_wire(command.env()),
          .cwd = command.cwd(),
          .stdin_bytes = command.stdin(),
          .payload_to_stdin = command.payload_to_stdin(),
          .payload_to_args = command.payload_to_args()};
}

}  // namespace

void to_wire(const TaskSpec& spec, wire::TaskSpec& out) {
  out.set_queue(spec.queue);
  out.set_function(spec.function);
  if (spec.is_command()) command_to_wire(spec.command, *out.mutable_command());
  out.set_encoding(static_cast<wire::Encoding>(spec.encoding));
  out.set_priority(spec.priority);
  out.set_delay_us(static_cast<std::uint64_t>(spec.delay.count()));
  out.set_time_limit_us(static_cast<std::uint64_t>(spec.time_limit.count()));
  out.set_retries(spec.retries);
  out.set_backoff_us(static_cast<std::uint64_t>(spec.backoff.count()));
  out.set_backoff_max_us(static_cast<std::uint64_t>(spec.backoff_max.count()));
  out.set_crash_limit(spec.crash_limit);
  out.set_at_most_once(spec.at_most_once);
  out.set_result_queue(spec.result_queue);
  to_wire(spec.labels, *out.mutable_labels());
}

Result<TaskSpec> from_wire(const wire::TaskSpec& in) {
  TaskSpec spec;
  if (!in.queue().empty()) spec.queue = in.queue();
  spec.function = in.function();
  if (in.has_command()) {
    if (in.command().args().empty() || in.command().args(0).empty())
      return fail(Errc::invalid_argument, "the command is empty");
    if (!spec.function.empty())
      return fail(Errc::invalid_argument, "a task has a function or a command, not both");
    spec.command = command_from_wire(in.command());
  }
  if (!wire::Encoding_IsValid(in.encoding())) return fail(Errc::invalid_argument, "unknown encoding");
  spec.encoding = static_cast<Encoding>(in.encoding());
  spec.priority = in.priority();
  const auto delay = duration_from(in.delay_us(), "the delay");
  if (!delay) return fail(delay.error());
  const auto time_limit = duration_from(in.time_limit_us(), "the time limit");
  if (!time_limit) return fail(time_limit.error());
  const auto backoff = duration_from(in.backoff_us(), "the backoff");
  if (!backoff) return fail(backoff.error());
  const auto backoff_max = duration_from(in.backoff_max_us(), "the longest backoff");
  if (!backoff_max) return fail(backoff_max.error());
  spec.delay = *delay;
  spec.time_limit = *time_limit;
  spec.backoff = *backoff;
  spec.backoff_max = *backoff_max;
  spec.retries = in.retries();
  spec.crash_limit = in.crash_limit();
  spec.at_most_once = in.at_most_once();
  spec.result_queue = in.result_queue();
  spec.labels = from_wire(in.labels());
  return spec;
}

void to_wire(const Outcome& outcome, wire::Outcome& out) {
  out.set_state(static_cast<wire::TaskState>(outcome.state));
  out.set_attempt(outcome.attempt);
  out.set_encoding(static_cast<wire::Encoding>(outcome.encoding));
  if (!outcome.value.empty()) out.set_value(outcome.value);
  if (!outcome.error.empty()) out.set_error(outcome.error);
  out.set_exit_code(outcome.exit_code);
  out.set_signal(outcome.signal);
  if (!outcome.out.empty()) out.set_out(outcome.out);
  if (!outcome.err.empty()) out.set_err(outcome.err);
  out.set_out_cut(outcome.out_cut);
  out.set_err_cut(outcome.err_cut);
  out.set_started_us(to_us(outcome.started));
  out.set_run_us(static_cast<std::uint64_t>(outcome.run.count()));
  if (!outcome.worker.empty()) out.set_worker(outcome.worker);
  out.set_timed_out(outcome.timed_out);
}

Outcome from_wire(wire::Outcome&& in) {
  Outcome outcome;
  const bool valid = in.state() >= wire::SUCCEEDED && in.state() <= wire::CANCELLED;
  outcome.state = valid ? static_cast<TaskState>(in.state()) : TaskState::failed;
  outcome.attempt = in.attempt();
  outcome.encoding =
      wire::Encoding_IsValid(in.encoding()) ? static_cast<Encoding>(in.encoding()) : Encoding::raw;
  outcome.value = std::move(*in.mutable_value());
  outcome.error = std::move(*in.mutable_error());
  outcome.exit_code = in.exit_code();
  outcome.signal = in.signal();
  outcome.out = std::move(*in.mutable_out());
  outcome.err = std::move(*in.mutable_err());
  outcome.out_cut = in.out_cut();
  outcome.err_cut = in.err_cut();
  outcome.timed_out = in.timed_out();
  outcome.started = wall_from_us(in.started_us());
  outcome.run = Duration{static_cast<std::int64_t>(in.run_us() & 0x7fff'ffff'ffff'ffffULL)};
  outcome.worker = std::move(*in.mutable_worker());
  return outcome;
}

Outcome from_wire(const wire::Outcome& in) { return from_wire(wire::Outcome{in}); }

void to_wire(const Fence& fence, wire::Fence& out) {
  out.set_epoch(fence.epoch.value);
  out.set_job(fence.task.job.value);
  out.set_index(fence.task.index);
  out.set_attempt(fence.attempt);
}

Fence from_wire(const wire::Fence& fence) {
  return {Epoch{fence.epoch()}, TaskId{JobId{fence.job()}, fence.index()}, fence.attempt()};
}

void to_wire(const Error& error, wire::Error& out) {
  out.set_code(static_cast<std::uint32_t>(error.code));
  out.set_detail(error.detail);
}

Error from_wire(const wire::Error& error) { return {static_cast<Errc>(error.code()), error.detail()}; }

void to_wire(const Pairs& pairs, google::protobuf::RepeatedPtrField<wire::Pair>& out) {
  for (const auto& [key, value] : pairs) {
    auto& pair = *out.Add();
    pair.set_key(key);
    pair.set_value(value);
  }
}

Pairs from_wire(const google::protobuf::RepeatedPtrField<wire::Pair>& pairs) {
  Pairs out;
  out.reserve(static_cast<std::size_t>(pairs.size()));
  for (const auto& pair : pairs) out.emplace_back(pair.key(), pair.value());
  return out;
}

}  // namespace reeve
