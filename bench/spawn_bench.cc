// What a process per task costs: CommandRunner, which captures both outputs and watches for a stop, against
// the least that a Unix program can do: vfork, exec and waitpid in a loop.
//
//   spawn_bench [SLOTS [PROCESSES_PER_SLOT [ROUNDS]]]     default: 2 3000 7
//
// Both run in turn, round after round, so that a change in the machine's mood meets both; reported are the
// medians. The raw loop has a process per slot, the runners a thread per slot, as in a worker.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <functional>
#include <string_view>
#include <thread>
#include <vector>

#include "worker/runners/command_runner.h"

namespace reeve::worker {
namespace {

constexpr const char* program = "/bin/true";

void raw_process() {
  const pid_t child = ::vfork();
  if (child == 0) {
    ::execl(program, program, nullptr);
    ::_exit(127);
  }
  ::waitpid(child, nullptr, 0);
}

void raw(unsigned slots, unsigned count) {
  for (unsigned slot = 0; slot < slots; ++slot)
    if (::fork() == 0) {
      for (unsigned i = 0; i < count; ++i) raw_process();
      ::_exit(0);
    }
  while (::wait(nullptr) > 0) {
  }
}

void runner_loop(unsigned count) {
  CommandRunner runner{CommandOptions{}};
  auto spec = std::make_shared<TaskSpec>();
  spec->command.args = {program};
  StopSignal signal;
  std::atomic<StopReason> stop{StopReason::none};
  for (unsigned i = 1; i <= count; ++i) {
    const Work work{.fence = {Epoch{1}, {JobId{1}, i}, 1}, .spec = spec, .payload = {}};
    Outcome outcome;
    signal.begin(work, stop, mono_now());
    runner.run(work, signal, outcome);
    signal.end();
    if (outcome.state != TaskState::succeeded) {
      std::fprintf(stderr, "%s: %s\n", program, outcome.error.c_str());
      std::exit(1);
    }
  }
}

void runners(unsigned slots, unsigned count) {
  std::vector<std::jthread> threads;
  for (unsigned slot = 0; slot < slots; ++slot) threads.emplace_back(runner_loop, count);
}

double cpu_seconds() {
  double sum = 0;
  for (const auto who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage usage{};
    ::getrusage(who, &usage);
    for (const timeval& time : {usage.ru_utime, usage.ru_stime})
      sum += static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  }
  return sum;
}

struct Rates {
  std::vector<double> per_second, cpu_us;
};

void measure(Rates& rates, unsigned slots, unsigned count,
             const std::function<void(unsigned, unsigned)>& way) {
  const double cpu = cpu_seconds();
  const TimePoint begin = mono_now();
  way(slots, count);
  const double seconds = std::chrono::duration<double>(mono_now() - begin).count();
  rates.per_second.push_back(slots * count / seconds);
  rates.cpu_us.push_back((cpu_seconds() - cpu) * 1e6 / (slots * count));
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

unsigned number(int argc, char** argv, int at, unsigned otherwise) {
  if (at >= argc) return otherwise;
  const std::string_view text = argv[at];
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.begin(), text.end(), value);
  if (error == std::errc{} && end == text.end() && value > 0) return value;
  std::fprintf(stderr, "usage: spawn_bench [SLOTS [PROCESSES_PER_SLOT [ROUNDS]]]\n");
  std::exit(4);
}

}  // namespace
}  // namespace reeve::worker

int main(int argc, char** argv) {
  using namespace reeve::worker;
  const unsigned slots = number(argc, argv, 1, 2);
  const unsigned count = number(argc, argv, 2, 3000);
  const unsigned rounds = number(argc, argv, 3, 7);
  Rates raw_rates, runner_rates;
  for (unsigned round = 0; round < rounds; ++round) {
    measure(raw_rates, slots, count, raw);
    measure(runner_rates, slots, count, runners);
  }
  std::vector<double> ratios;
  for (unsigned round = 0; round < rounds; ++round)
    ratios.push_back(runner_rates.per_second[round] / raw_rates.per_second[round]);
  std::printf("raw vfork loop %8.0f/s  %6.1f us CPU each\n", median(raw_rates.per_second),
              median(raw_rates.cpu_us));
  std::printf("CommandRunner  %8.0f/s  %6.1f us CPU each\n", median(runner_rates.per_second),
              median(runner_rates.cpu_us));
  std::printf("ratio          %8.3f\n", median(ratios));
}
