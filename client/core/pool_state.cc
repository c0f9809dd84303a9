#include "client/core/pool_state.h"

#include <algorithm>
#include <utility>

#include "client/core/frames.h"
#include "client/core/wire_scan.h"

namespace reeve::client {
namespace {

// A batch this large is sent without waiting for more. Larger ones save little, and keep the workers waiting.
constexpr std::size_t batch_tasks = 1024;
constexpr std::size_t batch_bytes = 128u << 10;
// With no more Submits than this under way, a call is sent at once instead of waiting for company.
constexpr std::uint32_t in_flight_low = 2;

}  // namespace

// ---------------------------------------------------------------- calls

SlotPtr PoolState::add(std::string_view function, const Payload& payload, std::unique_ptr<Slot::Hook> hook) {
  core->check_size(payload.bytes.size());
  Loop::Lock lock(core->loop().mutex());
  core->wait_for_unsent(lock);
  const bool goes_along = !pending.empty() && pending.back().spec.function == function &&
                          pending.back().spec.encoding == payload.encoding &&
                          pending.back().slots.size() < batch_tasks &&
                          pending.back().payloads.size() < batch_bytes;
  if (!goes_along) {
    pending.emplace_back();
    TaskSpec& spec = pending.back().spec;
    spec = base;
    spec.function = function;
    spec.encoding = payload.encoding;
  }
  return append(lock, payload.bytes, std::move(hook));
}

SlotPtr PoolState::add(const TaskSpec& spec, std::string_view payload, std::unique_ptr<Slot::Hook> hook,
                       bool last) {
  core->check_size(payload.size());
  if (spec.queue != base.queue)
    throw_error({Errc::invalid_argument, "the pool's queue is " + base.queue + ", not " + spec.queue});
  Loop::Lock lock(core->loop().mutex());
  core->wait_for_unsent(lock);
  const bool goes_along = !pending.empty() && pending.back().slots.size() < batch_tasks &&
                          pending.back().payloads.size() < batch_bytes && pending.back().spec == spec;
  if (!goes_along) pending.emplace_back().spec = spec;
  return append(lock, payload, std::move(hook), last);
}

SlotPtr PoolState::append(Loop::Lock& lock, std::string_view payload, std::unique_ptr<Slot::Hook> hook,
                          bool last) {
  Batch& batch = pending.back();
  try {
    core->check_open();
    if (closed) throw_error({Errc::wrong_state, "the pool is closed"});
  } catch (...) {
    if (batch.slots.empty()) pending.pop_back();
    throw;
  }
  SlotPtr slot = make_slot();
  slot->hook = std::move(hook);
  const std::size_t bytes_before = batch.payloads.size();
  append_field(batch.payloads, wire::Submit::kPayloadsFieldNumber, payload);
  batch.slots.push_back(slot);
  core->unsent_bytes() += batch.payloads.size() - bytes_before;
  ++outstanding;
  closed = last;  // before anything is sent
  if (!std::exchange(dirty, true)) core->add_dirty(shared_from_this());
  const bool full = batch.slots.size() >= batch_tasks || batch.payloads.size() >= batch_bytes;
  core->loop().nudge(lock, full || in_flight < (core->loop().driven() ? 1 : in_flight_low));
  return slot;
}

void PoolState::close(Loop::Lock& lock) {
  if (std::exchange(closed, true)) return;
  if (job_known() || !pending.empty() || in_flight > 0) {
    if (!std::exchange(dirty, true)) core->add_dirty(shared_from_this());
    core->loop().nudge(lock, true);
  }
}

void PoolState::join(Duration timeout) {
  Loop::Lock lock(core->loop().mutex());
  if (!core->loop().wait(lock, this, deadline_after(timeout), [this] { return outstanding == 0; }))
    throw_error({Errc::timed_out, std::to_string(outstanding) + " calls of the pool have no result yet"});
}

// What the driver has not given to its future now will not be acknowledged, so the master keeps it.
void PoolState::leave() {
  const bool begun = core->run_on_driver([self = shared_from_this()] {
    self->deaf = true;
    {
      const Loop::Lock lock(self->core->loop().mutex());
      self->left = true;
    }
    self->core->loop().notify(self.get());
  });
  if (!begun) return;  // the client has ended, and every future with it
  Loop::Lock lock(core->loop().mutex());
  close(lock);
  (void)core->loop().wait(lock, this, never, [this] { return left; });
}

// ---------------------------------------------------------------- sending

void PoolState::take(std::vector<Taken>& out) {
  // The first Submit makes the job; the next ones need its number.
  while (!pending.empty() && (job_known() || in_flight == 0)) {
    auto batch = std::make_shared<Batch>(std::move(pending.front()));
    pending.pop_front();
    core->unsent_bytes() -= batch->payloads.size();
    ++in_flight;
    const std::uint64_t settled = core->settled();
    const bool open = !job_known() && !(closed && pending.empty());
    if (!job_known() && !open) close_sent = true;  // the Submit says it: the job is never open
    out.push_back({shared_from_this(), std::move(batch), core->begin_submission(), settled, job, open});
  }
  if (closed && !close_sent && pending.empty() && in_flight == 0 && job_known()) {
    close_sent = true;
    out.push_back({shared_from_this(), nullptr, 0, 0, job, false});
  }
}

std::unique_ptr<Request> PoolState::make_request(Taken taken) {
  auto request = std::make_unique<Request>();
  request->id = taken.pool->core->next_request();
  if (!taken.batch) {
    wire::CloseJob message;
    message.set_request(request->id);
    message.set_job(taken.job);
    append_frame(request->frame, FrameType::close_job, message);
    return request;
  }
  request->submission = taken.submission;
  wire::Submit message;
  message.set_request(request->id);
  message.set_submission(taken.submission);
  message.set_settled(taken.settled);
  message.set_job(taken.job);
  if (taken.job == 0) {
    message.set_open(taken.open);
    message.set_name(taken.pool->name);
  }
  to_wire(taken.batch->spec, *message.mutable_spec());
  message.set_watch(true);
  message.set_wait_for_room(true);
  message.set_patient(taken.job != 0);  // what callers wait for are the outcomes
  append_frame_with(request->frame, FrameType::submit, message, taken.batch->payloads);
  taken.batch->payloads = {};
  request->done = [pool = taken.pool, batch = taken.batch](const Request& one, const Result<Frame>& answer) {
    pool->submitted(*batch, one.repeated, answer);
  };
  return request;
}

void PoolState::submitted(Batch& batch, bool repeated, const Result<Frame>& answer) {
  Result<wire::Submitted> accepted = wire::Submitted{};
  if (answer)
    accepted = parse_answer<wire::Submitted>(*answer);
  else
    accepted = fail(answer.error());
  if (accepted && accepted->count() != batch.slots.size())
    accepted = fail(Errc::protocol_error, "{} tasks were sent and {} accepted", batch.slots.size(),
                    accepted->count());
  if (accepted && accepted->first() < table_first + table.size() && !batch.slots.empty())
    accepted = fail(Errc::protocol_error, "index {} was given twice", accepted->first());
  {
    Loop::Lock lock(core->loop().mutex());
    --in_flight;
    if (accepted && !job_known()) job = accepted->job();
    if (closed && !close_sent && !std::exchange(dirty, true)) core->add_dirty(shared_from_this());
  }
  if (!accepted) {
    std::deque<SlotPtr> slots(batch.slots.begin(), batch.slots.end());
    return fail_all(std::move(slots), accepted.error());
  }
  if (table.empty() && table_first == 1 && accepted->first() == 1) core->listen(job, shared_from_this());
  table.resize(accepted->first() - table_first);  // a gap: tasks of a Submit that nobody here knows
  for (SlotPtr& slot : batch.slots) table.push_back(std::move(slot));
  batch.slots.clear();
  if (repeated) catch_up();  // some may have finished while nobody listened
}

// ---------------------------------------------------------------- results

void PoolState::on_outcomes(std::span<const OutcomeView> outcomes) {
  if (deaf) return;
  std::uint64_t done = 0;
  const std::uint64_t number = job;
  for (const OutcomeView& outcome : outcomes) {
    if (outcome.index < table_first) continue;
    const std::size_t at = outcome.index - table_first;
    if (at >= table.size() || !table[at]) continue;  // told before
    SlotPtr slot = std::move(table[at]);
    slot->type = FrameType::outcomes;
    slot->job = number;
    slot->index = outcome.index;
    slot->bytes.assign(outcome.bytes);
    fetched.push_back(outcome.index);
    ++done;
    core->complete(std::move(slot));
  }
  while (!table.empty() && !table.front()) {
    table.pop_front();
    ++table_first;
  }
  if (done == 0) return;
  core->fetched(number, fetched);
  settle(done);
}

void PoolState::settle(std::uint64_t calls) {
  bool idle = false;
  bool over = false;
  {
    const Loop::Lock lock(core->loop().mutex());
    outstanding -= calls;
    idle = outstanding == 0;
    over = idle && close_sent;
  }
  if (idle) core->loop().notify(this);
  if (over) core->unlisten(job, this);
}

void PoolState::on_up() {
  catching_up = again = false;
  wire::Watch watch;
  watch.set_job(job);
  watch.set_outcomes(true);
  core->ask_now(FrameType::watch, watch, [](const Request&, const Result<Frame>&) {});
  catch_up();
}

// Asks for the results that are missing: they were not pushed, or pushed to a connection that was lost.
void PoolState::catch_up() {
  if (table.empty() || deaf || !core->up()) return;
  if (catching_up) {
    again = true;
    return;
  }
  catching_up = true;
  again = false;
  auto fetch = std::make_shared<Core::Fetch>();
  fetch->job = job;
  fetch->first = table_first;
  fetch->to = weak_from_this();
  fetch->go_on = [] { return true; };
  fetch->done = [weak = weak_from_this()](const Result<void>& result) {
    const auto pool = weak.lock();
    if (!pool) return;
    pool->catching_up = false;
    if (!result && result.error().code == Errc::unavailable) return;  // on_up begins anew
    if (!result)
      pool->fail_all(std::exchange(pool->table, {}), result.error());
    else if (pool->again)
      pool->catch_up();
  };
  core->fetch_outcomes(std::move(fetch));
}

void PoolState::on_end(const Error& why) {
  std::deque<SlotPtr> slots = std::exchange(table, {});
  {
    const Loop::Lock lock(core->loop().mutex());
    for (Batch& batch : pending) {
      core->unsent_bytes() -= batch.payloads.size();
      for (SlotPtr& slot : batch.slots) slots.push_back(std::move(slot));
    }
    pending.clear();
  }
  core->loop().notify(&core->unsent_bytes());
  fail_all(std::move(slots), why);
}

void PoolState::fail_all(std::deque<SlotPtr> slots, const Error& why) {
  std::uint64_t failed = 0;
  for (const SlotPtr& slot : slots) {
    if (!slot) continue;
    core->fail_slot(slot, why);
    ++failed;
  }
  settle(failed);
}

}  // namespace reeve::client
