// GroupCommit: what is on stable storage, and when something said may leave. Records gather for the next transaction
// while one is being written. What is said in a turn carries the number of the transaction after which everything
// decided up to then is durable: its ticket.
//
// Owner: the Turn, which writes the transactions and sends what may go; the simulation's master likewise.
// Thread: the loop thread.  No I/O, no clock, no thread.
// Always: one transaction is being written at a time, in the order of their tickets; one that failed is written again,
// the same and before any other, because the Broker already counts on it.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <utility>

#include "common/base/backoff.h"
#include "common/base/result.h"
#include "common/base/time.h"
#include "master/core/records.h"

namespace reeve::master {

// Numbers the transactions of one master run; a commit makes every ticket up to its own durable.
using Ticket = std::uint64_t;

class GroupCommit {
 public:
  struct Transaction {
    Ticket ticket = 0;
    Records records;
  };

  // `seed`: for the jitter between tries to write a failed transaction.
  explicit GroupCommit(std::uint64_t seed) : random_(seed) {}

  void keep(Record record) {
    gathered_bytes_ += bytes_of(record);
    records_.push_back(std::move(record));
  }

  // What is said now may leave when this is committed.
  Ticket ticket() const { return records_.empty() ? writing_ : open_; }
  Ticket committed() const { return committed_; }

  // The transaction to be written now: none while one is being written, or none is needed.
  std::optional<Transaction> begin(WallTime now);
  // The one that was begun is on stable storage. `spare`: an empty container that may be used again.
  // True: another turn is wanted, because records wait, or because something may be handed out again. The next
  // transaction begins at its end and not here: what is decided in one turn, such as a result and its place in its result
  // queue, is kept whole or not at all.
  bool succeeded(Records spare);
  // Nothing of it was kept. It is to be written again after this time: again().
  Duration failed(const Error& why, Records records);
  Transaction again() { return {writing_, std::exchange(failed_, {})}; }
  bool idle() const { return !busy_ && records_.empty(); }  // everything that was decided is durable

  // Runs `then` when everything decided so far is durable; at once, if it is. Error: storage_failed, it cannot be made
  // durable at the moment; what was acknowledged is.
  using AfterCommit = std::function<void(const Result<void>& kept)>;
  void after_commit(AfterCommit then);

  // Why nothing can be acknowledged at the moment, for a person; empty when all is well. Until then what would need
  // the store is refused.
  const std::string& trouble() const { return trouble_; }
  // What those are told whose answers wait for a transaction that failed.
  Error unacknowledged() const;
  // Nothing is handed out that could not be taken back in writing, or whose result would have to wait in memory
  // because results, or changes of declared objects, come faster than the store takes them.
  bool may_hand_out() const { return trouble_.empty() && !behind(); }
  // Whether what takes more than one turn may go on in this one: the store keeps up with what was kept of it. If not, another
  // turn is wanted when it does.
  bool may_go_on() const { return may_hand_out() && records_.size() < gathered_max_records; }
  // Of results and of cells that wait in memory for the store.
  std::size_t unwritten_bytes() const { return gathered_bytes_ + writing_bytes_; }
  // What was decided before this is durable.
  WallTime durable_through() const { return durable_through_; }
  std::uint64_t commits() const { return commits_; }
  std::uint64_t failures() const { return failures_; }

 private:
  static std::size_t bytes_of(const Record& record);
  Error not_kept() const;
  bool behind() const { return unwritten_bytes() > unwritten_max_bytes; }

  static constexpr std::size_t unwritten_max_bytes = 64u << 20;  // more, and nothing is handed out
  static constexpr std::size_t gathered_max_records = 4096;      // more, and what can wait does
  static constexpr Backoff pause_between_tries{std::chrono::milliseconds{100}, std::chrono::seconds{2}};

  Records records_;                 // since the last transaction began
  std::size_t gathered_bytes_ = 0;  // of the results and cells in them
  std::size_t writing_bytes_ = 0;   // of those that are being written
  Records failed_;                  // that will be written again
  bool busy_ = false;               // one was begun, and has not succeeded

  Ticket open_ = 1;       // the transaction that records_ will be
  Ticket writing_ = 0;    // the newest one that was begun
  Ticket committed_ = 0;  // the newest one on stable storage
  WallTime begun_{};      // when that of writing_ took its last record
  WallTime durable_through_{};
  std::deque<std::pair<Ticket, AfterCommit>> after_commit_;  // empty while there is trouble

  std::string trouble_;
  std::uint32_t failures_in_a_row_ = 0;
  std::mt19937_64 random_;
  std::uint64_t commits_ = 0, failures_ = 0;
};

}  // namespace reeve::master
