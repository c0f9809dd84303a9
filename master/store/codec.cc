#include "master/store/codec.h"

#include "proto/convert.h"

namespace reeve::master {
namespace {

std::unexpected<Error> damaged(std::string_view what) {
  return fail(
      Errc::storage_failed,
      "the database is damaged: {} does not parse; reeve-master --check-store says more, and what to do",
      what);
}

template <typename Message>
bool parse(Message& message, std::string_view bytes) {
  return message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

TaskState state_from(std::uint32_t number) { return static_cast<TaskState>(number); }

bool is_stored_state(std::uint32_t number) {
  return number < task_states && (is_final(state_from(number)) || state_from(number) == TaskState::ready);
}

}  // namespace

std::string_view Encoder::job(const JobRecord& record) {
  stored::Job job;
  job.set_name(record.name);
  job.set_open(record.open);
  job.set_submitted_us(to_us(record.submitted));
  for (const JobId id : record.after) job.add_after(id.value);
  job.set_values_of(record.values_of);
  job.set_erased_succeeded(record.erased.succeeded);
  job.set_erased_failed(record.erased.failed);
  job.set_erased_cancelled(record.erased.cancelled);
  job.set_cancelled(record.cancelled);
  job.set_incomplete(record.incomplete);
  job.SerializeToString(&job_bytes_);
  return job_bytes_;
}

std::string_view Encoder::spec(const std::shared_ptr<const TaskSpec>& spec) {
  if (spec == last_spec_) return spec_bytes_;
  wire::TaskSpec message;
  to_wire(*spec, message);
  message.SerializeToString(&spec_bytes_);
  last_spec_ = spec;
  return spec_bytes_;
}

std::string_view Encoder::payloads(const Payloads& payloads, Epoch epoch) {
  payloads_.Clear();
  payloads_.set_epoch(epoch.value);
  const std::string_view block = payloads.block();
  payloads_.set_block(block.data(), block.size());
  std::uint32_t begin = 0;
  for (const std::uint32_t end : payloads.ends()) {
    payloads_.add_sizes(end - begin);
    begin = end;
  }
  payloads_.SerializeToString(&payloads_bytes_);
  return payloads_bytes_;
}

std::string_view Encoder::origins(const std::vector<ValueOrigin>& origins) {
  stored::Origins message;
  for (const ValueOrigin& origin : origins) {
    stored::ValueOrigin& item = *message.add_items();
    item.set_job(origin.task.job.value);
    item.set_index(origin.task.index);
    item.set_state(static_cast<wire::TaskState>(origin.state));
    item.set_error(origin.error);
  }
  message.SerializeToString(&origins_bytes_);
  return origins_bytes_;
}

std::string_view Encoder::finals(std::uint32_t first, std::span<const OutcomeRecord* const> outcomes) {
  finals_.Clear();
  for (std::size_t i = 0; i < outcomes.size();) {
    const std::uint32_t begin = outcomes[i]->task.index;
    const TaskState state = outcomes[i]->outcome.state;
    std::uint32_t count = 0;
    for (; i < outcomes.size() && outcomes[i]->task.index == begin + count &&
           outcomes[i]->outcome.state == state;
         ++i)
      ++count;
    finals_.add_runs(begin - first);
    finals_.add_runs(count);
    finals_.add_runs(static_cast<std::uint32_t>(state));
  }
  finals_.SerializeToString(&finals_bytes_);
  return finals_bytes_;
}

std::string_view Encoder::items(std::span<const OutcomeRecord* const> outcomes) {
  items_.Clear();
  for (const OutcomeRecord* record : outcomes) {
    if (!is_final(record->outcome.state) || is_taken_value(record->outcome)) continue;
    wire::Outcome& item = *items_.add_items();
    item.set_index(record->task.index);
    to_wire(record->outcome, item);
  }
  items_.SerializeToString(&items_bytes_);
  return items_bytes_;
}

Result<void> decode_job(std::string_view bytes, JobRecord& out) {
  stored::Job job;
  if (!parse(job, bytes)) return damaged("a job");
  out.name = std::move(*job.mutable_name());
  out.open = job.open();
  out.submitted = wall_from_us(job.submitted_us());
  for (const std::uint64_t id : job.after()) out.after.push_back(JobId{id});
  out.values_of = std::move(*job.mutable_values_of());
  out.erased = {job.erased_succeeded(), job.erased_failed(), job.erased_cancelled()};
  out.cancelled = job.cancelled();
  out.incomplete = job.incomplete();
  return {};
}

Result<std::shared_ptr<const TaskSpec>> decode_spec(std::string_view bytes) {
  wire::TaskSpec message;
  if (!parse(message, bytes)) return damaged("the spec of a task");
  auto spec = from_wire(message);
  if (!spec) return damaged("the spec of a task");
  return std::make_shared<const TaskSpec>(std::move(*spec));
}

Result<std::shared_ptr<const Payloads>> decode_payloads(std::string_view bytes, Epoch* epoch) {
  stored::Payloads message;
  if (!parse(message, bytes)) return damaged("the payloads of a job");
  std::vector<std::uint32_t> ends;
  ends.reserve(static_cast<std::size_t>(message.sizes_size()));
  std::uint64_t end = 0;
  for (const std::uint32_t size : message.sizes()) ends.push_back(static_cast<std::uint32_t>(end += size));
  if (end != message.block().size()) return damaged("the payloads of a job");
  if (epoch != nullptr) *epoch = Epoch{message.epoch()};
  return std::make_shared<const Payloads>(std::move(*message.mutable_block()), std::move(ends));
}

Result<std::shared_ptr<const std::vector<ValueOrigin>>> decode_origins(std::string_view bytes) {
  stored::Origins message;
  if (!parse(message, bytes)) return damaged("the origin of a value");
  auto origins = std::make_shared<std::vector<ValueOrigin>>();
  origins->reserve(static_cast<std::size_t>(message.items_size()));
  for (stored::ValueOrigin& item : *message.mutable_items()) {
    if (!is_stored_state(static_cast<std::uint32_t>(item.state()))) return damaged("the origin of a value");
    origins->push_back({.task = {JobId{item.job()}, item.index()},
                        .state = state_from(static_cast<std::uint32_t>(item.state())),
                        .error = std::move(*item.mutable_error())});
  }
  return origins;
}

Result<std::vector<Store::StoredOutcome>> decode_items(std::string_view bytes) {
  stored::Outcomes message;
  if (!parse(message, bytes)) return damaged("the outcome of a task");
  std::vector<Store::StoredOutcome> items;
  items.reserve(static_cast<std::size_t>(message.items_size()));
  for (wire::Outcome& item : *message.mutable_items()) {
    const std::uint32_t index = item.index();
    items.push_back({index, from_wire(std::move(item))});
  }
  return items;
}

Result<void> decode_finals(std::string_view bytes, std::uint32_t count,
                           const std::function<void(std::uint32_t, TaskState)>& visit) {
  stored::Finals message;
  if (!parse(message, bytes) || message.runs_size() % 3 != 0) return damaged("the states of tasks");
  for (int i = 0; i < message.runs_size(); i += 3) {
    const std::uint64_t begin = message.runs(i);
    const std::uint64_t end = begin + message.runs(i + 1);
    if (end > count || !is_stored_state(message.runs(i + 2))) return damaged("the states of tasks");
    for (std::uint64_t offset = begin; offset < end; ++offset)
      visit(static_cast<std::uint32_t>(offset), state_from(message.runs(i + 2)));
  }
  return {};
}

Result<std::shared_ptr<const TaskSpec>> SpecPool::get(std::string_view bytes) {
  if (last_ != nullptr && bytes == last_bytes_) return last_;
  last_bytes_ = bytes;
  auto& known = specs_[last_bytes_];
  if (known == nullptr) {
    auto spec = decode_spec(bytes);
    if (!spec) return spec;
    known = std::move(*spec);
  }
  return last_ = known;
}

}  // namespace reeve::master
