#include "reeve/client.h"

#include <algorithm>
#include <utility>

#include "client/core/core.h"
#include "client/core/info.h"
#include "client/core/pool_state.h"
#include "client/core/wire_scan.h"
#include "common/app/authkey.h"
#include "common/base/environment.h"
#include "proto/convert.h"

namespace reeve {
namespace {

using client::Core;

constexpr std::string_view master_default = "127.0.0.1:7733";
constexpr std::size_t submits_in_flight = 4;  // of one submit(): enough to keep the master busy

Endpoint find_master(const ClientOptions& options) {
  std::string address = options.master;
  if (address.empty()) address = process_environment("REEVE_MASTER").value_or("");
  if (address.empty()) address = master_default;
  auto endpoint = parse_endpoint(address, native_port_default);
  if (!endpoint) throw_error(endpoint.error());
  return *endpoint;
}

Authkey find_key(const ClientOptions& options, const Endpoint& master) {
  if (!options.authkey.empty()) return {.key = options.authkey, .from = "the program's options"};
  AuthkeySource source = authkey_source();
  if (!options.authkey_file.empty())
    source = {.file = options.authkey_file, .key = {}, .data_dir = source.data_dir};
  source.on_loopback = is_loopback(master);
  auto found = find_authkey(source);
  if (!found) throw_error({Errc::authentication_failed, found.error().detail});
  return std::move(*found);
}

std::uint64_t wait_us(Duration wait) {
  return wait == forever ? 0 : static_cast<std::uint64_t>(std::max<std::int64_t>(wait.count(), 1));
}

// One submission of any number of tasks: a single Submit, or an open job that grows Submit by Submit.
class Submission {
 public:
  Submission(Core& core, const TaskSpec& spec, const SubmitOptions& options)
      : core_(core), accepted_(options.accepted) {
    to_wire(spec, *header_.mutable_spec());
    header_.set_name(options.name);
    for (const std::uint64_t job : options.after) header_.add_after(job);
    header_.set_wait_for_room(options.wait_for_room);
    header_.set_wait_max_us(wait_us(options.wait_max));
  }

  void add(std::string_view payload) {
    ++tasks_;
    if (payload.size() > core_.payload_max_bytes())
      throw_error({Errc::too_large, fmt::format("task {}: a payload of {} bytes; the master takes {} at most",
                                                tasks_, payload.size(), core_.payload_max_bytes())});
    if (count_ >= core_.batch_max() || fields_.size() >= frame_target_bytes) send(true);
    client::append_field(fields_, wire::Submit::kPayloadsFieldNumber, payload);
    ++count_;
  }

  std::uint64_t finish() {
    if (count_ == 0 && job_ == 0) throw_error({Errc::invalid_argument, "a job needs at least one task"});
    if (count_ > 0) send(false);
    while (!under_way_.empty()) take_answer();
    if (!open_) return job_;
    wire::CloseJob close;
    close.set_job(job_);
    core_.call<wire::Done>(FrameType::close_job, close);
    return job_;
  }

  // Something went wrong in the middle: a part of a job is of no use to anybody.
  void undo() noexcept {
    if (job_ == 0) return;
    try {
      wire::Cancel cancel;
      cancel.set_job(job_);
      core_.call<wire::Done>(FrameType::cancel, cancel);
      wire::CloseJob close;
      close.set_job(job_);
      core_.call<wire::Done>(FrameType::close_job, close);
    } catch (const Exception&) {  // what went wrong first is what the caller hears of
    }
  }

 private:
  void send(bool more) {
    if (job_ == 0) {
      open_ = more;
      header_.set_open(more);
    }
    header_.set_job(job_);
    under_way_.push_back(core_.submit(header_, fields_));
    fields_.clear();
    count_ = 0;
    if (job_ == 0 || under_way_.size() >= submits_in_flight) take_answer();
  }

  void take_answer() {
    const client::SlotPtr slot = std::move(under_way_.front());
    under_way_.pop_front();
    core_.await(slot);
    const std::uint64_t job = client::answer_in<wire::Submitted>(*slot).job();
    if (std::exchange(job_, job) == 0 && accepted_) accepted_(job);
  }

