#include "master/managers/objects/queue.h"

#include <algorithm>
#include <array>

#include "master/managers/object_table.h"

namespace reeve::master::managers {
namespace {

constexpr std::array<std::string_view, 10> methods{"empty", "full",       "get",   "get_nowait", "join",
                                                   "put",   "put_nowait", "qsize", "shutdown",   "task_done"};
constexpr std::array<std::string_view, 3> put_names{"item", "block", "timeout"};
constexpr std::array<std::string_view, 1> put_nowait_names{"item"};
constexpr std::array<std::string_view, 2> get_names{"block", "timeout"};

std::unexpected<Raise> empty() { return raise_from("Queue", "Empty"); }
std::unexpected<Raise> full_now() { return raise_from("Queue", "Full"); }
std::unexpected<Raise> was_shut_down() { return raise_from("queue", "ShutDown"); }

std::expected<Patience, Raise> patience_of(const pickle::Fragment* block, const pickle::Fragment* timeout) {
  if (!truth_of(block, true)) return Patience{.waits = false};
  const auto seconds = seconds_of(timeout);
  if (!seconds) return std::unexpected(seconds.error());
  if (*seconds && **seconds < 0) return raise("ValueError", "'timeout' must be a non-negative number");
  return patience_for(*seconds);
}

}  // namespace

std::span<const std::string_view> queue_methods() { return methods; }

std::expected<PutCall, Raise> put_call(const Call& call, bool bounded) {
  if (call.method == "put_nowait") {
    const auto bound = call.arguments.bind("Queue.put_nowait()", put_nowait_names, 1);
    if (!bound) return std::unexpected(bound.error());
    return PutCall{(*bound)[0], {.waits = false}};
  }
  const auto bound = call.arguments.bind("Queue.put()", put_names, 1);
  if (!bound) return std::unexpected(bound.error());
  if (!bounded) return PutCall{(*bound)[0], {}};
  const auto patience = patience_of((*bound)[1], (*bound)[2]);
  if (!patience) return std::unexpected(patience.error());
  return PutCall{(*bound)[0], *patience};
}

std::expected<Patience, Raise> get_call(const Call& call) {
  if (call.method == "get_nowait") {
    if (auto error = call.arguments.none("Queue.get_nowait()")) return std::unexpected(std::move(*error));
    return Patience{.waits = false};
  }
  const auto bound = call.arguments.bind("Queue.get()", get_names);
  if (!bound) return std::unexpected(bound.error());
  return patience_of((*bound)[0], (*bound)[1]);
}

std::expected<std::shared_ptr<Object>, Raise> Queue::make(Order order, const Arguments& arguments) {
  constexpr std::array<std::string_view, 1> names{"maxsize"};
  const auto bound = arguments.bind("Queue()", names);
  if (!bound) return std::unexpected(bound.error());
  std::int64_t maxsize = 0;
  if (const auto* given = (*bound)[0]) {
    const auto number = integer_of(*given);
    if (!number) return std::unexpected(number.error());
    maxsize = *number;
  }
  return std::make_shared<Queue>(order, maxsize);
}

std::string_view Queue::type_name() const {
  switch (order_) {
    case Order::fifo:
      return "queue.Queue";
    case Order::lifo:
      return "queue.LifoQueue";
    case Order::priority:
      return "queue.PriorityQueue";
  }
  return "queue.Queue";
}

std::span<const std::string_view> Queue::exposed() const { return methods; }

Outcome Queue::call(Call& call) {
  const std::string_view method = call.method;
  if (method == "put" || method == "put_nowait") return put(call);
  if (method == "get" || method == "get_nowait") return get(call);
  if (method == "shutdown") return shut_down(call);
  if (auto error = call.arguments.none(method)) return std::unexpected(std::move(*error));
  if (method == "task_done") return task_done(call);
  if (method == "join") return join(call);
  if (method == "qsize") return Answer{static_cast<std::int64_t>(size())};
  return Answer{method == "empty" ? size() == 0 : full()};
}

// ---- in

Outcome Queue::put(Call& call) {
  const auto asked = put_call(call, maxsize_ > 0);
  if (!asked) return std::unexpected(asked.error());
  if (shut_down_) return was_shut_down();
  auto item = call.arguments.keep(*asked->item);
  if (!item) return std::unexpected(item.error());
  if (full()) {
    if (!asked->patience.waits) return full_now();
    return putters_.wait(call, asked->patience.seconds, {std::move(*item)});
  }
  if (auto error = add(std::move(*item))) return std::unexpected(std::move(*error));
  serve(call.hall);
  return Answer{};
}

std::optional<Raise> Queue::add(ItemPtr item) {
  if (order_ == Order::priority) {
    if (auto error = sorted_.put(std::move(item))) return error;
  } else {
    items_.push_back(std::move(item));
  }
  ++unfinished_;
  return std::nullopt;
}

// ---- out

Outcome Queue::get(Call& call) {
  const auto patience = get_call(call);
  if (!patience) return std::unexpected(patience.error());
  if (size() > 0) {
    Answer answer{.value = take(), .precious = true};
    serve(call.hall);  // there is room now
    return answer;
  }
  if (shut_down_) return was_shut_down();
  if (!patience->waits) return empty();
  return getters_.wait(call, patience->seconds);
}

ItemPtr Queue::take() {
  if (order_ == Order::priority) return sorted_.take();
  ItemPtr item;
  if (order_ == Order::lifo) {
    item = std::move(items_.back());
    items_.pop_back();
  } else {
    item = std::move(items_.front());
    items_.pop_front();
  }
  return item;
}

void Queue::serve(Hall& hall) {
  for (;;) {
    if (!getters_.empty() && size() > 0) {
      const Caller caller = getters_.take_front().caller;
      hall.wake(*this, caller, Answer{.value = take(), .precious = true});
    } else if (!putters_.empty() && !full()) {
      auto putter = putters_.take_front();
      auto error = add(std::move(putter.extra.item));
      if (error)
        hall.wake(*this, putter.caller, std::unexpected(std::move(*error)));
      else
        hall.wake(*this, putter.caller, Answer{});
    } else {
      return;
    }
  }
}

// It goes to where the next get finds it.
void Queue::undelivered(const Undelivered& lost, Hall& hall) {
  if (dropped_) {  // with the others, had it been there
    if (unfinished_ > 0) --unfinished_;
    return serve_joiners(hall);
  }
  const ItemPtr& item = lost.item;
  switch (order_) {
    case Order::fifo:
      items_.push_front(item);
      break;
    case Order::lifo:
      items_.push_back(item);
      break;
    case Order::priority:
      sorted_.give_back(item);
      break;
  }
  serve(hall);
}

// ---- unfinished items

Outcome Queue::task_done(Call& call) {
  if (unfinished_ == 0) return raise("ValueError", "task_done() called too many times");
  --unfinished_;
  serve_joiners(call.hall);
  return Answer{};
}

Outcome Queue::join(Call& call) {
  if (unfinished_ == 0) return Answer{};
  return joiners_.wait(call, {});
}

void Queue::serve_joiners(Hall& hall) {
  while (unfinished_ == 0 && !joiners_.empty()) hall.wake(*this, joiners_.take_front().caller, Answer{});
}

// As in Python 3.13: puts raise ShutDown from now on, gets when nothing is left.
Outcome Queue::shut_down(Call& call) {
  constexpr std::array<std::string_view, 1> names{"immediate"};
  const auto bound = call.arguments.bind("Queue.shutdown()", names);
  if (!bound) return std::unexpected(bound.error());
  shut_down_ = true;
  if (truth_of((*bound)[0], false)) {
    unfinished_ -= std::min<std::uint64_t>(unfinished_, size());
    items_.clear();
    sorted_.clear();
    dropped_ = true;
    serve_joiners(call.hall);
  }
  while (!putters_.empty()) call.hall.wake(*this, putters_.take_front().caller, was_shut_down());
  while (!getters_.empty() && size() == 0)
    call.hall.wake(*this, getters_.take_front().caller, was_shut_down());
  return Answer{};
}

// ---- waiting calls that end

void Queue::timed_out(const Caller& caller, Hall& hall, Now) {
  if (getters_.forget(caller.call))
    hall.wake(*this, caller, empty());
  else if (putters_.forget(caller.call))
    hall.wake(*this, caller, full_now());
}

void Queue::left(SessionId, std::uint64_t call, Hall&) {
  getters_.forget(call);
  putters_.forget(call);
  joiners_.forget(call);
}

}  // namespace reeve::master::managers
