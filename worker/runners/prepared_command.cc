#include "worker/runners/prepared_command.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ranges>

namespace reeve::worker {
namespace {

constexpr std::string_view placeholder = "{}";
constexpr const char* shell = "/bin/sh";
constexpr std::string_view usual_path = "/usr/local/bin:/usr/bin:/bin";
constexpr std::string_view about_attempt_names[] = {"REEVE_JOB",     "REEVE_TASK",  "REEVE_INDEX",
                                                    "REEVE_ATTEMPT", "REEVE_EPOCH", "REEVE_QUEUE"};
constexpr std::string_view daemon_names[] = {"REEVE_AUTHKEY", "NOTIFY_SOCKET", "WATCHDOG_PID",
                                             "WATCHDOG_USEC", "LISTEN_PID",    "LISTEN_FDS",
                                             "LISTEN_FDNAMES"};

std::string_view name_in(std::string_view variable) { return variable.substr(0, variable.find('=')); }

template <typename Names>
bool contains(const Names& names, std::string_view name) {
  return std::ranges::find(names, name) != std::ranges::end(names);
}

bool has_zero_byte(std::string_view text) { return text.find('\0') != text.npos; }

// The last one counts, as in a shell.
const std::string* value_of(const Pairs& pairs, std::string_view name) {
  const auto found = std::ranges::find(pairs.rbegin(), pairs.rend(), name, &Pairs::value_type::first);
  return found == pairs.rend() ? nullptr : &found->second;
}

Result<void> check(const Command& command) {
  if (command.args.empty()) return fail(Errc::invalid_argument, "the task has no command");
  if (std::ranges::any_of(command.args, has_zero_byte))
    return fail(Errc::invalid_argument, "an argument contains a zero byte");
  if (has_zero_byte(command.cwd)) return fail(Errc::invalid_argument, "the directory contains a zero byte");
  for (const auto& [name, value] : command.env)
    if (name.empty() || name.find('=') != name.npos || has_zero_byte(name) || has_zero_byte(value))
      return fail(Errc::invalid_argument, "the environment variable '{}' is not a valid one", name);
  return {};
}

}  // namespace

std::vector<std::string> task_environment() {
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable)
    if (!contains(daemon_names, name_in(*variable))) variables.emplace_back(*variable);
  return variables;
}

std::expected<std::string, int> find_program(std::string_view name, std::string_view path,
                                             std::string_view cwd) {
  if (name.find('/') != name.npos) return std::string(name);
  if (name.empty()) return std::unexpected(ENOENT);
  int error = ENOENT;
  for (const auto directory : std::views::split(path, ':')) {
    std::string file(directory.begin(), directory.end());
    if (file.empty()) file = ".";
    file.append("/").append(name);
    const std::string seen = file.front() != '/' && !cwd.empty() ? fmt::format("{}/{}", cwd, file) : file;
    struct stat about{};
    if (::stat(seen.c_str(), &about) != 0 || !S_ISREG(about.st_mode)) continue;
    if (::faccessat(AT_FDCWD, seen.c_str(), X_OK, AT_EACCESS) == 0) return file;
    error = EACCES;
  }
  return std::unexpected(error);
}

PreparedCommand::PreparedCommand() : own_environment_(task_environment()) {}

Result<void> PreparedCommand::prepare(const Work& work) {
  if (work.spec != spec_) {
    spec_ = work.spec;
    if (Result<void> prepared = prepare_spec(); !prepared) {
      spec_.reset();
      return prepared;
    }
  }
  if (spec_->command.payload_to_args) {
    if (has_zero_byte(work.payload))
      return fail(Errc::invalid_argument, "the payload contains a zero byte and cannot be an argument");
    prepare_arguments(work.payload);
  }
  name_attempt(work.fence);
  return {};
}

Result<void> PreparedCommand::prepare_spec() {
  const Command& command = spec_->command;
  if (Result<void> sound = check(command); !sound) return sound;
  cwd_ = command.cwd.empty() ? nullptr : command.cwd.c_str();
  prepare_environment();
  const auto found = find_program(command.args[0], search_path_, command.cwd);
  if (!found)
    return fail(Errc::not_found, "cannot run '{}': {}", command.args[0], std::strerror(found.error()));
  path_ = *found;
  script_.clear();
  prepare_arguments({});
  return {};
}

void PreparedCommand::prepare_environment() {
  const Pairs& added = spec_->command.env;
  const auto replaced = [&](std::string_view variable) {
    const std::string_view name = name_in(variable);
    return contains(about_attempt_names, name) || value_of(added, name) != nullptr;
  };
  environment_.clear();
  search_path_ = usual_path;
  for (const auto& [name, value] : added)
    if (value_of(added, name) == &value && !contains(about_attempt_names, name))
      environment_.push_back(fmt::format("{}={}", name, value));
  envp_.assign(variables, nullptr);
  for (std::string& variable : environment_) envp_.push_back(variable.data());
  for (const std::string& variable : own_environment_)
    if (!replaced(variable)) envp_.push_back(const_cast<char*>(variable.c_str()));
  for (const std::string_view variable : envp_ | std::views::drop(variables))
    if (variable.starts_with("PATH=")) search_path_ = variable.substr(5);
  envp_.push_back(nullptr);
}

void PreparedCommand::prepare_arguments(std::string_view payload) {
  const std::vector<std::string>& args = spec_->command.args;
  const bool replace = spec_->command.payload_to_args;
  argv_.assign(1, const_cast<char*>(args[0].c_str()));
  if (!script_.empty()) argv_.push_back(script_.data());
  arguments_.resize(args.size());
  for (std::size_t i = 1; i < args.size(); ++i) {
    if (!replace || args[i].find(placeholder) == std::string::npos) {
      argv_.push_back(const_cast<char*>(args[i].c_str()));
      continue;
    }
    std::string& argument = arguments_[i];
    argument.clear();
    std::string_view rest = args[i];
    for (std::size_t at; (at = rest.find(placeholder)) != rest.npos;
         rest.remove_prefix(at + placeholder.size()))
      argument.append(rest.substr(0, at)).append(payload);
    argument.append(rest);
    argv_.push_back(argument.data());
  }
  argv_.push_back(nullptr);
}

void PreparedCommand::name_attempt(const Fence& fence) {
  const auto set = [this](std::size_t i, const auto& value) {
    about_attempt_[i].clear();
    fmt::format_to(std::back_inserter(about_attempt_[i]), "{}={}", about_attempt_names[i], value);
    envp_[i] = about_attempt_[i].data();
  };
  set(0, fence.task.job);
  set(1, fence.task);
  set(2, fence.task.index);
  set(3, fence.attempt);
  set(4, fence.epoch);
  set(5, spec_->queue);
}

bool PreparedCommand::try_differently(const SpawnFailure& failure, std::string_view payload) {
  if (failure.step != SpawnFailure::Step::program) return false;
  if (failure.error == ENOEXEC && script_.empty()) {
    script_ = std::exchange(path_, shell);
    prepare_arguments(payload);
    return true;
  }
  auto found = find_program(spec_->command.args[0], search_path_, spec_->command.cwd);
  if (!found || *found == path_ || !script_.empty()) return false;
  path_ = std::move(*found);
  return true;
}

}  // namespace reeve::worker
