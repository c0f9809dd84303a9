// Random histories: clients, workers that die, lie or reconnect, and a master that is killed between two
// commits. After each step the invariants hold; in the end everything that was acknowledged has happened,
// once.
#include <array>
#include <cstdlib>
#include <map>
#include <optional>
#include <random>
#include <set>

#include "tests/unit/master/core/broker_fixture.h"

namespace reeve::master {
namespace {

class History {
 public:
  explicit History(std::uint64_t seed) : random_(seed) {
    limits_.chunk_tasks_max = 4;
    limits_.slice_tasks_max = 5;
    limits_.retention_interval = 10min;
    limits_.results_kept_for = 24h * 365;
    start();
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      step();
      broker_->check_invariants();
    }
    finish_everything();
  }

 private:
  struct SimWorker {
    std::string key;
    SessionId session;  // none: not connected
    std::uint32_t held_max = 1;
    std::vector<Fence> held;
    bool dead = false;
  };

  std::uint64_t draw(std::uint64_t bound) { return random_() % bound; }

  void start() {
    broker_ = std::make_unique<Broker>(limits_, disk_.open(), now_, random_());
    out_.clear();
    client_ = SessionId{++sessions_};
    broker_->client_joined(client_, "client", now_);
    // Both have room for less than what is sometimes put there at once.
    for (const auto& [queue, maxsize] : {std::pair{"other", 8u}, std::pair{"values", 4u}})
      ASSERT_TRUE(broker_->queue_create({client_, ++requests_},
                                        {.name = queue, .maxsize = maxsize, .exist_ok = true}, out_));
    for (SimWorker& worker : workers_) worker.session = {};
  }

  // What was not committed is lost, and so are the replies that waited for it.
  void crash() {
    out_.clear();
    start();
    // The client repeats what was not answered.
    for (const auto& [number, submission] : unanswered_) repeat(number, submission);
  }

  void commit() {
    if (broker_->has_more()) broker_->go_on(now_, out_);
    broker_->dispatch(now_, out_);
    disk_.apply(out_.records);
    ASSERT_TRUE(disk_.recorded_twice.empty()) << "task " << fmt::format("{}", disk_.recorded_twice.front());
    for (const auto& grant : out_.grants) {
      for (SimWorker& worker : workers_) {
        if (worker.session != grant.to || worker.dead) continue;
        ASSERT_LT(worker.held.size(), worker.held_max) << "more than its credit";
        worker.held.push_back(grant.fence);
      }
    }
    for (const Fence& fence : out_.stops) stops_.insert(fence);
    for (const SessionId session : out_.disconnected)
      for (SimWorker& worker : workers_)
        if (worker.session == session) worker.session = {};
    for (const auto& submitted : out_.submissions) {
      const auto pending = number_of_request_.find(submitted.request);
      if (pending == number_of_request_.end() || !submitted.answer) continue;
      unanswered_.erase(pending->second);
      acknowledged_[pending->second] = *submitted.answer;
    }
    for (const auto& got : out_.gots)
      if (got.answer && got.to == client_) receive(*got.answer);
    out_.clear();
    std::swap(out_, later_);
  }

  // Most are taken; some the client cannot read, or nobody can.
  void receive(const std::vector<fakes::RecordingEffects::Value>& values) {
    for (const auto& value : values) {
      const std::uint64_t fate = faults_ ? draw(6) : 2;
      if (fate == 0) {
        broker_->give_back(client_, value.id, now_, later_);
      } else if (fate == 1) {
        ASSERT_TRUE(broker_->set_aside(client_, value.id, "aside", now_, later_));
      } else {
        received_.insert(value.value);
        broker_->took(client_, std::array{value.id}, now_, later_);
      }
    }
  }

  void submit() {
    Submission submission;
    submission.spec.function = "f";
    submission.spec.queue = draw(3) == 0 ? "other" : "default";
    submission.spec.retries = static_cast<std::uint32_t>(draw(3));
    submission.spec.backoff = 1s;
    submission.spec.delay = draw(4) == 0 ? 3s : 0s;
    submission.spec.crash_limit = 1000;
    submission.spec.priority = static_cast<std::int32_t>(draw(3));
    submission.wait_for_room = true;
    for (std::uint64_t i = 0; i <= draw(10); ++i) submission.payloads.add("x");
    const std::uint64_t number = ++numbers_;
    unanswered_[number] = submission;
    repeat(number, submission);
  }

