#include "reeve/queue.h"

#include <algorithm>
#include <utility>

#include "client/core/core.h"
#include "client/core/info.h"

namespace reeve {
namespace {

// The master answers a put that found no room in time. Without a connection nobody does, but us.
constexpr std::chrono::seconds answer_patience{5};

std::uint64_t wait_us(Duration timeout) {  // 0 means for ever, to the master
  return timeout == forever ? 0 : static_cast<std::uint64_t>(std::max<std::int64_t>(timeout.count(), 1));
}

std::vector<Item> items_from(std::vector<wire::Item> items) {
  std::vector<Item> out;
  out.reserve(items.size());
  for (wire::Item& item : items) out.push_back(client::item_from(std::move(item)));
  return out;
}

}  // namespace

void Ack::get() const {
  core_->await(slot_);
  slot_->check();
}

bool Ack::ready() const { return slot_->ready(); }

bool Ack::wait_for(Duration timeout) const {
  core_->await(slot_, client::deadline_after(timeout));
  return slot_->ready();
}

Queue::Queue(std::shared_ptr<client::Core> core, std::string name)
    : core_(std::move(core)), name_(std::move(name)) {}

void Queue::put(Payload value, const PutOptions& options) {
  core_->check_may_wait();
  client::SlotPtr slot = client::make_slot();
  const bool waits = options.timeout > Duration{0};
  core_->put({name_, std::move(value), options.priority, waits, waits ? wait_us(options.timeout) : 0, slot},
             true);
  const auto patience = options.timeout == forever ? forever : options.timeout + answer_patience;
  core_->await(slot, client::deadline_after(patience));
  if (!slot->ready())
    throw_error({Errc::unavailable,
                 "the master did not answer: it is not known whether the value is in queue " + name_});
  slot->check();
}

void Queue::put_nowait(Payload value, std::int32_t priority) {
  core_->check_may_wait();
  client::SlotPtr slot = client::make_slot();
  core_->put({name_, std::move(value), priority, false, 0, slot}, true);
  core_->await(slot);
  slot->check();
}

Ack Queue::put_async(Payload value, std::int32_t priority) {
  client::SlotPtr slot = client::make_slot();
  core_->put({name_, std::move(value), priority, true, 0, slot}, false);
  return {core_, std::move(slot)};
}

void Queue::put_many(std::vector<Payload> values, const PutOptions& options) {
  core_->check_may_wait();
  const bool waits = options.timeout > Duration{0};
  std::vector<client::SlotPtr> slots;
  slots.reserve(values.size());
  for (Payload& value : values) {
    slots.push_back(client::make_slot());
    core_->put({name_, std::move(value), options.priority, waits, waits ? wait_us(options.timeout) : 0,
                slots.back()},
               false);
  }
  for (const client::SlotPtr& slot : slots) core_->await(slot);
  for (const client::SlotPtr& slot : slots) slot->check();
}

Item Queue::get(Duration timeout) { return std::move(get_many(1, timeout).front()); }

Item Queue::get_nowait() { return get(Duration{0}); }

std::vector<Item> Queue::get_many(std::size_t max, Duration timeout) {
  wire::Get question;
  question.set_queue(name_);
  question.set_items_max(static_cast<std::uint32_t>(std::clamp<std::size_t>(max, 1, core_->batch_max())));
  question.set_wait(timeout > Duration{0});
  question.set_wait_max_us(timeout > Duration{0} ? wait_us(timeout) : 0);
  const Duration patience = timeout > Duration{0} ? timeout : Duration{std::chrono::seconds{30}};
  auto items = items_from(core_->get(question, patience));
  if (items.empty()) throw_error({Errc::queue_empty, "queue " + name_ + " has no values"});
  return items;
}

std::vector<Item> Queue::peek(std::size_t max) const {
  wire::Get question;
  question.set_queue(name_);
  question.set_items_max(static_cast<std::uint32_t>(max));
  question.set_peek(true);
  return items_from(core_->get(question, forever));
}

QueueInfo Queue::info() const {
  wire::QueueList question;
  question.set_queue(name_);
  const auto answer = core_->call<wire::QueueInfos>(FrameType::queue_list, question);
  if (answer.queues().empty()) throw_error({Errc::not_found, "no queue " + name_});
  return client::info_from(answer.queues(0));
}

// A queue that nobody has used does not exist yet, and is empty.
std::uint64_t Queue::qsize() const {
  try {
    return info().size;
  } catch (const NotFound&) {
    return 0;
  }
}

bool Queue::full() const {
  try {
    const QueueInfo now = info();
    return now.maxsize != 0 && now.size >= now.maxsize;
  } catch (const NotFound&) {
    return false;
  }
}

void Queue::task_done(std::uint64_t count) {
  wire::TaskDone question;
  question.set_queue(name_);
  question.set_count(count);
  core_->call<wire::Done>(FrameType::task_done, question, false);
}

void Queue::join(Duration timeout) {
  core_->check_may_wait();
  wire::Join question;
  question.set_queue(name_);
  question.set_wait_max_us(wait_us(timeout));
  std::uint64_t id = 0;
  const auto slot = core_->ask(FrameType::join, question, true, &id);
  core_->await(slot, client::deadline_after(timeout == forever ? forever : timeout + answer_patience));
  if (!slot->ready()) {
    core_->abandon(id, slot);
    throw_error(
        {Errc::timed_out, "queue " + name_ + " still has unfinished tasks, or the master does not answer"});
  }
  (void)client::answer_in<wire::Done>(*slot);
}

void Queue::create(const QueueOptions& options) {
  wire::QueueCreate question;
  question.set_queue(name_);
  question.set_kind(static_cast<wire::QueueKind>(options.kind));
  question.set_maxsize(options.maxsize);
  question.set_exist_ok(options.exist_ok);
  question.set_function(options.function);
  question.set_results(options.results);
  question.set_ack_task_done(options.ack_task_done);
  core_->change(FrameType::queue_create, question, options.exist_ok ? Errc::ok : Errc::already_exists);
}

namespace {
std::uint64_t control(client::Core& core, const std::string& queue, wire::QueueAction action,
                      Errc done_before = Errc::ok) {
  wire::QueueControl question;
  question.set_queue(queue);
  question.set_action(action);
  return core.change(FrameType::queue_control, question, done_before);
}
}  // namespace

void Queue::pause() { control(*core_, name_, wire::PAUSE); }
void Queue::resume() { control(*core_, name_, wire::RESUME); }
std::uint64_t Queue::purge() { return control(*core_, name_, wire::PURGE); }
void Queue::remove() { control(*core_, name_, wire::REMOVE, Errc::not_found); }

}  // namespace reeve
