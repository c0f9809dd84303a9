#include "bench/workloads.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <functional>
#include <stdexcept>

#include "bench/cpu.h"
#include "bench/yardsticks.h"

namespace reeve::bench {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t outstanding_max = 10'000;
constexpr auto job_patience = std::chrono::minutes{5};

const char* name_of(Cluster::Mode mode) { return mode == Cluster::Mode::durable ? "durable" : "ephemeral"; }

double seconds(Clock::duration time) { return std::chrono::duration<double>(time).count(); }

// 16 bytes that differ from task to task.
std::string payload_of(std::size_t i) { return fmt::format("{:016}", i); }

// CPU and wall time from its making to per_task().
class Meter {
 public:
  explicit Meter(const Cluster& cluster) : cluster_(cluster) { restart(); }
  void restart() {
    start_ = Clock::now();
    master_ = cpu_time(cluster_.master());
    worker_ = cpu_time(cluster_.worker());
    client_ = own_cpu_time();
  }
  void report(Report& report, const std::string& mode, std::size_t tasks) const {
    const double elapsed = seconds(Clock::now() - start_);
    const auto per_task = [&](std::chrono::nanoseconds used) {
      return static_cast<double>(used.count()) / 1e3 / static_cast<double>(tasks);
    };
    const double master = per_task(cpu_time(cluster_.master()) - master_);
    const double worker = per_task(cpu_time(cluster_.worker()) - worker_);
    const double client = per_task(own_cpu_time() - client_);
    report.add(mode + "_round_trips_per_s", static_cast<double>(tasks) / elapsed, mode + " round trips",
               "/s");
    report.add(mode + "_master_cpu_us_per_task", master, "  CPU of the master", "us/task");
    report.add(mode + "_worker_cpu_us_per_task", worker, "  CPU of the worker", "us/task");
    report.add(mode + "_client_cpu_us_per_task", client, "  CPU of the client", "us/task");
  }

 private:
  const Cluster& cluster_;
  Clock::time_point start_;
  std::chrono::nanoseconds master_{}, worker_{}, client_{};
};

// `count` calls of echo, at most `window` of them outstanding. Every result is compared with what was sent.
void echo_all(Pool& pool, std::size_t count, std::size_t window) {
  std::deque<std::pair<std::size_t, Future>> under_way;
  const auto take_one = [&] {
    const auto& [i, future] = under_way.front();
    if (future.get().bytes != payload_of(i)) throw std::runtime_error("echo returned something else");
    under_way.pop_front();
  };
  for (std::size_t i = 0; i < count; ++i) {
    if (under_way.size() == window) take_one();
    under_way.emplace_back(i, pool.apply_async("echo", payload_of(i)));
  }
  while (!under_way.empty()) take_one();
}

// Sorted, in microseconds.
std::vector<double> one_at_a_time(std::size_t count, const std::function<void(std::size_t)>& call) {
  std::vector<double> us(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto start = Clock::now();
    call(i);
    us[i] = seconds(Clock::now() - start) * 1e6;
  }
  std::ranges::sort(us);
  return us;
}

// A yardstick for what is measured in a run: the machine's own speed drifts, so it is taken before and after.
template <typename Measure>
class Around {
 public:
  explicit Around(Measure measure) : measure_(std::move(measure)), before_(measure_()) {}
  double value() { return (before_ + measure_()) / 2; }

 private:
  Measure measure_;
  double before_;
};

}  // namespace