  void repeat(std::uint64_t number, Submission submission) {
    submission.number = number;
    const Asker asker{client_, ++requests_};
    number_of_request_[asker.request] = number;
    const bool is_value = submission.spec.function.empty();
    if (is_value) {
      PutValues values;
      values.number = number;
      values.queue = "values";
      values.items = submission.payloads;
      values.wait_for_room = true;
      ASSERT_TRUE(broker_->put(asker, std::move(values), now_, out_));
    } else {
      ASSERT_TRUE(broker_->submit(asker, std::move(submission), now_, out_));
    }
  }

  void put() {
    Submission values;
    for (std::uint64_t i = 0; i <= draw(5); ++i) values.payloads.add(fmt::format("v{}", ++values_));
    const std::uint64_t number = ++numbers_;
    unanswered_[number] = values;
    repeat(number, values);
  }

  void get() {
    (void)broker_->get(
        {client_, ++requests_},
        {draw(4) == 0 ? "aside" : "values", 1 + static_cast<std::uint32_t>(draw(3)), draw(2) == 0, 5s}, now_,
        out_);
  }

  void join_worker() {
    SimWorker* worker = nullptr;
    if (workers_.size() < 4) {
      workers_.push_back(
          {fmt::format("worker-{}", ++worker_keys_), {}, 1 + static_cast<std::uint32_t>(draw(4)), {}, false});
      worker = &workers_.back();
    } else {
      worker = &workers_[draw(workers_.size())];
      if (worker->dead) *worker = {fmt::format("worker-{}", ++worker_keys_), {}, worker->held_max, {}, false};
    }
    if (worker->session && draw(2) == 0) broker_->session_left(worker->session, now_, out_);
    connect(*worker);
  }

  void connect(SimWorker& worker) {
    worker.session = SessionId{++sessions_};
    WorkerIntro intro{
        .key = worker.key, .name = worker.key, .slots = 1, .functions = {"f"}, .held = worker.held};
    const auto admitted = broker_->worker_joined(worker.session, std::move(intro), now_, out_);
    ASSERT_TRUE(admitted);
    for (const Fence& fence : admitted->dropped) std::erase(worker.held, fence);
    broker_->worker_capacity(worker.session, worker.held_max);
  }

  void worker_acts(SimWorker& worker) {
    if (worker.dead || !worker.session) return;
    broker_->worker_alive(worker.session, now_);
    if (worker.held.empty()) return;
    const std::size_t which = draw(worker.held.size());
    const Fence fence = worker.held[which];
    switch (draw(8)) {
      case 0:
        broker_->returned(worker.session, std::vector{fence}, now_, out_);
        break;
      case 1:
        broker_->complete(worker.session, fence, {.state = TaskState::failed, .error = "no luck"}, now_,
                          out_);
        break;
      case 2: {  // somebody else's lease, or none at all
        Fence lie = fence;
        lie.attempt += 1 + static_cast<std::uint32_t>(draw(2));
        ASSERT_FALSE(broker_->complete(worker.session, lie, {}, now_, out_));
        return;
      }
      default:
        broker_->complete(worker.session, fence,
                          {.state = stops_.contains(fence) ? TaskState::cancelled : TaskState::succeeded},
                          now_, out_);
    }
    worker.held.erase(worker.held.begin() + static_cast<std::ptrdiff_t>(which));
  }

  void act_on_a_job() {
    if (acknowledged_.empty()) return;
    auto it = acknowledged_.begin();
    std::advance(it, draw(acknowledged_.size()));
    const JobId job = it->second.job;
    if (!broker_->job(job)) return;
    if (draw(3) == 0) {
      (void)broker_->cancel({client_, ++requests_}, job, {}, now_, out_);
      return;
    }
    auto plan = broker_->plan_retry(job, {});
    if (!plan || plan->indices.empty()) return;
    plan->next = 0;  // one portion of it
    std::vector<ChunkRecord> chunks;
    for (const auto& [first, last] : plan->chunks) {
      auto payloads = std::make_shared<Payloads>();
      for (std::uint32_t i = first; i <= last; ++i) payloads->add("x");
      chunks.push_back({.job = job, .first = first, .payloads = std::move(payloads)});
    }
    (void)broker_->retry({client_, ++requests_}, job, *plan, std::move(chunks), now_, out_);
  }

