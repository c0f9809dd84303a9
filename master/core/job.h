// Job: the tasks of one submission, or of a series of them while it is open.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "common/base/ids.h"
#include "common/base/time.h"
#include "master/core/chunk.h"
#include "master/core/views.h"

namespace reeve::master {

inline constexpr std::uint32_t index_max = 4'000'000'000;  // of a task in its job

using ClientId = Id<struct ClientTag>;

struct Watcher {
  SessionId session;
  std::uint64_t request = 0;
  bool outcomes = false;
  bool lagging = false;  // outcomes were left out; it is told when it can read again
};

// Thread: the loop thread.  Always: chunks are in order of their first index; erased ones at the ends are
// removed.
struct Job {
  JobId id;
  std::string name;
  std::string values_of;  // the queue whose plain values it carries; empty: an ordinary job
  bool open = false;
  WallTime submitted{}, started{}, finished{};  // zero: not yet
  std::shared_ptr<const TaskSpec> spec;  // of its last submission: submissions that look alike share it
  std::vector<JobId> after;              // as submitted
  std::uint32_t blockers = 0;     // how many of them have not succeeded yet; none once it was cancelled
  std::vector<JobId> dependents;  // jobs that wait for this one
  ClientId owner;                 // of an open job: when it is gone for long, the job is closed
  std::uint32_t next_index = 1;
  std::uint32_t puts_waiting = 0;  // blocked submissions that will add to it,
  Queue* puts_wait_at = nullptr;   // all at this queue
  bool cancelled = false;   // as a whole: what is still to come of it as well; nothing of it is granted
  bool cancelling = false;  // …and not all of it has been yet
  bool incomplete = false;  // it was closed before its client had said that this was all
  std::uint32_t retries_begun = 0;  // of which portions are still to come
  std::uint64_t kept = 0;           // results that nobody has fetched
  Counts counts;                    // of all its tasks, also of those whose chunks are erased
  ErasedTasks erased;
  std::vector<Watcher> watchers;
  bool watch_timer = false;  // progress will be told

  bool is_values() const { return !values_of.empty(); }
  bool is_finished() const { return finished != WallTime{}; }
  bool would_succeed() const { return !incomplete && counts[TaskState::succeeded] == counts.total(); }

  void add_chunk(ChunkPtr chunk);                  // behind all others
  void insert_chunk(ChunkPtr chunk);               // where its first index belongs
  ChunkPtr find_chunk(std::uint32_t index) const;  // null when it is gone or never was
  ChunkPtr chunk_from(std::uint32_t index) const;  // the first that ends at or behind it; or null
  void remove_chunk(Chunk& chunk);                 // marks it erased
  const std::deque<ChunkPtr>& chunks() const { return chunks_; }  // may contain erased ones
  bool has_chunks() const { return chunks_.size() > erased_; }

 private:
  std::deque<ChunkPtr> chunks_;
  std::size_t erased_ = 0;          // how many of chunks_ are only placeholders
  mutable std::size_t recent_ = 0;  // where find_chunk found something last: results come in almost in order
};

}  // namespace reeve::master
