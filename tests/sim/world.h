// World: a master, workers and clients on one clock, the faults that meet them, and what came of it.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "tests/sim/bugs.h"
#include "tests/sim/client.h"
#include "tests/sim/disk.h"
#include "tests/sim/history.h"
#include "tests/sim/master.h"
#include "tests/sim/worker.h"

namespace reeve::sim {

struct Verdict {
  std::vector<std::string> broken;  // promises; empty: all were kept
  History::Totals totals;
  std::uint64_t faults = 0;
};

class World {
 public:
  World(std::uint64_t seed, Bug bug, bool told);
  Verdict run();

 private:
  void fault();
  void stop_master();
  void stop_worker();
  void freeze_somebody();
  void bad_weather();
  void operator_acts();
  Connection::Weather& weather_of_somebody();
  bool done() const;

  Clockwork clock_;
  Story story_;
  History history_{clock_, story_};
  Disk disk_;
  Master master_;
  std::deque<Worker> workers_;
  std::deque<Client> clients_;
  std::uint64_t faults_ = 0;
  bool peaceful_ = false;
};

// Everything that happens follows from the seed.
inline Verdict simulate(std::uint64_t seed, Bug bug = Bug::none, bool told = false) {
  return World(seed, bug, told).run();
}

}  // namespace reeve::sim
