// FeedState: what is behind a JobFeed. Keeps apart what the master pushes and what the program has read.
//
// Owner: JobFeed, and Core while it listens.  Thread: two halves, as marked.
// Always: an outcome enters the mailbox once; the mailbox has a bound, and what did not fit is fetched later.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "client/core/core.h"
#include "reeve/job.h"

namespace reeve::client {

struct FeedState final : JobListener, std::enable_shared_from_this<FeedState> {
  FeedState(std::shared_ptr<Core> owner, std::uint64_t number, bool with_outcomes)
      : core(std::move(owner)), job(number), outcomes(with_outcomes) {}

  // ---- any thread
  void start();
  void stop();
  std::optional<JobFeed::Event> next(Duration timeout);

  // ---- the driver
  void on_outcomes(std::span<const OutcomeView> outcomes) override;
  void on_lagging() override;
  void on_info(const wire::JobInfo& info) override;
  void on_up() override;
  void on_end(const Error& why) override;

  const std::shared_ptr<Core> core;
  const std::uint64_t job;
  const bool outcomes;

  // Guarded by the loop's mutex.
  struct Raw {  // an outcome nobody has looked at
    std::uint32_t index;
    std::string bytes;
  };
  std::deque<std::variant<Raw, wire::JobInfo>> mailbox;
  bool missed = false;      // outcomes did not fit: fetch them when there is room
  bool over = false;        // nothing more comes
  Error why{Errc::ok, {}};  // and this is why, unless ok

 private:
  bool seen(std::uint32_t index) const { return index < seen_.size() && seen_[index]; }
  bool all_seen(const wire::JobInfo& info) const;
  bool has_room();
  void watch();
  void fetch();
  void fetched(const Result<void>& result);
  void end(const Error& error);
  void tell(const wire::JobInfo& info);

  // The driver's.
  std::vector<bool> seen_;  // by index
  std::uint64_t seen_count_ = 0;
  bool fetching_ = false, again_ = false;
  bool listening_ = false;
  std::optional<wire::JobInfo> final_info_;  // told when every outcome was
};

}  // namespace reeve::client
