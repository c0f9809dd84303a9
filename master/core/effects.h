// Effects: everything the Broker wants to happen. The Turn implements it in the master; tests collect it.
//
// Thread: the loop thread.  Views and references are valid during the call only.
//
// keep() hands over records for the store. What is said to clients, and everything marked "held", must not
// leave before the records kept up to that call are on stable storage, and keeps its order within a session.
// grant() and stop() may leave at once unless they are held: leases are fenced, so a grant whose submit is lost does no
// harm.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "common/base/ids.h"
#include "common/base/result.h"
#include "master/core/records.h"
#include "master/core/views.h"

namespace reeve::master {

class Effects {
 public:
  virtual ~Effects() = default;

  virtual void keep(Record record) = 0;

  // ---- to clients, held
  virtual void submitted(SessionId to, std::uint64_t request, const Result<Accepted>& answer) = 0;
  virtual void got(SessionId to, std::uint64_t request, const Result<std::span<const ItemView>>& answer) = 0;
  virtual void done(SessionId to, std::uint64_t request, const Result<std::uint64_t>& answer) = 0;
  virtual void job_changed(SessionId to, std::uint64_t request, const JobView& job) = 0;
  virtual void outcome(SessionId to, TaskId task, const Outcome& outcome) = 0;  // pushed to a watcher
  // Whether pushes to this session should be left out for now, because it reads too slowly.
  virtual bool congested(SessionId to) const = 0;
  virtual void lagging(SessionId to, JobId job) = 0;  // said once the session is no longer congested

  // ---- to workers
  struct Grant {
    Fence fence;
    const std::shared_ptr<const TaskSpec>& spec;  // the same pointer for tasks of one submission
    std::string_view payload;
    bool held = false;  // at most once: leaves only when the grant is on stable storage
  };
  virtual void grant(SessionId to, const Grant& grant) = 0;
  // `held`: as its grant was, which it must not overtake: what a worker does not hold it cannot stop.
  virtual void stop(SessionId to, const Fence& fence, bool held) = 0;
  virtual void drain(SessionId to, bool on) = 0;
  // The session has no place any more (its worker reconnected, or its lease ended): close it.
  virtual void disconnect(SessionId session, const Error& why) = 0;
};

}  // namespace reeve::master
