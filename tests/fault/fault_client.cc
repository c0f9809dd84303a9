// A client of the fault tests, as a process that can be killed: it writes into a ledger what it asked for and
// what it was told, one line each, before and after.
//
//   fault_client jobs LEDGER NAME SEED STOP_FILE NOTES TASK_PROGRAM [forget]
//                                                                      submits jobs and reads their results
//   fault_client puts LEDGER NAME SEED STOP_FILE QUEUE                 puts values
//   fault_client gets LEDGER NAME SEED STOP_FILE QUEUE                 gets them
//
// When STOP_FILE appears it starts nothing new, finishes what it has, and ends with 0.
#include <unistd.h>

#include <deque>
#include <iostream>
#include <random>
#include <thread>

#include "reeve/client.h"
#include "tests/fault/note.h"

namespace reeve::testing {
namespace {

using namespace std::chrono_literals;

class Program {
 public:
  explicit Program(std::vector<std::string> args)
      : args_(std::move(args)), ledger_(args_.at(1)), random_(std::stoull(args_.at(3))) {}

  int run() {
    while (!client_) {
      try {
        client_.emplace(Client::connect({.program = "fault_client"}));
      } catch (const Unavailable&) {  // the master may be down just now
        if (over()) return 0;
        std::this_thread::sleep_for(50ms);
      }
    }
    if (args_[0] == "jobs") jobs();
    if (args_[0] == "puts") puts();
    if (args_[0] == "gets") gets();
    return 0;
  }

 private:
  bool over() const { return ::access(args_[4].c_str(), F_OK) == 0; }
  int below(int end) { return std::uniform_int_distribution<int>(0, end - 1)(random_); }
  void pause() { std::this_thread::sleep_for(std::chrono::milliseconds{below(30)}); }
  // A name that no other process and no other moment has. (Process numbers come again within the hour.)
  std::string next_key() { return fmt::format("{}-{:x}-{}", args_[2], unique_, ++keys_); }

  template <typename Action>
  bool try_it(std::string_view key, Action action) {
    try {
      action();
      return true;
    } catch (const Exception& error) {
      ledger_.add(fmt::format("error {} {}", key, error.what()));
      return false;
    }
  }

  // ---- jobs

  void jobs() {
    constexpr std::size_t open_max = 40;
    while (!over() || !open_.empty()) {
      if (!over() && open_.size() < open_max) submit();
      if (open_.size() >= open_max || over()) read_results();
      pause();
    }
  }

  TaskSpec some_spec() {
    TaskSpec spec;
    spec.retries = 200;  // faults are not to use them up
    spec.crash_limit = 200;
    spec.backoff = 20ms;
    spec.backoff_max = 200ms;
    spec.priority = below(3);
    if (below(8) == 0) {
      spec.at_most_once = true;
      spec.retries = 0;
    }
    if (below(2) == 0) {
      spec.function = "note";
    } else {
      spec.command.args = {args_.at(6), args_.at(5), "{}"};
      spec.command.payload_to_args = true;
    }
    return spec;
  }

  void submit() {
    const std::string key = next_key();
    const TaskSpec spec = some_spec();
    std::vector<std::string> payloads;
    for (int i = 1, count = 1 + below(6); i <= count; ++i) {
      const int kind = below(20);
      payloads.push_back(TaskPayload{.name = fmt::format("{}/{}", key, i),
                                     .milliseconds = kind == 0   ? 500 + below(1500)
                                                     : kind <= 8 ? below(150)
                                                                 : 0,
                                     .mode = kind == 1                        ? 'f'
                                             : kind == 2 && spec.is_command() ? 't'
                                                                              : 'n'}
                             .text());
    }
    const std::size_t count = payloads.size();
    ledger_.add(fmt::format("submitted {} {} {}", key, count, spec.at_most_once ? "once" : "again"));
    try_it(key, [&] {
      const Job job = client_->submit(spec, std::move(payloads), {.name = key, .after = {}});
      ledger_.add(fmt::format("acked {} {} {} {}", key, job.number(), count, monotonic_us()));
      open_.push_back(job);
      if (below(10) != 0) return;
      std::this_thread::sleep_for(std::chrono::milliseconds{below(100)});
      ledger_.add("cancelling " + key);
      job.cancel();
    });
  }

  void read_results() {
    if (open_.empty()) return;
    const Job job = open_.front();
    open_.pop_front();
    try_it(std::to_string(job.number()), [&] {
      job.wait();
      for (const TaskOutcome& task : job.results())
        ledger_.add(fmt::format("result {}.{} {} {}", job.number(), task.index, name_of(task.outcome.state),
                                value_of(task.outcome)));
      if (args_.back() != "forget") return;
      ledger_.add(fmt::format("forgetting {}", job.number()));
      job.forget();
    });
  }

  static std::string value_of(const Outcome& outcome) {
    std::string value = outcome.value.empty() ? outcome.out : outcome.value;
    if (value.ends_with('\n')) value.pop_back();
    return outcome.state == TaskState::succeeded ? value : outcome.error;
  }

  // ---- values

  void puts() {
    Queue queue = client_->queue(args_.at(5));
    while (!over()) {
      const std::string key = next_key();
      ledger_.add("putting " + key);
      try_it(key, [&] {
        queue.put(key, 2s);
        ledger_.add("put " + key);
      });
      pause();
    }
  }

  void gets() {
    Queue queue = client_->queue(args_.at(5));
    while (!over()) {
      try {
        const Item item = queue.get(500ms);
        ledger_.add(fmt::format("got {} {}.{}", item.bytes, item.id_job, item.id_index));
        ledger_.add("finishing " + item.bytes);
        if (try_it(item.bytes, [&] { queue.task_done(); })) ledger_.add("finished " + item.bytes);
      } catch (const QueueEmpty&) {
      } catch (const Exception& error) {
        ledger_.add(fmt::format("error get {}", error.what()));
      }
    }
  }

  std::vector<std::string> args_;
  LineFile ledger_;
  std::mt19937_64 random_;
  std::optional<Client> client_;
  const std::uint64_t unique_ = std::uint64_t{std::random_device{}()} << 32 | std::random_device{}();
  std::uint64_t keys_ = 0;
  std::deque<Job> open_;
};

}  // namespace
}  // namespace reeve::testing

int main(int argc, char** argv) {
  try {
    return reeve::testing::Program{{argv + 1, argv + argc}}.run();
  } catch (const std::exception& error) {
    std::cerr << "fault_client: " << error.what() << '\n';
    return 1;
  }
}
