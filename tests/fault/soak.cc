// A farm under faults for as long as somebody likes, with a look at what could grow. tests/soak.sh runs it.
//
//   REEVE_FAULT_MINUTES=N    for how long (default: 3)
//   REEVE_TEST_SEED=N        the same choices again
//
// In the first quarter everything is killed now and then. After that the master and one worker are stopped at
// most, and it is they, the store and the time of a round trip that must not grow. But the jobs of clients that were
// killed are kept, for nobody fetches them: each may take what a job of a few tasks takes.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <mutex>
#include <random>
#include <thread>

#include "reeve/client.h"
#include "tests/fault/farm.h"
#include "tests/fault/note.h"
#include "tests/fault/storm.h"

namespace reeve::testing {
namespace {

using namespace std::chrono_literals;

constexpr const char* spared_worker = "threads";
constexpr auto sample_every = 2s;

double resident_mb(pid_t pid) {
  const std::string status = read_file(fmt::format("/proc/{}/status", pid));
  const auto at = status.find("VmRSS:");
  return at == status.npos ? 0 : std::atof(status.c_str() + at + 6) / 1024;
}

double descriptors(pid_t pid) {
  const std::filesystem::directory_iterator files{fmt::format("/proc/{}/fd", pid)};
  return static_cast<double>(std::distance(begin(files), end(files)));
}

double megabytes_in(const std::string& directory) {
  std::uintmax_t bytes = 0;
  std::error_code gone;
  for (const auto& file : std::filesystem::directory_iterator(directory)) bytes += file.file_size(gone);
  return static_cast<double>(bytes) / 1e6;
}

// One thing that is looked at again and again.
struct Series {
  std::string name;
  double slack;    // what it may grow by, besides a quarter of itself
  double per_job;  // and for each job that is kept
  std::vector<double> values = {};

  double median(double from, double to) const {
    const auto at = [this](double part) {
      return values.begin() + static_cast<std::ptrdiff_t>(part * static_cast<double>(values.size()));
    };
    std::vector<double> some{at(from), at(to)};
    if (some.empty()) return 0;
    std::ranges::nth_element(some, some.begin() + static_cast<std::ptrdiff_t>(some.size() / 2));
    return some[some.size() / 2];
  }
  double early() const { return median(0.2, 0.45); }
  double late() const { return median(0.75, 1); }
  bool grows(double more_jobs) const {
    return late() > early() * 1.25 + slack + std::max(more_jobs, 0.0) * per_job;
  }
};

// Puts a value and gets it back, again and again. A thread of its own: it waits while the master stands still,
// and whoever stopped the master must be free to continue it.
class RoundTrips {
 public:
  explicit RoundTrips(Cluster& cluster)
      : client_(Client::connect(
            {.master = cluster.address(), .authkey = {}, .authkey_file = cluster.authkey_file()})),
        thread_([this](const std::stop_token& stop) {
          try {
            while (!stop.stop_requested()) {
              measure();
              std::this_thread::sleep_for(100ms);
            }
          } catch (const Exception& error) {
            ADD_FAILURE() << "a round trip failed: " << error.what();
          }
        }) {}

  std::vector<double> take() {
    const std::lock_guard lock{mutex_};
    return std::exchange(milliseconds_, {});
  }
  double jobs() const {
    const std::lock_guard lock{mutex_};
    return jobs_;
  }

 private:
  void measure() {
    Queue queue = client_.queue("probe");
    const auto begin = std::chrono::steady_clock::now();
    queue.put("probe");
    (void)queue.get();
    queue.task_done();
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
    const auto jobs = static_cast<double>(client_.status().jobs);
    const std::lock_guard lock{mutex_};
    milliseconds_.push_back(took.count());
    jobs_ = jobs;
  }

  Client client_;
  mutable std::mutex mutex_;
  std::vector<double> milliseconds_;
  double jobs_ = 0;  // that the master has
  std::jthread thread_;
};

class Watch {
 public:
  explicit Watch(Farm& farm) : farm_(farm), round_trips_(farm.cluster()) {}

