// What master, workers and clients all say about a task: its spec, its states, its outcome.
// Plain values; proto/convert.h turns them into messages and back.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/api.h"
#include "common/base/time.h"

namespace reeve {

enum class Encoding : std::uint8_t { raw = 0, json = 1, pickle = 2 };
enum class QueueKind : std::uint8_t { fifo = 0, lifo = 1, priority = 2 };

enum class TaskState : std::uint8_t {
  waiting = 0,  // for a delay, a backoff, or other jobs
  ready = 1,
  leased = 2,
  succeeded = 3,
  failed = 4,
  cancelled = 5,
};
inline constexpr std::size_t task_states = 6;
constexpr bool is_final(TaskState state) { return state >= TaskState::succeeded; }
REEVE_API std::string_view name_of(TaskState state);
REEVE_API std::string_view name_of(QueueKind kind);
REEVE_API std::string_view name_of(Encoding encoding);

using Pairs = std::vector<std::pair<std::string, std::string>>;

struct Command {
  std::vector<std::string> args;  // args[0] is looked up in PATH; empty: this is no command
  Pairs env;                      // added to the worker's own environment
  std::string cwd;                // empty: the worker's
  std::string stdin_bytes;        // standard input, unless payload_to_stdin
  bool payload_to_stdin = false;
  bool payload_to_args = false;  // every "{}" in args[1..] becomes the payload
  bool operator==(const Command&) const = default;
};

// What all tasks of one submission share.
struct TaskSpec {
  std::string queue = "default";
  std::string function;  // empty and no command: a plain value
  Command command;
  Encoding encoding = Encoding::raw;
  std::int32_t priority = 0;  // higher first
  Duration delay{0};
  Duration time_limit{0};  // of one attempt's run; 0: none
  std::uint32_t retries = 0;
  Duration backoff{0};            // 0: the master's default
  Duration backoff_max{0};        // 0: the master's default
  std::uint32_t crash_limit = 0;  // 0: the master's default
  bool at_most_once = false;
  std::string result_queue;
  Pairs labels;

  bool is_command() const { return !command.args.empty(); }
  bool is_value() const { return function.empty() && command.args.empty(); }
  bool operator==(const TaskSpec&) const = default;
};

// What the texts of a spec take, about as much as it takes in a message.
std::size_t text_bytes(const TaskSpec& spec);

// How an attempt ended, and with it perhaps its task.
struct Outcome {
  TaskState state = TaskState::succeeded;  // succeeded, failed or cancelled
  std::uint32_t attempt = 0;
  Encoding encoding = Encoding::raw;
  std::string value;
  std::string error;  // empty exactly when succeeded
  std::int32_t exit_code = 0;
  std::uint32_t signal = 0;
  std::string out, err;  // captured output
  bool out_cut = false, err_cut = false;
  bool timed_out = false;
  WallTime started{};  // on the worker's clock
  Duration run{0};
  std::string worker;
};

}  // namespace reeve
