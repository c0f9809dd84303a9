#include "client/core/core.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "client/core/frames.h"
#include "client/core/pool_state.h"
#include "client/core/wire_scan.h"
#include "common/base/assert.h"

namespace reeve::client {
namespace {

constexpr std::chrono::seconds close_patience{3};  // how long close() tries to send what is unsent

const Error closed{Errc::unavailable, "the client was closed"};

bool has_values(const Slot& slot) {
  if (!slot.ready() || slot.error != Errc::ok || slot.type != FrameType::got) return false;
  const auto got = parse_answer<wire::Got>(Frame{slot.type, slot.bytes});
  return got && !got->items().empty();
}

}  // namespace

Core::Core(CoreSettings settings)
    : settings_(std::move(settings)), loop_(*this), link_(loop_.io(), *this, settings_.link) {}

Core::~Core() = default;

// ---------------------------------------------------------------- begin and end

void Core::connect() {
  boost::asio::post(loop_.io(), [this] { link_.start(); });
  loop_.start();
  Loop::Lock lock(loop_.mutex());
  loop_.wait(lock, this, never, [this] { return was_up_ || ended_; });
  if (!ended_) return;
  const Error why = *ended_;
  lock.unlock();
  close();
  throw_error(why);
}

void Core::close() {
  Loop::Lock lock(loop_.mutex());
  if (closing_) return;
  closing_ = true;
  for (const auto& weak : pools_)
    if (const auto pool = weak.lock()) pool->close(lock);
  loop_.nudge(lock, true);
  loop_.wait(lock, this, mono_now() + close_patience, [this] { return ended_.has_value(); });
  lock.unlock();
  run_on_driver([this] { end(closed); });
  lock.lock();
  loop_.wait(lock, this, never, [this] { return ended_.has_value(); });
  lock.unlock();
  loop_.stop();
  // What came too late for the last pump. It owns feeds, which own us; and whoever waits wants to hear the end.
  std::vector<std::function<void()>> late;
  lock.lock();
  late.swap(actions_);
  lock.unlock();
  for (const auto& action : late) action();
}

// Closing, and everything is on its way: the connection may go.
void Core::pump_end() {
  {
    const Loop::Lock lock(loop_.mutex());
    if (!closing_ || ended_) return;
    if (!actions_.empty() || !outbox_.empty() || !puts_.empty() || !dirty_pools_.empty()) return;
    for (const auto& weak : pools_)
      if (const auto pool = weak.lock(); pool && pool->owes_close()) return;
  }
  const bool all_sent = std::ranges::none_of(
      requests_, [](const auto& entry) { return entry.second->submission != 0 && !entry.second->sent; });
  if (all_sent && (!link_.up() || link_.unsent_bytes() == 0)) end(closed);
}

void Core::end(const Error& why) {
  std::vector<std::unique_ptr<Request>> requests;
  std::vector<PendingPut> puts;
  std::vector<std::shared_ptr<PoolState>> pools;
  {
    const Loop::Lock lock(loop_.mutex());
    if (ended_) return;
    ended_ = why;
    is_up_ = false;
    requests.swap(outbox_);
    puts.swap(puts_);
    pools.swap(dirty_pools_);
  }
  link_.finish();
  for (auto& [id, request] : std::exchange(requests_, {})) finish_request(std::move(request), fail(why));
  for (auto& request : requests) finish_request(std::move(request), fail(why));
  for (const PendingPut& put : puts) fail_slot(put.slot, why);
  for (const auto& pool : pools) pool->on_end(why);
  for (const auto& [job, listeners] : std::exchange(listeners_, {}))
    for (const auto& listener : listeners) listener->on_end(why);
  loop_.notify(this);
}

void Core::add_pool(const std::shared_ptr<PoolState>& pool) {
  std::erase_if(pools_, [](const auto& weak) { return weak.expired(); });
  pools_.push_back(pool);
}

void Core::check_open() const {
  if (ended_) throw_error(*ended_);
  if (closing_) throw_error(closed);
}

void Core::check_size(std::size_t payload_bytes) const {
  if (payload_bytes > payload_max_bytes())
    throw_error({Errc::too_large, fmt::format("a payload of {} bytes; the master takes {} at most",
                                              payload_bytes, payload_max_bytes())});
}

// ---------------------------------------------------------------- asking

SlotPtr Core::slot_for(Request& request) {
  SlotPtr slot = make_slot();
  request.done = [this, slot](const Request& asked, const Result<Frame>& answer) {
    slot->repeated = asked.repeated;
    if (!answer) return fail_slot(slot, answer.error());
    slot->type = answer->type;
    slot->bytes.assign(answer->body);
    complete(slot);
  };
  return slot;
}

void Core::issue(std::unique_ptr<Request> request) {
  Loop::Lock lock(loop_.mutex());
  check_open();
  outbox_.push_back(std::move(request));
  // When nobody drives, the asking thread is about to wait, and drives itself.
  loop_.nudge(lock, loop_.driven());
}

SlotPtr Core::submit(wire::Submit& header, std::string_view payload_fields) {
  auto request = std::make_unique<Request>();
  request->id = next_request();
  header.set_request(request->id);
  {
    const Loop::Lock lock(loop_.mutex());
    check_open();
    header.set_settled(settled());
    request->submission = begin_submission();
  }
  header.set_submission(request->submission);
  append_frame_with(request->frame, FrameType::submit, header, payload_fields);
  SlotPtr slot = slot_for(*request);
  issue(std::move(request));
  return slot;
}

std::uint64_t Core::begin_submission() {
  unanswered_.insert(unanswered_.end(), next_submission_);
  return next_submission_++;
}

void Core::await(const SlotPtr& slot, TimePoint deadline) {
  if (slot->ready()) return;
  Loop::Lock lock(loop_.mutex());
  loop_.wait(lock, slot.get(), deadline, [&slot] {
    auto expected = Slot::Phase::pending;
    slot->phase.compare_exchange_strong(expected, Slot::Phase::watched);
    return expected == Slot::Phase::ready;
  });
}

std::vector<wire::Item> Core::get(wire::Get& question, Duration timeout) {
  check_may_wait();  // values that came would belong to nobody
  const TimePoint deadline = deadline_after(timeout);
  std::uint64_t id = 0;
  const SlotPtr slot = ask(FrameType::get, question, true, &id);
  // The master keeps the time. It may be late; without a connection nobody keeps it but us.
  await(slot, deadline);
  if (!slot->ready()) {
    Loop::Lock lock(loop_.mutex());
    const bool master_will_say = is_up_;
    lock.unlock();
    if (master_will_say) await(slot, deadline + settings_.answer_patience);
  }
  if (!slot->ready()) {
    abandon(id, slot);
    throw_error({Errc::queue_empty, "nothing came into queue " + question.queue() + " in time"});
  }
  wire::Got got = answer_in<wire::Got>(*slot);
  std::vector<wire::Item> items(std::make_move_iterator(got.mutable_items()->begin()),
                                std::make_move_iterator(got.mutable_items()->end()));
  if (question.peek()) return items;
  Loop::Lock lock(loop_.mutex());
  for (const wire::Item& item : items) took_.push_back({item.job(), item.index()});
  loop_.nudge(lock,
              loop_.driven());  // else it travels with the next request, or the background thread sends it
  return items;
}

// Values that nobody takes go back into their queue when the connection ends, and not before.
void Core::abandon(std::uint64_t id, const SlotPtr& slot) {
  run_on_driver([this, id, slot] {
    const auto found = requests_.find(id);
    bool values_may_come = has_values(*slot);  // answered since the caller gave up
    if (found != requests_.end()) {
      values_may_come = found->second->takes_values && found->second->sent;
      requests_.erase(found);
    }
    if (values_may_come) link_.drop({Errc::timed_out, "the master did not answer in time"});
  });
}

bool Core::run_on_driver(std::function<void()> action) {
  Loop::Lock lock(loop_.mutex());
  if (loop_.stopped()) return false;
  actions_.push_back(std::move(action));
  loop_.nudge(lock, true);
  return true;
}

void Core::wait_for_unsent(Loop::Lock& lock) {
  if (unsent_bytes_ <= settings_.unsent_max_bytes || loop_.driving_here()) return;
  loop_.wait(lock, &unsent_bytes_, never,
             [this] { return ended_ || unsent_bytes_ <= settings_.unsent_max_bytes / 2; });
  check_open();
}

// ---------------------------------------------------------------- sending

void Core::pump() {
  std::vector<std::unique_ptr<Request>> fresh;
  std::vector<PendingPut> puts;
  std::vector<std::function<void()>> actions;
  {
    Loop::Lock lock(loop_.mutex());
    actions.swap(actions_);
    fresh.swap(outbox_);
    puts.swap(puts_);
    if (link_.up() && !dirty_pools_.empty()) pump_pools(lock, fresh);
  }
  for (const auto& action : actions) action();
  if (link_.up()) pump_acknowledgements();  // first: a task_done is about the value that was taken before it
  for (auto& request : fresh) send(std::move(request));
  if (!puts.empty()) pump_puts(std::move(puts));
  if (link_.up()) link_.flush();
  pump_end();
}

// Takes what the pools have to send, as far as the connection takes it.
void Core::pump_pools(Loop::Lock& lock, std::vector<std::unique_ptr<Request>>& out) {
  std::vector<std::shared_ptr<PoolState>> pools;
  pools.swap(dirty_pools_);
  std::vector<PoolState::Taken> taken;
  const std::size_t unsent_before = unsent_bytes_;
  for (auto& pool : pools) {
    if (!link_.congested()) pool->take(taken);
    if (pool->has_more_to_send())
      dirty_pools_.push_back(std::move(pool));
    else
      pool->dirty = false;
  }
  const bool room_again =
      unsent_before > settings_.unsent_max_bytes / 2 && unsent_bytes_ <= settings_.unsent_max_bytes / 2;
  lock.unlock();
  for (auto& one : taken) out.push_back(PoolState::make_request(std::move(one)));
  if (room_again) loop_.notify(&unsent_bytes_);
  lock.lock();
}

// Keeps a request until it is answered; sends it now if there is a connection.
void Core::send(std::unique_ptr<Request> request) {
  if (ended_) return finish_request(std::move(request), fail(*ended_));  // written by the driver only
  if (link_.up()) {
    link_.out().append(request->frame);
    request->sent = true;
  }
  const std::uint64_t id = request->id;
  requests_.insert_or_assign(id, std::move(request));
}

void Core::fetched(std::uint64_t job, std::vector<std::uint32_t>& indices) {
  fetched_.emplace_back(job, std::exchange(indices, {}));
}

void Core::pump_acknowledgements() {
  std::vector<TaskName> took;
  {
    const Loop::Lock lock(loop_.mutex());
    took.swap(took_);
  }
  if (!took.empty()) {
    wire::Took message;
    for (const TaskName& name : took) {
      auto* item = message.add_items();
      item->set_job(name.job);
      item->set_index(name.index);
    }
    append_frame(link_.out(), FrameType::took, message);
  }
  for (const auto& [job, indices] : fetched_) {
    wire::Fetched message;
    message.set_job(job);
    message.mutable_indices()->Add(indices.begin(), indices.end());
    append_frame(link_.out(), FrameType::fetched, message);
  }
  fetched_.clear();
}

// ---------------------------------------------------------------- the connection comes and goes

void Core::on_up(const wire::ClientWelcome& welcome) {
  if (welcome.payload_max_bytes() > 0) payload_max_bytes_ = welcome.payload_max_bytes();
  knows_backups_ = welcome.backups();
  tasks_max_ = welcome.tasks_max();
  if (welcome.batch_max() > 0) batch_max_ = static_cast<std::size_t>(welcome.batch_max());
  bool again = false;
  {
    const Loop::Lock lock(loop_.mutex());
    again = was_up_;
    was_up_ = is_up_ = true;
  }
  if (again && settings_.on_connection) settings_.on_connection(true, to_string(master()));
  for (const auto& [id, request] : requests_) {
    link_.out().append(request->frame);
    request->sent = true;
  }
  const auto listeners = listeners_;
  for (const auto& [job, all] : listeners)
    for (const auto& listener : all) listener->on_up();
  link_.flush();
  loop_.notify(this);
}

void Core::on_down() {
  fetched_.clear();  // what was not acknowledged is fetched again, and found to be known
  std::vector<std::unique_ptr<Request>> lost;
  {
    const Loop::Lock lock(loop_.mutex());
    is_up_ = false;
    took_.clear();  // they went back into their queues
  }
  if (settings_.on_connection) settings_.on_connection(false, to_string(master()));
  for (auto at = requests_.begin(); at != requests_.end();) {
    Request& request = *at->second;
    if (!request.repeatable && request.sent) {
      lost.push_back(std::move(at->second));
      at = requests_.erase(at);
      continue;
    }
    request.repeated = request.repeated || request.sent;
    request.sent = false;
    ++at;
  }
  for (auto& request : lost)
    finish_request(
        std::move(request),
        fail(Errc::unavailable,
             "the connection was lost before the answer came: it is not known whether it was done"));
}

// ---------------------------------------------------------------- what the master says

Result<void> Core::on_frame(const Frame& frame) {
  switch (frame.type) {
    case FrameType::outcomes:
      return on_outcomes(frame.body);
    case FrameType::lagging: {
      wire::Lagging lagging;
      if (!lagging.ParseFromArray(frame.body.data(), static_cast<int>(frame.body.size())))
        return fail(Errc::protocol_error, "a malformed Lagging");
      for (const auto& listener : listeners_of(lagging.job())) listener->on_lagging();
      return {};
    }
    case FrameType::job_changed:
      return on_job_changed(frame);
    default:
      break;
  }
  // Every answer begins with the request it belongs to; field 1 is left out only when it is 0.
  WireScan scan(frame.body);
  if (!scan.next() || scan.field() != 1)
    return fail(Errc::protocol_error, "frame type {} answers no request", static_cast<int>(frame.type));
  answered(scan.number(), frame);
  return {};
}

void Core::answered(std::uint64_t id, const Frame& frame) {
  const auto found = requests_.find(id);
  if (found == requests_.end()) return;  // abandoned, or news and no answer
  if (frame.type == FrameType::job_changed && !found->second->is_watch) return;
  auto request = std::move(found->second);
  requests_.erase(found);
  finish_request(std::move(request), frame);
}

void Core::finish_request(std::unique_ptr<Request> request, const Result<Frame>& answer) {
  if (request->submission != 0) {
    const Loop::Lock lock(loop_.mutex());
    unanswered_.erase(request->submission);
  }
  if (request->done) request->done(*request, answer);
}

// ---------------------------------------------------------------- slots

void Core::complete(SlotPtr slot) {
  const auto hook = std::move(slot->hook);
  if (slot->phase.exchange(Slot::Phase::ready) == Slot::Phase::watched) loop_.notify(slot.get());
  if (!hook) return;
  try {
    (*hook)(slot);
  } catch (...) {  // Callback says so: the driver is whoever waits just now, and has nothing to do with it
  }
}

void Core::fail_slot(const SlotPtr& slot, const Error& why) {
  slot->error = why.code;
  slot->bytes = why.detail;
  complete(slot);
}

}  // namespace reeve::client