  void pass(Duration time) {
    now_.mono += time, now_.wall += time;
    broker_->tick(now_, out_);
  }

  void step() {
    switch (draw(20)) {
      case 0:
      case 1:
        submit();
        break;
      case 2:
        put();
        break;
      case 3:
      case 4:
        get();
        break;
      case 5:
        join_worker();
        break;
      case 6:
        if (!workers_.empty() && draw(3) == 0) {  // dies: its connection may be noticed or not
          SimWorker& worker = workers_[draw(workers_.size())];
          if (worker.session && draw(2) == 0) broker_->session_left(worker.session, now_, out_);
          worker = {worker.key, {}, worker.held_max, {}, true};
        }
        break;
      case 7:
        act_on_a_job();
        break;
      case 8:
        pass(Duration{static_cast<std::int64_t>(draw(10'000'000))});
        break;
      case 9:
        if (draw(10) == 0) crash();
        break;
      case 10:
        if (draw(10) == 0) pass(limits_.lease);
        break;
      case 11:
      case 12:
      case 13:
        commit();
        break;
      default:
        if (!workers_.empty()) worker_acts(workers_[draw(workers_.size())]);
    }
  }

  // No more faults: one good worker, time, and a client that takes everything.
  void finish_everything() {
    faults_ = false;
    commit();
    for (SimWorker& worker : workers_) worker = {worker.key, {}, worker.held_max, {}, true};
    workers_.push_back({"good", {}, 50, {}, false});
    connect(workers_.back());
    for (int i = 0; i < 2000; ++i) {
      broker_->worker_alive(workers_.back().session, now_);
      pass(limits_.heartbeat());
      for (const Fence& fence : std::exchange(workers_.back().held, {}))
        broker_->complete(workers_.back().session, fence,
                          {.state = stops_.contains(fence) ? TaskState::cancelled : TaskState::succeeded},
                          now_, out_);
      for (const char* const queue : {"values", "aside"})
        (void)broker_->get({client_, ++requests_}, {queue, 100, false, 0s}, now_, out_);
      commit();
      broker_->check_invariants();
      if (broker_->stats().tasks.unfinished() == 0 && i > 20) break;
    }
    EXPECT_EQ(broker_->stats().tasks.unfinished(), 0u) << "everything finishes when faults stop";
    EXPECT_TRUE(unanswered_.empty()) << "every submission is answered in the end";
    std::set<std::uint64_t> put_numbers;
    for (const auto& [number, accepted] : acknowledged_) {
      const auto job = broker_->job(accepted.job);
      if (!job) continue;  // values
      for (std::uint32_t i = 0; i < accepted.count; ++i)
        EXPECT_TRUE(disk_.outcomes().contains({accepted.job, accepted.first + i})) << fmt::format(
            "task {}.{} was acknowledged and has no outcome", accepted.job, accepted.first + i);
    }
    for (std::uint64_t v = 1; v <= values_; ++v)
      EXPECT_TRUE(received_.contains(fmt::format("v{}", v))) << "value " << v << " was lost";
  }

  std::mt19937_64 random_;
  Limits limits_;
  Now now_{TimePoint{1h}, WallTime{24h * 20000}};
  fakes::DiskModel disk_;
  fakes::RecordingEffects out_, later_;
  std::unique_ptr<Broker> broker_;
  SessionId client_;
  std::vector<SimWorker> workers_;
  std::set<Fence> stops_;
  std::map<std::uint64_t, Submission> unanswered_;
  std::map<std::uint64_t, std::uint64_t> number_of_request_;
  std::map<std::uint64_t, Accepted> acknowledged_;
  std::set<std::string> received_;
  bool faults_ = true;
  std::uint64_t sessions_ = 0, requests_ = 0, numbers_ = 0, values_ = 0, worker_keys_ = 0;
};

class BrokerRandomTest : public testing::TestWithParam<int> {};

TEST_P(BrokerRandomTest, NothingAcknowledgedIsLostAndEverythingFinishes) {
  // REEVE_TEST_SEED replays one seed; without it each run draws fresh ones.
  const char* given = std::getenv("REEVE_TEST_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  SCOPED_TRACE(fmt::format("seed {} (replay with REEVE_TEST_SEED={})", seed, seed));
  History{seed}.run(1500);
}

INSTANTIATE_TEST_SUITE_P(Seeds, BrokerRandomTest, testing::Range(0, 20));

}  // namespace
}  // namespace reeve::master