  void look() {
    if (std::chrono::steady_clock::now() < next_) return;
    const pid_t master = farm_.cluster().master().pid(), worker = farm_.worker(spared_worker).pid();
    add(0, resident_mb(master));
    add(1, descriptors(master));
    add(2, resident_mb(worker));
    add(3, descriptors(worker));
    add(4, megabytes_in(farm_.cluster().data_dir()));
    for (const double each : round_trips_.take()) add(5, each);
    jobs_.values.push_back(round_trips_.jobs());
    next_ = std::chrono::steady_clock::now() + sample_every;
  }

  void judge() const {
    fmt::print("{:28} {:>10} {:>10} {:>10}  {}\n", "", "early", "late", "largest", "");
    for (const Series& each : series_) {
      if (each.values.empty()) continue;
      const bool grows = each.grows(jobs_.late() - jobs_.early());
      print_one(each, grows ? "GROWS" : "");
      EXPECT_FALSE(grows) << each.name;
    }
    if (!jobs_.values.empty()) print_one(jobs_, "are allowed for");
    std::fflush(stdout);
  }
  std::size_t samples() const { return series_[0].values.size(); }

 private:
  static void print_one(const Series& each, std::string_view remark) {
    fmt::print("{:28} {:10.1f} {:10.1f} {:10.1f}  {}\n", each.name, each.early(), each.late(),
               std::ranges::max(each.values), remark);
  }
  void add(std::size_t series, double value) { series_[series].values.push_back(value); }
  Farm& farm_;
  RoundTrips round_trips_;
  std::chrono::steady_clock::time_point next_{};
  static constexpr double job_in_memory_mb = 0.003;  // of three tasks, with their outcomes' heads
  static constexpr double job_in_store_mb = 0.002;
  std::vector<Series> series_{{"master, resident MB", 16, job_in_memory_mb},
                              {"master, descriptors", 16, 0},
                              {"a worker, resident MB", 8, 0},
                              {"a worker, descriptors", 16, 0},
                              {"store, MB", 16, job_in_store_mb},
                              {"put + get, ms", 100, 0}};
  Series jobs_{"jobs kept", 0, 0};
};

double number_from(const char* variable, double otherwise) {
  const char* given = std::getenv(variable);
  return given ? std::atof(given) : otherwise;
}

void print(const std::map<std::string, std::size_t>& counts) {
  for (const auto& [what, count] : counts) fmt::print("{:28} {:10}\n", what, count);
}

TEST(Soak, NothingIsLostAndNothingGrows) {
  const char* given = std::getenv("REEVE_TEST_SEED");
  const std::uint64_t seed = given ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  const auto length =
      std::chrono::milliseconds{static_cast<std::int64_t>(number_from("REEVE_FAULT_MINUTES", 3) * 60'000)};
  std::cout << "seed " << seed << " (REEVE_TEST_SEED), " << length.count() / 1000 << " s" << std::endl;
  Farm farm{seed, true};
  Storm storm{farm, seed};
  storm.run(length / 4);
  storm.spare("master");
  storm.spare(spared_worker);
  Watch watch{farm};
  storm.run(length * 3 / 4, [&] { watch.look(); });

  ASSERT_TRUE(farm.finish_clients(2 * patience)) << "everything must finish when the faults are over";
  const auto state = farm.final_state(2 * patience);
  ASSERT_TRUE(state) << "every job must finish when the faults are over";
  const Audit result = audit(farm.ledger(), farm.runs(), storm.faults(), *state, farm_rules());
  fmt::print("\n== faults\n");
  print(storm.summary());
  fmt::print("\n== the ledger\n");
  print(result.counts);
  fmt::print("\n== what could grow ({} samples)\n", watch.samples());
  watch.judge();
  for (const std::string& violation : result.violations) ADD_FAILURE() << violation;
}

}  // namespace
}  // namespace reeve::testing
