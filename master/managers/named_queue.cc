#include "master/managers/named_queue.h"

#include <algorithm>
#include <array>
#include <limits>

#include "common/pickle/convert.h"
#include "common/pickle/payload.h"
#include "common/pickle/stored.h"
#include "master/managers/object_table.h"
#include "master/managers/objects/queue.h"

namespace reeve::master::managers {
namespace {

// As a queue.Queue of Python, without shutdown(): one client does not close what others share.
constexpr std::array<std::string_view, 9> methods{"empty", "full",       "get",   "get_nowait", "join",
                                                  "put",   "put_nowait", "qsize", "task_done"};

// What the Broker refuses, as an exception that a Python program may know.
std::unexpected<Raise> refused(const Error& error) {
  switch (error.code) {
    case Errc::queue_empty:
      return raise_from("Queue", "Empty");
    case Errc::queue_full:
      return raise_from("Queue", "Full");
    case Errc::invalid_argument:
    case Errc::too_large:
      return raise("ValueError", error.detail);
    case Errc::limit_reached:
      return raise("MemoryError", error.detail);
    case Errc::storage_failed:
      return raise("IOError", error.detail);
    default:
      return raise("RuntimeError", error.detail);
  }
}

// The Broker's waits of nothing are for ever: who waits a moment waits at least the shortest one.
Duration wait_max_of(const Patience& patience) {
  if (!patience.seconds) return Duration{0};
  constexpr double longest = 1e9;  // seconds; more than thirty years
  const double seconds = std::min(*patience.seconds, longest);
  return std::max(Duration{1}, Duration{static_cast<std::int64_t>(seconds * 1e6)});
}

std::optional<std::int64_t> priority_number(const pickle::Value& value) {
  const bool is_tuple = value.kind() == pickle::Value::Kind::tuple && !value.elements().empty();
  return is_tuple ? value.elements().front().to_int64() : value.to_int64();
}

// Python takes the lowest first, the Broker the highest. The number is the item, or the first of a tuple.
std::expected<std::int32_t, Raise> priority_of(const pickle::Fragment& fragment) {
  const pickle::Value value = value_of(fragment);
  const auto number = priority_number(value);
  constexpr std::int64_t bound = std::numeric_limits<std::int32_t>::max();
  if (number && *number >= -bound && *number <= bound) return static_cast<std::int32_t>(-*number);
  return raise("TypeError",
               "an item of this named PriorityQueue must be an integer within 32 bits, or a tuple that "
               "begins with one");
}

}  // namespace

std::span<const std::string_view> NamedQueue::exposed() const { return methods; }

Outcome NamedQueue::call(Call& call) {
  const std::string_view method = call.method;
  if (const std::string trouble = clients_.store_trouble(); !trouble.empty())
    return raise("IOError", trouble);
  if (method == "put" || method == "put_nowait") return put(call);
  if (method == "get" || method == "get_nowait") return get(call);
  if (auto error = call.arguments.none(method)) return std::unexpected(std::move(*error));
  if (method == "task_done") return task_done(call);
  if (method != "join") return state(call);
  const Asker asker{clients_.hand_of(call.caller.session, call.now).session, call.caller.call};
  const Result<void> joined = broker_.join(asker, name_, Duration{0}, call.now, call.effects);
  if (!joined) return refused(joined.error());
  return Answer{Waits{}};
}

Outcome NamedQueue::put(Call& call) {
  const master::Queue* const queue = broker_.queue(name_);
  const auto asked = put_call(call, queue != nullptr && queue->maxsize > 0);
  if (!asked) return std::unexpected(asked.error());
  std::int32_t priority = 0;
  if (queue != nullptr && queue->kind == QueueKind::priority) {
    const auto given = priority_of(*asked->item);
    if (!given) return std::unexpected(given.error());
    priority = *given;
  }
  const std::string stored = pickle::to_stored(*asked->item);
  PutValues values{.number = 0,
                   .settled = 0,
                   .queue = name_,
                   .encoding = Encoding::pickle,
                   .priority = priority,
                   .items = {},
                   .wait_for_room = asked->patience.waits,
                   .wait_max = wait_max_of(asked->patience)};
  values.items.reserve(1, stored.size());
  values.items.add(stored);
  QueueHand& hand = clients_.hand_of(call.caller.session, call.now);
  hand.putting.clear();
  for (const std::string& of_proxy : asked->item->token_idents)
    if (auto object = call.hall.find(of_proxy)) hand.putting.emplace_back(std::move(object));
  const Asker asker{hand.session, call.caller.call};
  const Result<void> put = broker_.put(asker, std::move(values), call.now, call.effects);
  if (put) return Answer{Waits{}};
  hand.putting.clear();
  return refused(put.error());
}

Outcome NamedQueue::get(Call& call) {
  const auto patience = get_call(call);
  if (!patience) return std::unexpected(patience.error());
  if (const master::Queue* queue = broker_.queue(name_); queue != nullptr && !queue->function.empty())
    return raise("RuntimeError",
                 fmt::format("queue {} has the function '{}': what is put into it goes to reeve workers",
                             name_, queue->function));
  const Asker asker{clients_.hand_of(call.caller.session, call.now).session, call.caller.call};
  const Result<void> got = broker_.get(
      asker, {.queue = name_, .items_max = 1, .wait = patience->waits, .wait_max = wait_max_of(*patience)},
      call.now, call.effects);
  if (!got) return refused(got.error());
  return Answer{Waits{}};
}

// Of a queue with ack = task_done it is the oldest item this connection has, which is its own only now.
Outcome NamedQueue::task_done(Call& call) {
  QueueHand& hand = clients_.hand_of(call.caller.session, call.now);
  if (const auto held = hand.unacknowledged.find(name_); held != hand.unacknowledged.end()) {
    const std::array<TaskId, 1> item{held->second.front()};
    held->second.pop_front();
    if (held->second.empty()) hand.unacknowledged.erase(held);
    broker_.took(hand.session, item, call.now, call.effects);
    clients_.taken(item.front());
  }
  const master::Queue* const queue = broker_.queue(name_);
  const bool acknowledged = queue != nullptr && queue->ack_task_done;
  const Result<void> done =
      broker_.task_done({hand.session, call.caller.call}, name_, 1, call.now, call.effects);
  if (done) return Answer{Waits{}};
  if (done.error().code == Errc::wrong_state || done.error().code == Errc::not_found)
    return raise("ValueError",
                 acknowledged ? "task_done() called too many times: of a queue with ack = \"task_done\" the "
                                "connection that took an item says so, and every thread has its own"
                              : "task_done() called too many times");
  return refused(done.error());
}

Outcome NamedQueue::state(Call& call) const {
  const master::Queue* const queue = broker_.queue(name_);
  const std::uint64_t size = queue == nullptr ? 0 : queue->size();
  if (call.method == "qsize") return Answer{static_cast<std::int64_t>(size)};
  if (call.method == "empty") return Answer{size == 0};
  return Answer{queue != nullptr && queue->room() == 0};
}

// ---- what the Broker answers

Outcome NamedQueue::submitted(const Result<Accepted>& answer) const {
  if (!answer) return refused(answer.error());
  return Answer{};
}

Outcome NamedQueue::got(const Result<std::span<const ItemView>>& answer, QueueHand& hand,
                        ObjectTable& objects) const {
  if (!answer) return refused(answer.error());
  const ItemView& item = answer->front();
  hand.sent = item.id;
  Result<pickle::Fragment> fragment = pickle::from_payload(item.encoding, item.value);
  if (!fragment)
    return Answer{
        .value = Unserializable{unreadable(item.encoding, item.value.size(), fragment.error().detail)},
        .precious = true};
  return Answer{.value = objects.wrap(std::move(*fragment)), .precious = true};
}

std::string NamedQueue::unreadable_name() const { return fmt::format("{}{}", name_, unreadable_suffix); }

std::string NamedQueue::unreadable(Encoding encoding, std::size_t bytes, std::string_view why) const {
  const std::string where = holds_unreadable() ? name_ : unreadable_name();
  return fmt::format(
      "queue {}: no Python can read a value ({}, {} bytes): {}; it {} the queue {}: "
      "'reeve queue peek {}' shows it, 'reeve queue get {}' takes it out",
      name_, name_of(encoding), bytes, why, holds_unreadable() ? "stays in" : "goes to", where, where, where);
}

std::string NamedQueue::why_unreadable(const pickle::Fragment& fragment) const {
  std::string why;
  for (const auto reader : {pickle::Reader::python2, pickle::Reader::python3_old, pickle::Reader::python3}) {
    const Result<pickle::Fragment> form = pickle::convert(fragment, reader);
    if (form) return {};
    why = form.error().detail;
  }
  return unreadable(Encoding::pickle, fragment.bytes.size(), why);
}

Outcome NamedQueue::done(const Result<std::uint64_t>& answer) const {
  if (!answer) return refused(answer.error());
  return Answer{};
}

bool NamedQueue::delivered(QueueHand& hand, TaskId sent, Now now, Effects& effects) const {
  const master::Queue* const queue = broker_.queue(name_);
  if (queue != nullptr && queue->ack_task_done) {
    hand.unacknowledged[name_].push_back(sent);
    return false;
  }
  const std::array<TaskId, 1> items{sent};
  broker_.took(hand.session, items, now, effects);
  clients_.taken(sent);
  return true;
}

}  // namespace reeve::master::managers
