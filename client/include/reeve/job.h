// Job: the tasks of one submission, by number. Watching, results, control.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/api.h"
#include "common/base/time.h"
#include "reeve/handle.h"
#include "reeve/info.h"

namespace reeve {

namespace client {
struct FeedState;
}

struct SubmitOptions {
  std::string name;                  // for people
  std::vector<std::uint64_t> after;  // starts when these jobs have succeeded
  bool wait_for_room = true;         // a full queue: wait, or throw QueueFull
  Duration wait_max = forever;
  // Called once, by submit, with the job's number when the master has accepted the first of its tasks: of a submission
  // that fails later somebody may want to say which job it was.
  std::function<void(std::uint64_t job)> accepted = {};
};

// Where submit takes its payloads from, one by one: fills its argument, or says that there are no more.
using NextPayload = std::function<bool(std::string&)>;

struct TaskOutcome {
  std::uint32_t index = 0;
  Outcome outcome;
};

// JobFeed: what happens to a job, as it happens, across lost connections and master restarts.
//
// Each final outcome comes once (when outcomes are asked for), and before the JobInfo that says that the job
// is finished.  Thread: one at a time.  A program that reads slowly makes the feed fetch outcomes from the
// master later; its memory stays bounded.
class REEVE_API JobFeed {
 public:
  explicit JobFeed(std::shared_ptr<client::FeedState> state) : state_(std::move(state)) {}
  JobFeed(JobFeed&&) noexcept = default;
  JobFeed& operator=(JobFeed&&) noexcept;
  ~JobFeed();  // stops watching

  struct Event {  // one of the two
    std::optional<JobInfo> info;
    std::optional<TaskOutcome> outcome;
  };
  // The next event; nothing when the time passed, or when the job is finished and everything was told.
  std::optional<Event> next(Duration timeout = forever);
  bool finished() const;

 private:
  std::shared_ptr<client::FeedState> state_;
};

class REEVE_API Job {
 public:
  Job(std::shared_ptr<client::Core> core, std::uint64_t number) : core_(std::move(core)), number_(number) {}

  std::uint64_t number() const { return number_; }
  JobInfo info() const;
  // Until it is finished. Throws TimedOut.
  JobInfo wait(Duration timeout = forever) const;
  JobFeed watch(bool outcomes) const;

  TaskPage tasks(const TaskQuery& query = {}) const;
  TaskInfo task(std::uint32_t index, bool payload = false) const;  // with its outcome, if it has one
  // The outcomes of all final tasks, by index. The master keeps them.
  std::vector<TaskOutcome> results() const;
  void for_each_result(const std::function<void(TaskOutcome)>& use) const;  // the same, a page at a time
  // Tells the master that it need not keep these results any longer.
  void fetched(std::vector<std::uint32_t> indices) const;

  // No indices: all. How many tasks it affected; 0 as well when the connection was lost in between and the
  // master had done it already.
  std::uint64_t cancel(std::vector<std::uint32_t> indices = {}) const;
  std::uint64_t retry(std::vector<std::uint32_t> indices = {}) const;  // failed and cancelled ones
  void forget() const;                                                 // refused while it is unfinished

 private:
  std::shared_ptr<client::Core> core_;
  std::uint64_t number_;
};

}  // namespace reeve
