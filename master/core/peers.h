// Who is connected, or was until a moment ago: workers, clients, their sessions, and what they wait for.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <unordered_set>
#include <vector>

#include "master/core/job.h"
#include "master/core/lease_table.h"
#include "master/core/queue.h"

namespace reeve::master {

// A worker process. It outlives its connection until its lease ends.
struct Worker {
  WorkerId id;
  PeerKey key;
  std::string name, host, version, address;
  std::uint32_t pid = 0, slots = 1, held_max = 0;
  std::vector<std::string> functions, queues;  // queues empty: all
  bool commands = false;
  Pairs labels;
  std::vector<bool> serves_function;  // by FunctionId
  SessionId session;                  // none: not connected
  std::uint64_t connection = 0;       // the worker's number of its latest one
  bool draining = false;
  bool kept = false;  // on the disk: a restarted master would wait for it
  HolderId holder = 0;
  TimePoint lease_until{};
  WallTime connected_at{}, heard_at{};
  std::uint64_t finished = 0, failed = 0;

  bool serves(const Lane& lane) const {
    if (lane.function() >= serves_function.size() || !serves_function[lane.function()]) return false;
    if (queues.empty()) return true;
    for (const auto& queue : queues)
      if (queue == lane.queue().name) return true;
    return false;
  }
};

// A client process, known by the key it chose; its submissions are remembered so that it may repeat them.
struct Client {
  struct Answer {
    Accepted accepted;  // so far
    bool complete = false;
    WaiterId waiter = 0;  // 0: nobody waits for room
  };
  ClientId id;
  PeerKey key;
  std::uint32_t sessions = 0;
  TimePoint joined{};  // last
  std::map<std::uint64_t, Answer> submissions;
  std::uint64_t settled = 0;       // the highest number it has called settled
  std::uint64_t settled_kept = 0;  // …and that the store knows of
  std::vector<JobId> open_jobs;
};

// One connection, as the Broker sees it.
struct Peer {
  Client* client = nullptr;  // exactly one of the two is set
  Worker* worker = nullptr;
  HolderId holder = 0;  // a client's: values sent and not acknowledged
  std::unordered_set<WaiterId> waiters;
  std::set<JobId> watching;
};

// A command that answers later.
struct Waiter {
  enum class Kind : std::uint8_t { get, put, join };
  Kind kind = Kind::get;
  SessionId session;
  std::uint64_t request = 0;
  Queue* queue = nullptr;
  TimePoint deadline = TimePoint::max();
  std::uint32_t items_max = 1;  // get
  // put, submit: the tasks that did not fit yet
  ClientId client;
  std::uint64_t number = 0;
  JobId job;
  Accepted accepted;
  std::shared_ptr<const TaskSpec> spec;
  Payloads payloads;
  std::size_t next = 0;  // first payload that is not in the queue yet
};

}  // namespace reeve::master
