// Bug: what a master, its disk or a worker can be made to do wrong, so that the checker can show that it notices.
// They are planted where the simulation joins the real parts together, never in these.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace reeve::sim {

enum class Bug : std::uint8_t {
  none,
  reply_before_commit,      // answers to clients do not wait for the disk
  completed_before_commit,  // acknowledgements to workers do not wait for the disk
  sync_lies,                // a crash takes the last commit with it
  fence_not_compared,       // a result counts for whichever attempt its worker holds
  holder_not_compared,      // a result counts whoever brings it
  lease_not_renewed,        // heartbeats are answered and not noted
  waiter_not_removed,       // a client that leaves goes on waiting
  took_ignored,             // values that arrived are not removed
  credit_leak,              // a worker's capacity counts one more
  submission_forgotten,     // a repeated submission is a new one
  worker_forgotten,         // the store does not keep who may hold leases
  progress_not_kept,        // nor how often a task was tried
  outcome_not_kept,         // nor, now and then, how it ended
  ticks_forgotten,          // nothing happens by time alone
  held_not_presented,       // a worker that reconnects does not say what it runs
  lease_loss_ignored,       // a worker that is cut off does not stop
  order_reversed,           // a fifo gives the last first
  bound_ignored,            // a queue takes more than its maxsize
  join_too_early,           // join is answered at once
  slices_forgotten,         // what takes more than one turn is begun only
  cancel_mark_not_kept,     // nor that a job is cancelled: a restarted master does not go on with it
};

inline constexpr std::array bug_names{std::string_view{"none"},
                                      std::string_view{"reply-before-commit"},
                                      std::string_view{"completed-before-commit"},
                                      std::string_view{"sync-lies"},
                                      std::string_view{"fence-not-compared"},
                                      std::string_view{"holder-not-compared"},
                                      std::string_view{"lease-not-renewed"},
                                      std::string_view{"waiter-not-removed"},
                                      std::string_view{"took-ignored"},
                                      std::string_view{"credit-leak"},
                                      std::string_view{"submission-forgotten"},
                                      std::string_view{"worker-forgotten"},
                                      std::string_view{"progress-not-kept"},
                                      std::string_view{"outcome-not-kept"},
                                      std::string_view{"ticks-forgotten"},
                                      std::string_view{"held-not-presented"},
                                      std::string_view{"lease-loss-ignored"},
                                      std::string_view{"order-reversed"},
                                      std::string_view{"bound-ignored"},
                                      std::string_view{"join-too-early"},
                                      std::string_view{"slices-forgotten"},
                                      std::string_view{"cancel-mark-not-kept"}};

inline std::string_view name_of(Bug bug) { return bug_names[static_cast<std::size_t>(bug)]; }

}  // namespace reeve::sim
