// Manager: what the first request of a connection can ask for. Each is answered, and the connection closed; only
// after accept_connection it stays.
#include <algorithm>
#include <array>
#include <ranges>
#include <utility>

#include "master/managers/manager.h"
#include "master/managers/objects/barrier.h"
#include "master/managers/objects/condition.h"
#include "master/managers/objects/dict.h"
#include "master/managers/objects/event.h"
#include "master/managers/objects/list.h"
#include "master/managers/objects/lock.h"
#include "master/managers/objects/namespace.h"
#include "master/managers/objects/queue.h"
#include "master/managers/objects/shared_value.h"

namespace reeve::master::managers {
namespace {

using Made = std::expected<std::shared_ptr<Object>, Raise>;

template <typename T, auto... Values>
Made make_without_arguments(std::string_view what, const Arguments& arguments) {
  if (auto error = arguments.none(what)) return std::unexpected(std::move(*error));
  return std::make_shared<T>(Values...);
}

struct Type {
  std::string_view name;
  Made (*make)(const Arguments& arguments, Hall& hall);
};

constexpr std::array types{
    Type{"Queue", [](const Arguments& a, Hall&) { return Queue::make(Queue::Order::fifo, a); }},
    Type{"JoinableQueue", [](const Arguments& a, Hall&) { return Queue::make(Queue::Order::fifo, a); }},
    Type{"LifoQueue", [](const Arguments& a, Hall&) { return Queue::make(Queue::Order::lifo, a); }},
    Type{"PriorityQueue", [](const Arguments& a, Hall&) { return Queue::make(Queue::Order::priority, a); }},
    Type{"Event", [](const Arguments& a, Hall&) { return make_without_arguments<Event>("Event()", a); }},
    Type{"Lock", [](const Arguments& a,
                    Hall&) { return make_without_arguments<Lock, LockCore::Kind::plain>("Lock()", a); }},
    Type{"RLock",
         [](const Arguments& a, Hall&) {
           return make_without_arguments<Lock, LockCore::Kind::reentrant>("RLock()", a);
         }},
    Type{"Semaphore", [](const Arguments& a, Hall&) { return Semaphore::make(Semaphore::Kind::plain, a); }},
    Type{"BoundedSemaphore",
         [](const Arguments& a, Hall&) { return Semaphore::make(Semaphore::Kind::bounded, a); }},
    Type{"Condition", [](const Arguments& a, Hall& hall) { return Condition::make(a, hall); }},
    Type{"Barrier", [](const Arguments& a, Hall&) { return Barrier::make(a); }},
    Type{"list", [](const Arguments& a, Hall&) { return List::make(a); }},
    Type{"dict", [](const Arguments& a, Hall&) { return Dictionary::make(a); }},
    Type{"Value", [](const Arguments& a, Hall&) { return SharedValue::make(a); }},
    Type{"Array", [](const Arguments& a, Hall&) { return SharedArray::make(a); }},
    Type{"Namespace", [](const Arguments& a, Hall&) { return Namespace::make(a); }},
};

constexpr std::string_view named_prefix = "get_";

// As the last line of a traceback: programs look for the exception's name in it.
Answer traceback_of(const Raise& raise) {
  return {Traceback{fmt::format("reeve-master cannot do this\n{}: {}\n", raise.name, raise.text)}};
}

// At most so many bytes, and no part of a character.
std::string_view first_characters(std::string_view utf8, std::size_t bytes_max) {
  std::size_t end = std::min(utf8.size(), bytes_max);
  const auto inside = [&](std::size_t at) { return (static_cast<unsigned char>(utf8[at]) & 0xc0) == 0x80; };
  while (end > 0 && end < utf8.size() && inside(end)) --end;
  return utf8.substr(0, end);
}

}  // namespace

void Manager::serve_function(SessionId from, Peer& peer, Now now, Effects& effects) {
  if (request_.method == "accept_connection") {
    peer.calls = true;
    return deliver(from, peer, nullptr, Answer{});
  }
  const Outcome outcome = function(now, effects);
  replies_.close_after_reply(from);
  deliver(from, peer, nullptr, outcome ? *outcome : traceback_of(outcome.error()));
}

Outcome Manager::function(Now now, Effects& effects) {
  const std::string_view name = request_.method;
  if (name == "create") return create(now, effects);
  if (name == "incref") return count_reference(true);
  if (name == "decref") return count_reference(false);
  if (name == "dummy") return Answer{};
  if (name == "get_methods") return methods_of_token();
  if (name == "number_of_objects") return Answer{static_cast<std::int64_t>(objects_.referenced())};
  if (name == "debug_info") return Answer{Text{debug_info()}};
  if (name == "shutdown") return shut_down();
  return raise("AssertionError", fmt::format("'{}' unrecognized", name));
}

Outcome Manager::create(Now now, Effects& effects) {
  const auto type = request_.args.empty() ? std::nullopt : text_of(request_.args[0]);
  if (!type) return raise("TypeError", "create() needs a type");
  const bool is_type = std::ranges::find(types, std::string_view{*type}, &Type::name) != types.end();
  auto found = is_type ? Made{} : named(*type, now, effects);
  if (!found) return std::unexpected(found.error());
  if (*found != nullptr) {
    objects_.incref(**found);
    return Answer{Created{std::move(*found), true}};
  }
  if (const auto room = objects_.check_room(); !room) return raise("MemoryError", room.error().detail);
  const Arguments arguments{request_, objects_, 1};
  auto made = make(*type, arguments);
  if (!made) return std::unexpected(made.error());
  objects_.add(*made, *type);
  return Answer{Created{std::move(*made)}};
}

std::expected<std::shared_ptr<Object>, Raise> Manager::make(std::string_view type,
                                                            const Arguments& arguments) {
  for (const Type& known : types)
    if (known.name == type) return known.make(arguments, *this);
  if (type == "Pool")
    return raise(
        "NotImplementedError",
        "a Pool needs Python interpreters in the server, which this one has not; put the work into a queue "
        "that reeve workers or Python programs serve");
  return raise(
      "KeyError",
      fmt::format("'{}': there are get_NAME for the queue or object NAME, and the types {}; classes of a "
                  "program need a Python interpreter in the server, which this one has not",
                  type, fmt::join(types | std::views::transform(&Type::name), ", ")));
}

// The queue or object with the whole of this name, else that of `get_NAME`: a queue is made there. Null: it is no name.
std::expected<std::shared_ptr<Object>, Raise> Manager::named(std::string_view type, Now now,
                                                             Effects& effects) {
  if (auto whole = find_named(std::string{type})) return whole;
  if (!type.starts_with(named_prefix) || type.size() == named_prefix.size()) return nullptr;
  const std::string name{type.substr(named_prefix.size())};
  if (auto found = find_named(name)) return found;
  if (const std::string trouble = store_trouble(); !trouble.empty()) return raise("IOError", trouble);
  broker_was_asked_ = true;
  if (const Result<void> opened = broker_.queue_open(name, now, effects); !opened)
    return raise("ValueError", opened.error().detail);
  return find_named(name);
}

// Null: there is none.
std::shared_ptr<Object> Manager::find_named(const std::string& name) {
  const auto known = names_.find(name);
  const bool is_known = known != names_.end();
  if (is_known && dynamic_cast<const NamedQueue*>(known->second.get()) == nullptr) return known->second;
  if (broker_.queue(name) == nullptr) return nullptr;
  return is_known ? known->second : enter_queue(name);
}

std::shared_ptr<Object> Manager::enter_queue(const std::string& name) {
  if (names_.size() >= names_sweep_at_) forget_removed_queues();
  QueueClients& queue_clients = *this;
  return enter_name(name, std::make_shared<NamedQueue>(name, broker_, queue_clients));
}

// Whoever still holds a proxy of one finds it again by its ident.
void Manager::forget_removed_queues() {
  std::erase_if(names_, [this](const auto& entry) {
    const auto& [name, object] = entry;
    const bool is_queue = dynamic_cast<const NamedQueue*>(object.get()) != nullptr;
    if (!is_queue || broker_.queue(name) != nullptr) return false;
    objects_.drop_named(*object);
    return true;
  });
  names_sweep_at_ = std::max(names_usual_max, 2 * names_.size());
}

std::shared_ptr<Object> Manager::enter_name(const std::string& name, std::shared_ptr<Object> object) {
  objects_.add_named(object, name, fmt::format("{}{}", named_prefix, name));
  return names_.emplace(name, std::move(object)).first->second;
}

Outcome Manager::count_reference(bool up) {
  const auto ident = request_.args.empty() ? std::nullopt : text_of(request_.args[0]);
  const std::shared_ptr<Object> object = ident ? find(*ident) : nullptr;
  if (object == nullptr) return raise("KeyError", no_object(ident));
  if (up) {
    objects_.incref(*object);
  } else if (const auto counted = objects_.decref(*object); !counted) {
    return raise("AssertionError", counted.error().detail);
  }
  return Answer{};
}

Outcome Manager::methods_of_token() {
  const auto ident = request_.args.empty() ? std::nullopt : ident_in(request_.args[0]);
  const std::shared_ptr<Object> object = ident ? find(*ident) : nullptr;
  if (object == nullptr) return raise("KeyError", "there is no object of this token");
  return Answer{Methods{object}};
}

std::string Manager::debug_info() const {
  constexpr std::size_t text_max = 75;  // of one object
  constexpr std::size_t looked_at_max = 1024;
  std::uint64_t steps = call_steps_max;  // for all of them
  std::string info;
  for (const auto& object : objects_.all()) {
    if (!info.empty()) info += '\n';
    info += fmt::format("  {}:       refcount={}\n    {}", object->ident, object->references,
                        first_characters(object->repr(looked_at_max, steps), text_max));
  }
  return info;
}

Outcome Manager::shut_down() {
  if (!options_.allow_shutdown)
    return raise("RuntimeError",
                 "this server is shared, and clients may not stop it (the setting managers-allow-shutdown)");
  replies_.shut_down();
  return Answer{};
}

}  // namespace reeve::master::managers
