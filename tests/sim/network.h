// Network: connections that deliver in order, late, or not at all.
#pragma once

#include <algorithm>
#include <array>
#include <deque>
#include <functional>
#include <memory>
#include <utility>

#include "tests/sim/clockwork.h"

namespace reeve::sim {

enum class End : std::size_t { master, peer };
inline End other(End end) { return end == End::master ? End::peer : End::master; }

// One connection. A message is a function that runs at the other end, if that still has the connection then.
//
// Owner: shared by both ends and what is under way between them.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  struct Weather {  // of the way between the master and one peer
    Duration delay_max{2ms};
    TimePoint cut_until{};  // nothing gets through before
  };

  Connection(Clockwork& clock, Process& master, Process& peer, Weather& weather)
      : clock_(clock), ends_{{{master}, {peer}}}, weather_(weather) {}

  // Called once, when the other side closed or the connection broke.
  void on_closed(End end, std::function<void()> what) { at(end).closed = std::move(what); }
  bool open(End end) const { return ends_[static_cast<std::size_t>(end)].open; }

  void send(End from, std::function<void()> message) {
    if (at(from).open) deliver(other(from), std::move(message));
  }
  void close(End by) {
    if (!std::exchange(at(by).open, false)) return;
    at(by).closed = nullptr;
    deliver(other(by), [this, by] { lose(other(by)); });  // under way, it keeps us alive itself
  }
  // Both ends learn of it, each when it can.
  void cut() {
    for (const End end : {End::master, End::peer})
      at(end).process.after(0us, [self = shared_from_this(), end] { self->lose(end); });
  }

 private:
  struct Side {
    Process& process;
    bool open = true;
    std::function<void()> closed{};
    std::deque<std::function<void()>> under_way{};
    TimePoint last{};  // when the last of them arrives, if nothing holds it up
  };
  Side& at(End end) { return ends_[static_cast<std::size_t>(end)]; }

  void lose(End end) {
    if (!std::exchange(at(end).open, false)) return;
    if (const auto closed = std::exchange(at(end).closed, nullptr)) closed();
  }
  // Messages queue up; each has an event of its own, which lets the first in line through. A cut holds up the
  // events, never the order.
  void deliver(End to, std::function<void()> message) {
    Side& side = at(to);
    side.under_way.push_back(std::move(message));
    side.last = std::max(side.last, clock_.now() + clock_.between(50us, weather_.delay_max));
    let_through(to, side.last);
  }
  // Nobody is there: the sender learns of it.
  void refuse(End to) {
    at(to).open = false;
    at(other(to)).process.after(0us, [self = shared_from_this(), to] { self->lose(other(to)); });
  }
  void let_through(End to, TimePoint when) {
    clock_.at(std::max(when, weather_.cut_until), [self = shared_from_this(), to] {
      if (self->clock_.now() < self->weather_.cut_until)
        return self->let_through(to, self->weather_.cut_until);
      Side& side = self->at(to);
      if (!side.process.alive()) return self->refuse(to);
      auto message = std::move(side.under_way.front());
      side.under_way.pop_front();
      side.process.after(0us, [self, to, message = std::move(message)] {
        if (self->open(to)) message();
      });
    });
  }

  Clockwork& clock_;
  std::array<Side, 2> ends_;
  Weather& weather_;
};
using ConnectionPtr = std::shared_ptr<Connection>;

}  // namespace reeve::sim
