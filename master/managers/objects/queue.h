// Queue, JoinableQueue, LifoQueue, PriorityQueue: a queue that a client made, in memory. (Queues with a name are the
// Broker's: named_queue.h.)
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "master/managers/objects/sorted_items.h"
#include "master/managers/wait_line.h"

namespace reeve::master::managers {

// The parameters of put and get, as every kind of queue reads them. Raise TypeError, ValueError.
struct PutCall {
  pickle::Fragment* item = nullptr;
  Patience patience;
};
// `bounded`: only a put that may have to wait looks at its timeout.
std::expected<PutCall, Raise> put_call(const Call& call, bool bounded);
std::expected<Patience, Raise> get_call(const Call& call);
std::span<const std::string_view> queue_methods();

class Queue final : public Object {
 public:
  enum class Order : std::uint8_t { fifo, lifo, priority };
  Queue(Order order, std::int64_t maxsize) : order_(order), maxsize_(maxsize) {}
  static std::expected<std::shared_ptr<Object>, Raise> make(Order order, const Arguments& arguments);

  std::string_view type_name() const override;
  std::span<const std::string_view> exposed() const override;
  Outcome call(Call& call) override;
  void timed_out(const Caller& caller, Hall& hall, Now now) override;
  void left(SessionId session, std::uint64_t call, Hall& hall) override;
  void undelivered(const Undelivered& lost, Hall& hall) override;

 private:
  Outcome put(Call& call);
  Outcome get(Call& call);
  Outcome task_done(Call& call);
  Outcome join(Call& call);
  Outcome shut_down(Call& call);

  std::size_t size() const { return order_ == Order::priority ? sorted_.size() : items_.size(); }
  bool full() const { return maxsize_ > 0 && static_cast<std::int64_t>(size()) >= maxsize_; }
  // Raises TypeError when a PriorityQueue cannot compare it.
  std::optional<Raise> add(ItemPtr item);
  ItemPtr take();
  void serve(Hall& hall);  // whoever can go on now
  void serve_joiners(Hall& hall);

  Order order_;
  std::int64_t maxsize_;
  std::deque<ItemPtr> items_;
  SortedItems sorted_;  // instead, of a PriorityQueue
  std::uint64_t unfinished_ = 0;
  bool shut_down_ = false;
  bool dropped_ = false;  // what it held, when it was shut down
  struct Putting {
    ItemPtr item;
  };
  WaitLine<> getters_;
  WaitLine<Putting> putters_;
  WaitLine<> joiners_;
};

}  // namespace reeve::master::managers
