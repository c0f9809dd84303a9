// BriefFunctions: which tasks the loop thread runs itself, and the runner that does it.
//
// Waking a slot's thread and being woken by it cost more than a function that returns within microseconds. The price of
// calling one here is that the worker hears nothing meanwhile, so it is asked for by the function's author
// (PluginRegistry::add_brief), bounded by the payload, and ended by the first call that takes too long.
//
// Owner: WorkerApp.  Thread: the loop thread.
#pragma once

#include <set>
#include <string>

#include "worker/runners/functions.h"

namespace reeve::worker {

class BriefFunctions {
 public:
  static constexpr Duration run_max = std::chrono::milliseconds{10};  // a small part of a heartbeat
  static constexpr std::size_t payload_max_bytes = std::size_t{64} << 10;

  explicit BriefFunctions(const Functions& functions) : functions_(functions), runner_(functions) {}

  bool has(const Work& work);
  Runner& runner() { return runner_; }
  // One of them has run here. False, once for each function: it is none of them any more.
  bool was_brief(const Work& work, Duration run);

 private:
  const Functions& functions_;
  FunctionRunner runner_;
  std::set<std::string, std::less<>> caught_;  // those that took too long
  std::shared_ptr<const TaskSpec> spec_;       // of the last question
  bool brief_ = false;                         // and its answer
};

}  // namespace reeve::worker
