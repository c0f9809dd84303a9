// LongLived: a process that answers one request after another, and that may die, hang or talk too much.
//
// Owner: a runner.  Thread: one.  Always: it leads a process group of its own, which ends with this object.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/time.h"
#include "worker/processes/descriptor.h"
#include "worker/processes/process_group.h"
#include "worker/runners/stop_signal.h"

namespace reeve::worker {

class LongLived {
 public:
  // `to` and `from` may be copies of one socket.
  LongLived(ProcessGroup group, Descriptor to, Descriptor from);
  LongLived(const LongLived&) = delete;
  LongLived& operator=(const LongLived&) = delete;

  struct Manners {
    // How much of what has arrived is one answer; 0: it is not whole yet.
    std::function<std::size_t(std::string_view)> answer_bytes;
    std::size_t answer_max_bytes;
    // Called once when the process should end what it does; after `grace` it is killed.
    std::function<void()> ask_to_end;
    Duration stop_grace;
    Duration late_grace;  // when it is over its deadline
    TimePoint deadline;
  };
  enum class Asked { nothing, stop, late };
  struct Exchange {
    std::optional<std::string> answer;
    Asked asked_to_end = Asked::nothing;
    bool too_long = false;   // the answer was; the process was killed
    bool too_early = false;  // it spoke before it had read any of the request; the process was killed
    std::optional<ExitStatus> ended;  // it did not live to answer
    // It ended, and nobody has read any of the request nor ever will. This and `too_early` are known only of a pipe.
    bool unread = false;
  };
  // Sends the request and waits for the answer. An empty request: only waits.
  Exchange exchange(std::string_view request, StopSignal& stop, const Manners& manners);

  bool alive();                                     // it has not ended while nobody looked
  bool quiet() const { return received_.empty(); }  // it has said no more than was asked
  void signal(int number) const;                    // to its whole group
  // Closes its input, gives it some time to end by itself, then kills it.
  ExitStatus finish(Duration patience);

 private:
  class Talk;

  std::size_t unread_bytes() const;
  std::size_t take_back();
  ExitStatus reap(Duration patience);
  bool wait_for_end_until(TimePoint until) const;

  ProcessGroup group_;
  Descriptor to_, from_;
  const bool to_is_pipe_;
  std::string received_;  // beyond the last answer
  std::optional<ExitStatus> ended_;
};

}  // namespace reeve::worker