  Core& core_;
  const std::function<void(std::uint64_t)>& accepted_;  // of the options, which outlive us
  wire::Submit header_;
  std::string fields_;
  std::size_t count_ = 0;    // payloads in fields_
  std::uint64_t tasks_ = 0;  // that were added
  std::uint64_t job_ = 0;
  bool open_ = false;
  std::deque<client::SlotPtr> under_way_;
};

}  // namespace

Client Client::connect(const ClientOptions& options) {
  client::CoreSettings settings;
  settings.link.master = find_master(options);
  Authkey key = find_key(options, settings.link.master);
  settings.link.authkey = std::move(key.key);
  settings.link.program = options.program;
  settings.link.connect_timeout = options.connect_timeout;
  settings.link.reconnect_for = options.reconnect_for;
  settings.unsent_max_bytes = options.unsent_max_bytes;
  settings.on_connection = options.on_connection;
  auto core = std::make_shared<Core>(std::move(settings));
  try {
    core->connect();
  } catch (const AuthenticationFailed& error) {
    throw_error({error.code(), fmt::format("{} (it is from {}). Copy the master's key here and name it with "
                                           "--authkey-file FILE or REEVE_AUTHKEY_FILE",
                                           error.what(), key.from)});
  }
  return Client{std::move(core)};
}

Client& Client::operator=(Client&& other) noexcept {
  close();
  core_ = std::move(other.core_);
  return *this;
}

Client::~Client() { close(); }

void Client::close() {
  if (core_) core_->close();
}

Pool Client::pool(const PoolOptions& options) {
  TaskSpec spec;
  spec.queue = options.queue;
  spec.retries = options.retries;
  spec.time_limit = options.time_limit;
  spec.priority = options.priority;
  auto state = std::make_shared<client::PoolState>(core_, std::move(spec), options.name, options.window);
  const client::Loop::Lock lock(core_->loop().mutex());
  core_->check_open();
  core_->add_pool(state);
  return Pool{std::move(state)};
}

Job Client::submit(const TaskSpec& spec, std::vector<std::string> payloads, const SubmitOptions& options) {
  std::size_t at = 0;
  const NextPayload next = [&](std::string& payload) {
    if (at == payloads.size()) return false;
    payload = std::move(payloads[at++]);
    return true;
  };
  return submit(spec, next, options);
}

Job Client::submit(const TaskSpec& spec, const NextPayload& next, const SubmitOptions& options) {
  core_->check_may_wait();
  Submission submission(*core_, spec, options);
  try {
    std::string payload;
    while (next(payload)) submission.add(payload);
    return job(submission.finish());
  } catch (...) {
    submission.undo();
    throw;
  }
}

std::vector<JobInfo> Client::jobs(std::vector<std::uint64_t> numbers, bool all, std::uint32_t limit) {
  wire::JobList question;
  for (const std::uint64_t number : numbers) question.add_jobs(number);
  question.set_all(all);
  question.set_limit(limit);
  const auto answer = core_->call<wire::JobInfos>(FrameType::job_list, question);
  std::vector<JobInfo> out;
  out.reserve(static_cast<std::size_t>(answer.jobs_size()));
  for (const auto& info : answer.jobs()) out.push_back(client::info_from(info));
  return out;
}

std::vector<QueueInfo> Client::queues() {
  wire::QueueList question;
  const auto answer = core_->call<wire::QueueInfos>(FrameType::queue_list, question);
  std::vector<QueueInfo> out;
  for (const auto& info : answer.queues()) out.push_back(client::info_from(info));
  return out;
}

std::vector<WorkerInfo> Client::workers(std::string_view name_or_id) {
  wire::WorkerList question;
  question.set_worker(std::string(name_or_id));
  const auto answer = core_->call<wire::WorkerInfos>(FrameType::worker_list, question);
  std::vector<WorkerInfo> out;
  for (const auto& info : answer.workers()) out.push_back(client::info_from(info));
  if (out.empty() && !name_or_id.empty())
    throw_error({Errc::not_found, "no worker " + std::string(name_or_id)});
  return out;
}

WorkerInfo Client::worker(std::string_view name_or_id) { return std::move(workers(name_or_id).front()); }

void Client::drain(std::string_view worker, bool on) {
  wire::WorkerControl question;
  question.set_worker(std::string(worker));
  question.set_drain(on);
  core_->call<wire::Done>(FrameType::worker_control, question);
}

StatusInfo Client::status() {
  wire::Status question;
  return client::info_from(core_->call<wire::StatusInfo>(FrameType::status, question));
}

BackupInfo Client::backup(std::uint64_t number, std::string_view file) {
  if (!core_->knows_backups())
    throw_error({Errc::unavailable, "this master is of an older version, which makes no backups"});
  wire::Backup question;
  question.set_number(number);
  question.set_file(std::string(file));
  return client::info_from(core_->call<wire::BackupInfo>(FrameType::backup, question));
}

std::string Client::master_address() const { return to_string(core_->master()); }
std::uint64_t Client::tasks_max() const { return core_->tasks_max(); }

}  // namespace reeve
