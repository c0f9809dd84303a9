// Clockwork: the virtual time and the events of one simulated world, in one order for one seed.
//
// Thread: one.  Always: events run in the order of their moments, and those of one moment in the order in which
// they were made; nothing else in a world knows of time or chance.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <cstdio>
#include <deque>
#include <functional>
#include <queue>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "common/base/time.h"

namespace reeve::sim {

using namespace std::chrono_literals;

class Clockwork {
 public:
  explicit Clockwork(std::uint64_t seed) : random_(seed) {}

  TimePoint now() const { return now_; }
  void at(TimePoint when, std::function<void()> what) {
    events_.push({std::max(when, now_), next_++, std::move(what)});
  }
  void after(Duration time, std::function<void()> what) { at(now_ + time, std::move(what)); }
  // Runs everything up to `end`.
  void run_until(TimePoint end) {
    while (!events_.empty() && events_.top().when <= end) {
      Event event = events_.top();
      events_.pop();
      now_ = event.when;
      event.what();
    }
    now_ = end;
  }

  // ---- chance
  std::uint64_t draw(std::uint64_t bound) { return random_() % bound; }  // 0 … bound - 1
  bool chance(unsigned percent) { return draw(100) < percent; }
  Duration between(Duration from, Duration to) {
    return from +
           Duration{static_cast<std::int64_t>(draw(static_cast<std::uint64_t>((to - from).count()) + 1))};
  }
  std::uint64_t seed_for_a_part() { return random_(); }

 private:
  struct Event {
    TimePoint when;
    std::uint64_t number;
    std::function<void()> what;
    bool operator<(const Event& other) const {  // the top of the queue is the largest
      return std::pair{other.when, other.number} < std::pair{when, number};
    }
  };
  std::mt19937_64 random_;
  TimePoint now_{TimePoint{1h}};
  std::uint64_t next_ = 0;
  std::priority_queue<Event> events_;
};

// Story: what happened, a line for each event, when somebody wants to read it.
class Story {
 public:
  Story(const Clockwork& clock, bool told) : clock_(clock), told_(told) {}
  template <typename... Args>
  void tell(std::string_view who, fmt::format_string<Args...> text, Args&&... args) {
    if (!told_) return;
    const auto since = std::chrono::duration<double>(clock_.now() - TimePoint{1h}).count();
    fmt::print("{:11.6f}  {:10} {}\n", since, who, fmt::format(text, std::forward<Args>(args)...));
  }

 private:
  const Clockwork& clock_;
  const bool told_;
};

// A process: what it wanted to do later is not done when it was killed meanwhile, and waits while it is frozen.
//
// Owner: its world.
class Process {
 public:
  explicit Process(Clockwork& clock) : clock_(clock) {}

  void at(TimePoint when, std::function<void()> what) {
    clock_.at(when, [this, life = life_, what = std::move(what)] { run(life, what); });
  }
  void after(Duration time, std::function<void()> what) { at(clock_.now() + time, std::move(what)); }
  void freeze(Duration time) { frozen_until_ = std::max(frozen_until_, clock_.now() + time); }
  bool frozen() const { return clock_.now() < frozen_until_; }
  bool stood_still_at(TimePoint moment) const { return moment <= frozen_until_; }  // or later
  bool alive() const { return alive_; }
  void begin() { alive_ = true; }
  void die() {
    alive_ = false, ++life_, frozen_until_ = {};
    put_off_.clear();
  }

 private:
  void run(std::uint64_t life, const std::function<void()>& what) {
    if (life != life_) return;
    if (!frozen() && put_off_.empty()) return what();
    put_off_.push_back(what);
    if (put_off_.size() == 1) thaw_at(frozen_until_);
  }
  // What came while it was frozen happens afterwards in the same order, before anything else.
  void thaw_at(TimePoint when) {
    clock_.at(when, [this, life = life_] {
      if (life != life_) return;
      if (frozen()) return thaw_at(frozen_until_);
      while (life == life_ && !put_off_.empty()) {
        const auto what = std::move(put_off_.front());
        put_off_.pop_front();
        what();
      }
    });
  }

  Clockwork& clock_;
  bool alive_ = false;
  std::uint64_t life_ = 0;
  TimePoint frozen_until_{};
  std::deque<std::function<void()>> put_off_;
};

}  // namespace reeve::sim
