#include "tests/sim/world.h"

#include <array>

namespace reeve::sim {
namespace {

constexpr std::size_t workers = 3, clients = 2;
constexpr std::array task_queues{"default", "other", "narrow"};
constexpr Duration troubled = 60s;         // how long there are faults
constexpr Duration patience = 30min;       // after the last: until everything must be done
constexpr Duration longest_trouble = 20s;  // of one fault: twice the lease

// Not all can do everything.
std::vector<std::string> functions_of(std::size_t worker) {
  if (worker == workers) return {"brief", "moody"};
  return {"brief", "long", "moody", "endless"};
}

}  // namespace

World::World(std::uint64_t seed, Bug bug, bool told)
    : clock_(seed), story_(clock_, told), disk_(bug), master_(clock_, story_, history_, disk_, bug) {
  master_.start();
  for (std::size_t i = 1; i <= workers; ++i)
    workers_.emplace_back(fmt::format("worker{}", i), functions_of(i), clock_, story_, history_, master_, bug)
        .start();
  for (std::size_t i = 1; i <= clients; ++i)
    clients_.emplace_back(fmt::format("client{}", i), clock_, story_, history_, master_).start();
}

Verdict World::run() {
  const TimePoint end_of_trouble = clock_.now() + troubled;
  clock_.after(clock_.between(0us, 2s), [this] { fault(); });
  clock_.run_until(end_of_trouble);
  peaceful_ = true;
  master_.fail_commits(false);
  for (const Worker& worker : workers_) master_.want_draining(worker.name(), false);
  for (const char* const queue : task_queues) master_.want_paused(queue, false);
  for (Client& client : clients_) client.make_no_more();
  story_.tell("world", "peace");
  const TimePoint end = clock_.now() + longest_trouble + patience;
  clock_.run_until(clock_.now() + longest_trouble);  // what was begun in troubled times ends
  while (!done() && clock_.now() < end) clock_.run_until(clock_.now() + 1s);
  clock_.run_until(clock_.now() + 1s);  // what was decided last is written
  master_.check_retention();
  std::size_t unanswered = 0;
  for (const Client& client : clients_) unanswered += client.unanswered();
  master_.tell_state();
  master_.check_waits();
  history_.everything_should_be_done(disk_, master_.unfinished(), unanswered);
  return {history_.broken(), history_.totals(), faults_};
}

bool World::done() const {
  for (const Client& client : clients_)
    if (client.unanswered() > 0) return false;
  return master_.up() && master_.unfinished() == 0;
}

void World::fault() {
  if (peaceful_) return;
  ++faults_;
  switch (clock_.draw(12)) {
    case 0:
      stop_master();
      break;
    case 1:
    case 2:
      stop_worker();
      break;
    case 3:
    case 4:
      freeze_somebody();
      break;
    case 5:
      bad_weather();
      break;
    case 6:
      story_.tell("world", "the disk is full");
      master_.fail_commits(true);
      clock_.after(clock_.between(100ms, 5s), [this] { master_.fail_commits(false); });
      break;
    case 7:
      history_.tasks().wall_clock_stepped();
      master_.step_wall_clock(clock_.chance(50) ? clock_.between(1s, 2h) : -clock_.between(1s, 2h));
      break;
    case 8:
    case 9:
      operator_acts();
      break;
    default: {
      const std::size_t who = clock_.draw(workers + clients);
      story_.tell("world", "a connection breaks");
      if (who < workers)
        workers_[who].cut();
      else
        clients_[who - workers].cut();
    }
  }
  clock_.after(clock_.between(100ms, 4s), [this] { fault(); });
}

void World::stop_master() {
  if (!master_.up()) return;
  master_.kill();
  clock_.after(clock_.chance(80) ? clock_.between(50ms, 3s) : clock_.between(3s, longest_trouble),
               [this] { master_.start(); });
}

void World::stop_worker() {
  Worker& worker = workers_[clock_.draw(workers)];
  if (!worker.alive()) return;
  worker.kill();
  clock_.after(clock_.between(50ms, 5s), [&worker] { worker.start(); });
}

void World::freeze_somebody() {
  const Duration time = clock_.chance(70) ? clock_.between(10ms, 3s) : clock_.between(3s, longest_trouble);
  const std::size_t who = clock_.draw(1 + workers + clients);
  story_.tell("world", "process {} stands still for {} ms", who, time.count() / 1000);
  if (who == 0)
    master_.process().freeze(time);
  else if (who <= workers)
    workers_[who - 1].process().freeze(time);
  else
    clients_[who - 1 - workers].process().freeze(time);
}

void World::operator_acts() {
  const Duration time = clock_.between(100ms, 5s);
  if (clock_.chance(50)) {
    const std::string queue = task_queues[clock_.draw(task_queues.size())];
    master_.want_paused(queue, true);
    clock_.after(time, [this, queue] { master_.want_paused(queue, false); });
  } else {
    const std::string worker = workers_[clock_.draw(workers)].name();
    master_.want_draining(worker, true);
    clock_.after(time, [this, worker] { master_.want_draining(worker, false); });
  }
}

Connection::Weather& World::weather_of_somebody() {
  const std::size_t who = clock_.draw(workers + clients);
  return who < workers ? workers_[who].weather() : clients_[who - workers].weather();
}

void World::bad_weather() {
  Connection::Weather& weather = weather_of_somebody();
  if (clock_.chance(50)) {
    const Duration time = clock_.between(5s, longest_trouble);  // mostly more than a lease
    story_.tell("world", "nothing gets through to somebody for {} ms", time.count() / 1000);
    weather.cut_until = clock_.now() + time;
  } else {
    weather.delay_max = clock_.chance(50) ? Duration{2ms} : clock_.between(2ms, 500ms);
    story_.tell("world", "messages of somebody take up to {} ms", weather.delay_max.count() / 1000);
  }
}

}  // namespace reeve::sim
