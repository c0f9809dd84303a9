#include "master/managers/manager.h"

#include <algorithm>
#include <utility>

#include "common/base/assert.h"
#include "master/managers/message.h"
#include "master/managers/write_answer.h"

namespace reeve::master::managers {
namespace {

// Every session of this side is one client to the Broker: nothing that it would remember of one outlives a session.
constexpr std::string_view broker_key = "python managers.";
constexpr std::size_t followers_usual_max = 16;

}  // namespace

Manager::Manager(Broker& broker, const Options& options, Replies& replies)
    : broker_(broker), options_(options), replies_(replies), objects_(options.objects) {}

Manager::~Manager() = default;

bool Manager::request(SessionId from, std::string_view payload, Now now, Effects& effects) {
  broker_was_asked_ = false;
  Peer& peer = peers_[from];
  ASSERT(peer.call == 0, "session {} has a request that is not answered", from);
  const Result<void> parsed = parser_.parse(payload, request_);
  peer.reader = request_.reader;
  if (!parsed) {
    if (!peer.calls) replies_.close_after_reply(from);
    deliver(from, peer, nullptr, Answer{Traceback{fmt::format("ValueError: {}\n", parsed.error().detail)}});
  } else if (peer.calls) {
    serve_call(from, peer, now, effects);
  } else {
    serve_function(from, peer, now, effects);
  }
  settle(now, effects);
  return broker_was_asked_;
}

std::string Manager::no_object(std::optional<std::string_view> ident) {
  return fmt::format(
      "'{}': there is no such object; one without a name goes with its last proxy, and with the server "
      "that made it",
      ident.value_or("None"));
}

// ---- calls

void Manager::serve_call(SessionId from, Peer& peer, Now now, Effects& effects) {
  peer.call = next_call_++;
  const std::shared_ptr<Object> object = request_.ident ? find(*request_.ident) : nullptr;
  if (object == nullptr)
    return deliver(from, peer, nullptr,
                   Answer{Traceback{fmt::format("KeyError: {}\n", no_object(request_.ident))}});
  Arguments arguments{request_, objects_};
  Call call{.caller = {from, peer.call, peer.reader == pickle::Reader::python2},
            .method = request_.method,
            .arguments = arguments,
            .now = now,
            .hall = *this,
            .effects = effects};
  peer.in = object;
  peer.waiting = peer.call;  // a Broker's answer may come from within
  const std::uint64_t number = peer.call;
  const Outcome outcome = call_method(*object, call);
  objects_.recount(*object);
  const Waits* const waits = outcome ? std::get_if<Waits>(&outcome->value) : nullptr;
  if (waits == nullptr) return deliver(from, peer, object, outcome);
  if (peer.call != number || !waits->deadline) return;
  peer.deadline = waits->deadline;
  deadlines_.emplace(*waits->deadline, from, number);
}

Outcome Manager::call_method(Object& object, Call& call) const {
  if (object.cells.kept()) {
    if (const std::string trouble = replies_.store_trouble(); !trouble.empty())
      return raise("IOError", trouble);
    // A call changes at most what all objects hold; several must not pile up.
    if (const std::uint64_t bytes = replies_.unwritten_bytes(); bytes > options_.objects.objects_max_bytes)
      return raise("MemoryError",
                   fmt::format("{} bytes of changes wait for the store; managers-objects-max-bytes is {}",
                               bytes, options_.objects.objects_max_bytes));
  }
  const auto exposed = object.exposed();
  if (std::ranges::find(exposed, call.method) != exposed.end()) return object.call(call);
  if (call.method == "__str__" || call.method == "__repr__") {
    std::uint64_t steps = call_steps_max;
    return Answer{Text{object.repr(Object::repr_max_bytes, steps)}};
  }
  if (call.method == "#GETVALUE") return object.getvalue();
  return Answer{Traceback{fmt::format("AttributeError: method '{}' of '{}' object is not in exposed={}\n",
                                      call.method, object.type_name(), fmt::join(exposed, ","))}};
}

void Manager::stop_waiting(SessionId session, Peer& peer) {
  if (peer.deadline) deadlines_.erase({*peer.deadline, session, peer.waiting});
  peer.deadline.reset();
  peer.call = peer.waiting = 0;
}

void Manager::deliver(SessionId to, Peer& peer, const std::shared_ptr<Object>& from, const Outcome& outcome) {
  stop_waiting(to, peer);
  if (outcome) keep_what_is_sent(*outcome);
  payload_.clear();
  const bool readable = write_answer(peer.reader, outcome, payload_);
  const bool precious = outcome && outcome->precious;
  const auto* const item = outcome ? std::get_if<ItemPtr>(&outcome->value) : nullptr;
  peer.delivering = precious && readable;
  peer.in = peer.delivering ? from : nullptr;
  peer.item = peer.delivering && item != nullptr ? *item : nullptr;
  peer.note = peer.delivering ? outcome->note : 0;
  if (precious && !readable) came_back(to, peer, from, *outcome);
  const bool durable = from != nullptr && from->is_durable();
  replies_.reply(to, payload_, durable ? Leaves::when_durable : Leaves::now, peer.delivering);
  if (payload_.capacity() > reply_kept_max_bytes) std::string{}.swap(payload_);
}

// The answer cannot be written for the one who asked. What no Python can read would block a named queue for good if
// it went back to the front, so it is told in other words, and set aside.
void Manager::came_back(SessionId session, Peer& peer, const std::shared_ptr<Object>& to,
                        const Answer& answer) {
  const auto* const item = std::get_if<ItemPtr>(&answer.value);
  Returned returned{
      .to = to,
      .answer = {.session = session, .item = item != nullptr ? *item : nullptr, .note = answer.note},
      .value = {},
      .unreadable = {}};
  if (peer.hand) returned.value = std::exchange(peer.hand->sent, {});
  const auto* const queue = returned.value.index != 0 ? dynamic_cast<const NamedQueue*>(to.get()) : nullptr;
  if (queue != nullptr) {
    const auto* const error = std::get_if<Unserializable>(&answer.value);
    returned.unreadable =
        error != nullptr ? error->text : queue->why_unreadable(returned.answer.item->fragment());
    if (error == nullptr && !returned.unreadable.empty()) {
      payload_.clear();
      write_answer(peer.reader, Answer{Unserializable{returned.unreadable}}, payload_);
    }
  }
  returned_.push_back(std::move(returned));
}

// An item that was taken out of its object would take the objects of its proxies with it.
void Manager::keep_what_is_sent(const Answer& answer) {
  const auto keep = [this](const ItemPtr& item) {
    if (item.use_count() == 1) proxies_.sent(*item);
  };
  if (const auto* const item = std::get_if<ItemPtr>(&answer.value)) keep(*item);
  if (const auto* const pair = std::get_if<std::pair<ItemPtr, ItemPtr>>(&answer.value)) keep(pair->second);
}

bool Manager::answered(SessionId to, Now now, Effects& effects) {
  const auto found = peers_.find(to);
  if (found == peers_.end()) return false;
  Peer& peer = found->second;
  peer.delivering = false;
  peer.item.reset();
  const std::shared_ptr<Object> from = std::exchange(peer.in, nullptr);
  if (!peer.hand || peer.hand->sent.index == 0) return false;
  const TaskId sent = std::exchange(peer.hand->sent, {});
  const auto* const queue = dynamic_cast<const NamedQueue*>(from.get());
  ASSERT(queue != nullptr, "a value was sent by no queue");
  return queue->delivered(*peer.hand, sent, now, effects);
}

bool Manager::left(SessionId session, Now now, Effects& effects) {
  auto node = peers_.extract(session);
  if (node.empty()) return false;
  Peer& peer = node.mapped();
  const std::uint64_t waiting = peer.waiting;
  stop_waiting(session, peer);
  if (peer.delivering)
    returned_.push_back({.to = peer.in,
                         .answer = {.session = session, .item = peer.item, .note = peer.note},
                         .value = {},
                         .unreadable = {}});
  if (peer.in && waiting != 0) peer.in->left(session, waiting, *this);
  for (const auto& follower : peer.followers)
    if (const auto there = follower.lock()) there->session_left(session, *this);
  broker_was_asked_ = peer.hand != nullptr;
  if (peer.hand) broker_.session_left(session, now, effects);
  settle(now, effects);
  return broker_was_asked_;
}

// Objects hear of what came back only now, when none of them is in the middle of something.
void Manager::settle(Now now, Effects& effects) {
  while (!returned_.empty()) {
    for (const Returned& returned : std::exchange(returned_, {})) take_back(returned, now, effects);
  }
  proxies_.pass(now.mono);
  objects_.sweep();
  if (notes_.empty()) return;
  for (Record& note : notes_) effects.keep(std::move(note));
  notes_.clear();
  broker_was_asked_ = true;
}

void Manager::take_back(const Returned& returned, Now now, Effects& effects) {
  if (returned.value.index == 0) return returned.to->undelivered(returned.answer, *this);
  broker_was_asked_ = true;
  const auto* const queue = dynamic_cast<const NamedQueue*>(returned.to.get());
  if (returned.unreadable.empty() || queue->holds_unreadable())
    return broker_.give_back(returned.answer.session, returned.value, now, effects);
  const Result<void> aside =
      broker_.set_aside(returned.answer.session, returned.value, queue->unreadable_name(), now, effects);
  if (!aside) broker_.give_back(returned.answer.session, returned.value, now, effects);
  replies_.warn(aside ? returned.unreadable
                      : fmt::format("{}; that cannot be done, so it is back at the front: {}",
                                    returned.unreadable, aside.error().detail));
}

std::size_t Manager::nameless_objects() const {
  const auto nameless = [](const auto& object) { return !ObjectTable::name_in(object->ident); };
  return static_cast<std::size_t>(std::ranges::count_if(objects_.all(), nameless));
}

// ---- time

std::optional<TimePoint> Manager::wake_at() const {
  if (!returned_.empty()) return TimePoint{};  // it came back while the Broker was carrying something out
  const auto pickup = proxies_.wake_at();
  if (deadlines_.empty()) return pickup;
  const TimePoint deadline = std::get<TimePoint>(*deadlines_.begin());
  return pickup ? std::min(*pickup, deadline) : deadline;
}

bool Manager::tick(Now now, Effects& effects) {
  broker_was_asked_ = false;
  while (!deadlines_.empty() && std::get<TimePoint>(*deadlines_.begin()) <= now.mono) {
    const auto [at, session, number] = *deadlines_.begin();
    deadlines_.erase(deadlines_.begin());
    Peer& peer = peers_.at(session);
    peer.deadline.reset();
    const std::shared_ptr<Object> object = peer.in;
    object->timed_out({session, number, peer.reader == pickle::Reader::python2}, *this, now);
  }
  settle(now, effects);
  return broker_was_asked_;
}

// ---- Hall

void Manager::wake(Object& from, const Caller& caller, Outcome outcome) {
  const auto found = peers_.find(caller.session);
  if (found == peers_.end() || found->second.waiting != caller.call) return;  // it left in this very moment
  const std::shared_ptr<Object> object = found->second.in;
  ASSERT(object.get() == &from, "a call is answered by an object that it does not wait in");
  deliver(caller.session, found->second, object, outcome);
}

void Manager::follow(std::weak_ptr<Follower> follower, SessionId session) {
  const auto found = peers_.find(session);
  if (found == peers_.end()) return;
  auto& followers = found->second.followers;
  const bool known = std::ranges::any_of(followers, [&follower](const auto& other) {
    return !other.owner_before(follower) && !follower.owner_before(other);
  });
  if (known) return;
  if (followers.size() >= followers_usual_max)
    std::erase_if(followers, [](const auto& other) { return other.expired(); });
  followers.push_back(std::move(follower));
}

// A proxy of a named queue is good before somebody asks for get_NAME in this run, and after the queue was removed: as
// with get_NAME, the first put() makes it.
std::shared_ptr<Object> Manager::find(std::string_view ident) {
  if (auto known = objects_.find(ident)) return known;
  const auto name = ObjectTable::name_in(ident);
  if (!name || name->size() > broker_.limits().name_max_bytes) return nullptr;
  return enter_queue(*name);
}

std::expected<std::shared_ptr<Object>, Raise> Manager::adopt(std::shared_ptr<Object> made,
                                                             std::string_view type) {
  if (const auto room = objects_.check_room(); !room) return raise("MemoryError", room.error().detail);
  objects_.add(made, type);
  return made;
}

// ---- the Broker

void Manager::taken(TaskId value) { proxies_.sent(value); }

QueueHand& Manager::hand_of(SessionId session, Now now) {
  broker_was_asked_ = true;
  Peer& peer = peers_.at(session);
  if (!peer.hand) {
    broker_.client_joined(session, PeerKey{broker_key}, now);
    peer.hand = std::make_unique<QueueHand>();
    peer.hand->session = session;
  }
  return *peer.hand;
}

NamedQueue* Manager::queue_asked_by(SessionId session, std::uint64_t request, Peer*& peer) {
  const auto found = peers_.find(session);
  if (found == peers_.end() || found->second.waiting != request) return nullptr;
  peer = &found->second;
  return dynamic_cast<NamedQueue*>(peer->in.get());
}

void Manager::submitted(SessionId to, std::uint64_t request, const Result<Accepted>& answer) {
  Peer* peer = nullptr;
  const auto* const queue = queue_asked_by(to, request, peer);
  if (queue == nullptr) return;
  std::vector<Pin> pins = std::exchange(peer->hand->putting, {});
  if (answer && !pins.empty()) proxies_.put({answer->job, answer->first}, std::move(pins), broker_);
  deliver(to, *peer, std::shared_ptr<Object>{peer->in}, queue->submitted(answer));
}

void Manager::got(SessionId to, std::uint64_t request, const Result<std::span<const ItemView>>& answer) {
  Peer* peer = nullptr;
  if (const auto* queue = queue_asked_by(to, request, peer))
    deliver(to, *peer, std::shared_ptr<Object>{peer->in}, queue->got(answer, *peer->hand, objects_));
}

void Manager::done(SessionId to, std::uint64_t request, const Result<std::uint64_t>& answer) {
  Peer* peer = nullptr;
  if (const auto* queue = queue_asked_by(to, request, peer))
    deliver(to, *peer, std::shared_ptr<Object>{peer->in}, queue->done(answer));
}

}  // namespace reeve::master::managers
