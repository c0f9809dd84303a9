// Every bound of the Broker, with its default. The settings of reeve-master carry the same names.
#pragma once

#include <cstdint>

#include "common/base/backoff.h"
#include "common/base/time.h"

namespace reeve::master {

struct Limits {
  std::uint64_t payload_max_bytes = 16ull << 20;  // of one task or value
  std::uint64_t spec_max_bytes = 20ull << 20;     // of one submission: command, environment, standard input
  std::uint64_t result_max_bytes = 16ull << 20;   // of one attempt: value, output and error together
  std::uint64_t answer_max_bytes = 8ull << 20;    // of values in one answer, unless a single one is larger
  std::uint64_t batch_max = 10'000;               // tasks or items in one frame
  std::uint64_t tasks_max = 20'000'000;           // unfinished tasks in all queues
  std::uint64_t queued_max_bytes = 4ull << 30;    // payloads of unfinished tasks
  std::uint64_t queues_max = 10'000;
  std::uint64_t jobs_max = 1'000'000;       // jobs kept, finished or not
  std::uint64_t name_max_bytes = 255;       // of queues, functions, jobs, workers
  std::uint64_t waiters_max = 100'000;      // blocked gets, puts and joins
  std::uint64_t submissions_max = 100'000;  // answered submissions remembered for one client
  std::uint32_t attempts_max = 1'000;       // the most `retries` may be

  // Tasks that one turn may cancel: a command that concerns more goes on in later turns.
  std::uint64_t slice_tasks_max = 8'192;

  std::uint32_t chunk_tasks_max = 256;       // tasks in one stored row
  std::uint64_t chunk_max_bytes = 1u << 20;  // payloads in one stored row, unless a single one is larger

  Duration lease = std::chrono::seconds{30};
  Duration heartbeat() const { return lease / 5; }
  std::uint32_t crash_limit = 5;  // lost workers a task survives, unless it says otherwise
  Backoff retry_backoff{.first = std::chrono::seconds{1}, .max = std::chrono::minutes{5}};

  Duration results_kept_for = std::chrono::hours{24 * 7};
  // Results of finished jobs; the oldest jobs go first, and the last one stays however many it has.
  std::uint64_t results_max = 20'000'000;
  Duration retention_interval = std::chrono::minutes{1};  // how often retention is looked at
  Duration client_grace = std::chrono::minutes{10};  // a client gone for longer: its open jobs are closed,
                                                     // its submissions forgotten
  Duration watch_interval = std::chrono::milliseconds{100};  // progress is told at most this often
};

}  // namespace reeve::master
