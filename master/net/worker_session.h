// WorkerSession: the connection of a worker. Grants of a turn leave as one frame, results come in batches.
#pragma once

#include <optional>
#include <vector>

#include "master/core/effects.h"
#include "master/net/session.h"
#include "proto/reeve.pb.h"

namespace reeve::master {

class WorkerSession final : public Session {
 public:
  using Session::Session;

  // ---- effects, by way of the Turn
  void grant(const Effects::Grant& grant);
  void stop(const Fence& fence, bool held);
  void drain(bool on);
  void end_of_turn() override;

 private:
  static constexpr std::size_t specs_max = 64;  // specs that the worker remembers for this connection

  Result<void> hello(const Frame& frame) override;
  Result<void> handle(const Frame& frame) override;
  Result<void> complete(const Frame& frame);
  Result<void> returned(const Frame& frame);
  std::uint32_t spec_id(const std::shared_ptr<const TaskSpec>& spec, wire::Grant& grant);
  void send_grants();

  // Of this turn. Grants of tasks that run at most once wait for the disk, the others do not. Stops leave after
  // the grants, because a worker must know what it is to stop, and wait for the disk if those did; both, and what is
  // said of draining, after the welcome.
  wire::Grant grants_, held_grants_;
  std::size_t grant_bytes_ = 0;
  std::vector<std::shared_ptr<const TaskSpec>> specs_;  // by id
  std::uint32_t next_spec_ = 0;
  wire::Stop stops_, held_stops_;
  std::optional<bool> drain_;
  wire::Completed completed_;
};

}  // namespace reeve::master
