#include "master/core/group_commit.h"

#include "common/base/assert.h"

namespace reeve::master {

std::size_t GroupCommit::bytes_of(const Record& record) {
  if (const auto* const cell = std::get_if<CellRecord>(&record)) return cell->content.size();
  const auto* const kept = std::get_if<OutcomeRecord>(&record);
  if (kept == nullptr) return 0;
  const Outcome& outcome = kept->outcome;
  return outcome.value.size() + outcome.error.size() + outcome.out.size() + outcome.err.size();
}

std::optional<GroupCommit::Transaction> GroupCommit::begin(WallTime now) {
  if (records_.empty() || busy_) return std::nullopt;
  busy_ = true;
  writing_ = open_++;
  begun_ = now;
  writing_bytes_ = std::exchange(gathered_bytes_, 0);
  return Transaction{writing_, std::exchange(records_, {})};
}

bool GroupCommit::succeeded(Records spare) {
  ASSERT(busy_ && failed_.empty());
  const bool could_not = !may_hand_out();
  busy_ = false;
  writing_bytes_ = 0;
  committed_ = writing_;
  durable_through_ = begun_;
  ++commits_;
  trouble_.clear();
  failures_in_a_row_ = 0;
  if (records_.empty()) records_ = std::move(spare);  // for its capacity
  while (!after_commit_.empty() && after_commit_.front().first <= committed_) {
    const auto then = std::move(after_commit_.front().second);
    after_commit_.pop_front();
    then({});
  }
  return !records_.empty() || (could_not && may_hand_out());
}

Duration GroupCommit::failed(const Error& why, Records records) {
  ASSERT(busy_ && failed_.empty());
  ++failures_;
  trouble_ = fmt::format("the store cannot be written: {}", why.detail);
  failed_ = std::move(records);
  for (const auto& [ticket, then] : std::exchange(after_commit_, {})) then(fail(not_kept()));
  return pause_between_tries.after(++failures_in_a_row_, random_);
}

Error GroupCommit::not_kept() const { return {Errc::storage_failed, trouble_}; }

Error GroupCommit::unacknowledged() const {
  return {Errc::storage_failed,
          trouble_ + "; this was not acknowledged, and may or may not happen when the store works again"};
}

void GroupCommit::after_commit(AfterCommit then) {
  const Ticket wanted = ticket();
  if (wanted <= committed_)
    then({});
  else if (!trouble_.empty())
    then(fail(not_kept()));
  else
    after_commit_.emplace_back(wanted, std::move(then));
}

}  // namespace reeve::master
