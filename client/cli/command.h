// Command: one of reeve's commands. Each has a file of its own, declares what it takes, and runs once.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "client/cli/exit_code.h"
#include "client/cli/options.h"
#include "client/cli/output.h"
#include "client/cli/schema.h"
#include "common/base/result.h"
#include "reeve/client.h"

namespace reeve::cli {

// What every command takes.
struct CommonOptions {
  std::string config = {};  // a file
  std::string master = {};
  std::string authkey_file = {};
  std::optional<Duration> connect_timeout = {};
  bool json = false;
  bool quiet = false;
  bool help = false;
  bool print_config = false;
};

inline constexpr Duration connect_timeout_default = std::chrono::seconds{5};

// Context: what a running command uses. The connection is made when it is first needed.
//
// Owner: run_program.  Thread: the main one.
class Context {
 public:
  Context(const CommonOptions& options, Output& out, Output& err) : options_(options), out_(out), err_(err) {}

  Client& client();  // throws Unavailable, AuthenticationFailed

  bool json() const { return options_.json; }
  bool quiet() const { return options_.quiet; }
  Output& out() { return out_; }
  Output& err() { return err_; }

  // Whether the master can be asked just now, as far as the person in front of it was told.
  bool connected() const { return connected_.load(std::memory_order_relaxed); }

  // A remark for the person in front of it, on standard error: not with --quiet, not with --json.
  void note(std::string_view sentence);
  // Trouble with one thing among several; said in any case.
  void complain(std::string_view sentence);
  // The same of an error that goes on in further lines: where it happened.
  void complain_in_lines(std::string_view text);

 private:
  void tell_connection(bool connected, std::string_view master);

  const CommonOptions& options_;
  Output& out_;
  Output& err_;
  std::atomic<bool> connected_{true};  // before the client: it may be told while that closes
  std::optional<Client> client_;
};

// An error that leaves part of the work done, and says how much in fields that scripts can read.
class PartlyDone : public Exception {
 public:
  PartlyDone(const Error& error, ErrorFields fields) : Exception(error), fields_(std::move(fields)) {}
  const ErrorFields& fields() const noexcept { return fields_; }

 private:
  ErrorFields fields_;
};

class Command {
 public:
  virtual ~Command() = default;
  virtual void declare(Options& options) = 0;
  // Trouble that ends the command is thrown as reeve::Exception.
  virtual Exit run(Context& context) = 0;
};

struct CommandEntry {
  std::string_view name;     // "submit", "queue put"
  std::string_view summary;  // one line
  std::string_view text;     // for --help and the man page, may be empty
  std::unique_ptr<Command> (*make)();
};

// All commands, in the order in which the help lists them.
std::span<const CommandEntry> commands();

// The options that every command has, behind its own ones.
void declare_common(Options& options, CommonOptions& to);

// The options of one command, as help, completion and man page show them. `command` and `common` must live as
// long.
Options options_of(Command& command, CommonOptions& common);

template <typename Kind>
std::unique_ptr<Command> make_command() {
  return std::make_unique<Kind>();
}

// The library throws; a Result of our own joins in here.
template <typename T>
T take(Result<T> result) {
  if (!result) throw_error(result.error());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}
template <typename... Args>
[[noreturn]] void refuse(Errc code, fmt::format_string<Args...> format, Args&&... args) {
  throw_error({code, fmt::format(format, std::forward<Args>(args)...)});
}

// "17" or "17.3"; index 0: the whole job. Throws invalid_argument.
TaskName parse_name(std::string_view text);
std::uint64_t parse_job(std::string_view text);
std::vector<std::uint64_t> parse_jobs(const std::vector<std::string>& texts);
std::string to_string(TaskName name);

}  // namespace reeve::cli
