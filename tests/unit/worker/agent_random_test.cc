#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "tests/unit/worker/agent_fixture.h"

namespace reeve::worker {
namespace {

using testing::IsEmpty;

// A master and a pool that do random, allowed things; whatever happens, no attempt is forgotten or reported
// twice on one connection, and the bounds hold.
class RandomHistory {
 public:
  explicit RandomHistory(std::uint64_t seed) : random_(seed) {}

  void run(int steps) {
    connect();
    for (int i = 0; i < steps; ++i) step();
    // In the end everything is settled: whatever is still lent finishes, and the master acknowledges it.
    if (!connected_) connect();
    while (!queue_.empty() || !running_.empty()) {
      if (running_.empty()) start();
      finish();
    }
    report();
    agent_.completed(last_batch_, 0, now_, fx_);
    carry_out();
    EXPECT_THAT(agent_.held(), IsEmpty());
    EXPECT_THAT(leases_, IsEmpty()) << "leases the worker forgot";
  }

 private:
  std::uint64_t draw(std::uint64_t below) { return random_() % below; }

  void step() {
    now_ += Duration{static_cast<std::int64_t>(draw(20'000))};
    switch (draw(12)) {
      case 0:
      case 1:
      case 2:
        return grant();
      case 3:
      case 4:
        return start();
      case 5:
      case 6:
        return finish();
      case 7:
        return report();
      case 8:
        return acknowledge();
      case 9:
        return connected_ ? maybe_disconnect() : connect();
      case 10:
        return stop();
      default:
        return tick();
    }
  }

  void grant() {
    if (!connected_) return;
    for (std::uint64_t i = draw(8); i > 0 && leases_.size() < capacity_; --i) {
      const Fence granted = fence(++last_index_);
      leases_.insert(granted);
      ASSERT_TRUE(agent_.granted(granted, spec_, std::string(draw(64), 'p'), now_, fx_));
    }
    carry_out();
  }

  void start() {
    if (queue_.empty() || running_.size() >= slots) return;
    running_.push_back(take());
  }

  void finish() {
    if (running_.empty()) return;
    std::vector<Attempt*> batch;
    for (std::uint64_t i = 1 + draw(running_.size()); i > 0; --i) {
      const auto at = running_.begin() + static_cast<std::ptrdiff_t>(draw(running_.size()));
      (*at)->outcome.state = (*at)->stop == StopReason::none ? TaskState::succeeded : TaskState::cancelled;
      (*at)->outcome.run = Duration{static_cast<std::int64_t>(draw(2) == 0 ? draw(100) : draw(100'000))};
      (*at)->outcome.out.assign(draw(100), 'o');
      batch.push_back(*at);
      running_.erase(at);
    }
    agent_.taken(taken_);
    agent_.finished(batch, now_, fx_);
    carry_out();
  }

  void report() {
    while (const auto batch = agent_.next_complete()) {
      EXPECT_EQ(batch->number, last_batch_ + 1) << "on each connection they count from 1";
      last_batch_ = batch->number;
      for (const Attempt* attempt : batch->attempts) {
        const Fence& done = attempt->work.fence;
        EXPECT_TRUE(reported_.insert(done).second) << "reported twice on one connection";
        // The master's side: it counts the lease as over when the report arrives.
        leases_.erase(done);
      }
    }
  }

  void acknowledge() {
    if (!connected_ || last_batch_ == 0) return;
    agent_.completed(last_batch_ - draw(2), 0, now_, fx_);
    carry_out();
  }

  void maybe_disconnect() {
    if (draw(4) != 0) return;
    connected_ = false;
    agent_.disconnected();
  }

  void connect() {
    connected_ = true;
    capacity_ = 0;
    last_batch_ = 0;
    reported_.clear();
    const std::vector<Fence> held = agent_.held();
    std::vector<Fence> dropped;
    for (const Fence& one : held)
      if (draw(8) == 0) dropped.push_back(one);
    // The master gives up what the worker did not mention, and adopts the rest.
    leases_ = {held.begin(), held.end()};
    for (const Fence& one : dropped) leases_.erase(one);
    agent_.connected(now_, lease, heartbeat, dropped, now_, fx_);
    carry_out();
  }

  void stop() {
    if (!connected_ || leases_.empty()) return;
    auto at = leases_.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(draw(leases_.size())));
    agent_.stop_requested({&*at, 1}, fx_);
    carry_out();
  }

  void tick() {
    if (connected_) agent_.heartbeat_echoed(now_);
    if (draw(10) == 0) now_ += 700ms;
    agent_.taken(taken_);
    agent_.tick(now_, fx_);
    carry_out();
  }

  Attempt* take() {
    Attempt* attempt = queue_.front();
    queue_.pop_front();
    ++taken_;
    return attempt;
  }

  void carry_out() {
    queue_.insert(queue_.end(), fx_.start.begin(), fx_.start.end());
    if (fx_.capacity) capacity_ = *fx_.capacity;
    for (const Fence& one : fx_.returned) {
      EXPECT_TRUE(connected_);
      EXPECT_EQ(leases_.erase(one), 1u) << "handed back what it had no lease for";
    }
    EXPECT_FALSE(fx_.leave);
    std::vector<Attempt*> back;
    for (; fx_.withdraw > 0 && !queue_.empty(); --fx_.withdraw) back.push_back(take());
    if (!connected_ && agent_.unfinished() == 0) leases_.clear();
    fx_ = {};
    agent_.check_invariants();
    if (back.empty()) return;
    agent_.taken(taken_);
    agent_.withdrawn(back, fx_);
    carry_out();
  }

  static constexpr std::size_t slots = 3;
  std::mt19937_64 random_;
  Agent agent_{{.slots = slots, .prefetch_max = 40, .complete_max = 7}};
  AgentEffects fx_;
  TimePoint now_{1h};
  std::shared_ptr<const TaskSpec> spec_ = std::make_shared<TaskSpec>();
  bool connected_ = false;
  std::uint32_t capacity_ = 0;
  std::uint32_t last_index_ = 0;
  std::uint64_t last_batch_ = 0;
  std::set<Fence> leases_;    // as the master sees them
  std::set<Fence> reported_;  // on this connection
  std::deque<Attempt*> queue_;
  std::vector<Attempt*> running_;
  std::uint64_t taken_ = 0;
};

TEST(AgentRandomTest, NothingIsForgottenOrReportedTwiceInRandomHistories) {
  const char* given = std::getenv("REEVE_TEST_SEED");
  const std::uint64_t first = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  const int histories = given != nullptr ? 1 : 100;
  for (int i = 0; i < histories; ++i) {
    SCOPED_TRACE(fmt::format("REEVE_TEST_SEED={}", first + static_cast<std::uint64_t>(i)));
    RandomHistory{first + static_cast<std::uint64_t>(i)}.run(2000);
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace reeve::worker