void round_trips(const Places& places, const Effort& effort, Cluster::Mode mode, Report& report) {
  Cluster cluster(places, mode);
  cluster.add_worker({"--slots", "2", "--pool", "thread"});
  auto client = cluster.connect();
  auto pool = client.pool();
  echo_all(pool, effort.count(50'000), outstanding_max);  // warm up
  for (int run = 0; run < effort.runs; ++run) {
    const std::size_t tasks = effort.count(1'000'000);
    const Meter meter(cluster);
    echo_all(pool, tasks, outstanding_max);
    meter.report(report, name_of(mode), tasks);
  }
}

void latency(const Places& places, const Effort& effort, Cluster::Mode mode, Report& report) {
  Cluster cluster(places, mode);
  cluster.add_worker({"--slots", "2", "--pool", "thread"});
  auto client = cluster.connect();
  auto pool = client.pool();
  echo_all(pool, 1000, 1);  // warm up
  const std::string key = name_of(mode);
  const bool durable = mode == Cluster::Mode::durable;
  for (int run = 0; run < effort.runs; ++run) {
    Around ping_pong([&] { return ping_pong_p50_us(effort.count(10'000)); });
    Around flushes([&] { return durable ? flushes_per_s(cluster.directory(), effort.count(1'000)) : 0.0; });
    const auto us =
        one_at_a_time(effort.count(20'000), [&](std::size_t i) { (void)pool.apply("echo", payload_of(i)); });
    const double p50 = us[us.size() / 2];
    report.add(key + "_latency_p50_us", p50, key + " round trip, one at a time, p50", "us");
    report.add(key + "_latency_p99_us", us[us.size() * 99 / 100], key + " round trip, one at a time, p99",
               "us");
    const auto in_slot_us =
        one_at_a_time(effort.count(20'000), [&](std::size_t) { (void)pool.apply("sleep", "0"); });
    report.add(key + "_latency_in_slot_p50_us", in_slot_us[in_slot_us.size() / 2],
               "  of a function that is not brief, p50", "us");
    const double bare_us = ping_pong.value();
    report.add(key + "_ping_pong_p50_us", bare_us, "  a bare byte there and back, p50", "us");
    report.add(key + "_latency_in_ping_pongs", p50 / bare_us, "  p50 in such ping-pongs", "");
    if (!durable) continue;
    const double flush_us = 1e6 / flushes.value();
    report.add(key + "_latency_in_flushes", p50 / flush_us, "  p50 in appends of 4 KiB with fdatasync", "");
  }
}

void puts(const Places& places, const Effort& effort, Cluster::Mode mode, Report& report) {
  Cluster cluster(places, mode);
  auto client = cluster.connect();
  auto queue = client.queue("puts");
  const bool durable = mode == Cluster::Mode::durable;
  for (int run = 0; run < effort.runs; ++run) {
    const std::size_t one_by_one = effort.count(20'000);
    Around flushes([&] { return durable ? flushes_per_s(cluster.directory(), effort.count(1'000)) : 0.0; });
    auto start = Clock::now();
    for (std::size_t i = 0; i < one_by_one; ++i) queue.put(payload_of(i));
    const std::string key = std::string(name_of(mode)) + "_puts_per_s_";
    const double rate = static_cast<double>(one_by_one) / seconds(Clock::now() - start);
    report.add(key + "1", rate, std::string(name_of(mode)) + " puts, 1 outstanding", "/s");
    if (durable) {
      const double bare = flushes.value();
      report.add("flushes_per_s", bare, "  bare appends of 4 KiB with fdatasync", "/s");
      report.add("durable_puts_per_flush_1", rate / bare, "  puts for each such append", "");
    }

    const std::size_t many = effort.count(300'000);
    start = Clock::now();
    std::deque<Ack> under_way;
    for (std::size_t i = 0; i < many; ++i) {
      if (under_way.size() == 64) {
        under_way.front().get();
        under_way.pop_front();
      }
      under_way.push_back(queue.put_async(payload_of(i)));
    }
    for (const Ack& ack : under_way) ack.get();
    report.add(key + "64", static_cast<double>(many) / seconds(Clock::now() - start),
               std::string(name_of(mode)) + " puts, 64 outstanding", "/s");
    queue.purge();
  }
}

void processes(const Places& places, const Effort& effort, Report& report) {
  constexpr int at_once = 2;
  Cluster cluster(places, Cluster::Mode::durable);
  cluster.add_worker({"--slots", std::to_string(at_once)});
  auto client = cluster.connect();
  TaskSpec spec;
  spec.command.args = {"/bin/true"};
  const std::size_t count = effort.count(6'000);
  client.submit(spec, std::vector<std::string>(200)).wait(job_patience);  // warm up
  for (int run = 0; run < effort.runs; ++run) {
    Around raw_rate([&] { return raw_processes_per_s(count / 2, at_once); });
    const auto start = Clock::now();
    const JobInfo info = client.submit(spec, std::vector<std::string>(count)).wait(job_patience);
    const double rate = static_cast<double>(count) / seconds(Clock::now() - start);
    if (!info.succeeded()) throw std::runtime_error("a task that runs /bin/true failed");
    const double raw = raw_rate.value();
    report.add("process_per_task_per_s", rate, "tasks that start /bin/true, 2 at once", "/s");
    report.add("raw_processes_per_s", raw, "  a bare vfork loop, 2 at once", "/s");
    report.add("process_per_task_ratio", rate / raw, "  share of the bare loop", "");
  }
}

void memory(const Places& places, const Effort& effort, Cluster::Mode mode, Report& report) {
  const std::size_t count = effort.count(1'000'000);
  Cluster cluster(places, mode);
  auto client = cluster.connect();
  TaskSpec spec;
  spec.function = "echo";
  client.submit(spec, std::vector<std::string>(1000, payload_of(0)));
  const auto before = resident_bytes(cluster.master());
  std::size_t i = 0;
  const NextPayload next = [&](std::string& payload) {
    payload = payload_of(i);
    return i++ < count;
  };
  const auto start = Clock::now();
  client.submit(spec, next);
  const double elapsed = seconds(Clock::now() - start);
  const auto grown = static_cast<double>(resident_bytes(cluster.master()) - before);
  const std::string prefix = mode == Cluster::Mode::durable ? "" : "ephemeral_";
  report.add(prefix + "rss_bytes_per_queued_task", grown / static_cast<double>(count),
             std::string(name_of(mode)) + " master's memory per queued 16-byte task", "bytes");
  report.add(std::string(name_of(mode)) + "_submits_per_s", static_cast<double>(count) / elapsed,
             std::string(name_of(mode)) + " tasks submitted as one job", "/s");
}

}  // namespace reeve::bench
