// What is measured. Each workload starts its own cluster, runs several times, and adds figures to the report.
#pragma once

#include <cstddef>

#include "bench/cluster.h"
#include "bench/report.h"

namespace reeve::bench {

struct Effort {
  int runs = 5;
  double scale = 1;  // of the number of tasks
  std::size_t count(double tasks) const { return static_cast<std::size_t>(tasks * scale); }
};

// No-op tasks, client → master → worker's thread pool → client: rate, and CPU of each of the three.
void round_trips(const Places& places, const Effort& effort, Cluster::Mode mode, Report& report);
// The same with one task at a time: how long each takes.
void latency(const Places& places, const Effort& effort, Cluster::Mode mode, Report& report);
// Values into a queue, each acknowledged, with 1 and with 64 outstanding.
void puts(const Places& places, const Effort& effort, Cluster::Mode mode, Report& report);
// A program for each task, against a loop that does nothing but start and await the same program.
void processes(const Places& places, const Effort& effort, Report& report);
// Memory of the master with a million tasks in a queue.
void memory(const Places& places, const Effort& effort, Cluster::Mode mode, Report& report);

}  // namespace reeve::bench
