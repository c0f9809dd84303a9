#include "worker/configuration.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "common/app/data_dir.h"
#include "worker/runners/python_program.h"

namespace reeve::worker {
namespace {

constexpr unsigned slots_max = 4096;

unsigned usable_cores() {
  cpu_set_t cores;
  if (::sched_getaffinity(0, sizeof cores, &cores) != 0) return 1;
  return static_cast<unsigned>(std::max(CPU_COUNT(&cores), 1));
}

}  // namespace

std::string host_name() {
  std::array<char, 256> host{};
  return ::gethostname(host.data(), host.size() - 1) == 0 ? std::string{host.data()} : "localhost";
}

Configuration::Configuration() : settings_("reeve-worker", "Runs the tasks that a reeve-master hands out.") {
  authkey_.data_dir = default_data_dir();
  settings_.add("master", master_, "Where the master is", "HOST:PORT");
  settings_.add("name", options_.name, "What the master and people call this worker; empty: HOST-PID",
                "NAME");
  settings_.add("authkey-file", authkey_.file, "The file with the shared key; empty: DATA_DIR/authkey",
                "FILE");
  settings_.add_secret("authkey", authkey_.key);
  settings_.add("data-dir", authkey_.data_dir, "The data directory of a master of the same user", "DIR");
  settings_.add("queues", options_.queues, "Take tasks from these queues only", "QUEUE,…");
  settings_.add("labels", labels_, "What distinguishes this worker, for people", "NAME=VALUE,…");
  settings_.add("slots", options_.slots, "How many tasks run at once; 0: one for each core");
  settings_.add("pool", pool_, "Where functions run: in threads, or each slot in a child process of its own",
                "thread|process");
  settings_.add("prefetch-max", options_.prefetch_max, "How many short tasks may wait here for a free slot");
  settings_.add("plugin", options_.plugins, "Shared libraries with functions (see reeve/plugin.h)", "FILE,…");
  settings_.add("initializer", options_.initializer,
                "With --pool process: a function that every child calls before its first task", "FUNCTION");
  settings_.add("max-tasks-per-child", options_.max_tasks_per_child,
                "With --pool process: a child is replaced after so many tasks; 0: never");
  settings_.add("allow-exec", options_.allow_exec, "Run command tasks, that is, any program");
  settings_.add("stop-grace", options_.stop_grace, "How long running tasks may go on after SIGTERM");
  settings_.add("kill-grace", options_.kill_grace,
                "How long a program may go on after SIGTERM, before SIGKILL");
  settings_.add_bytes("output-max", options_.output_max_bytes,
                      "How much of a command's standard output, and of its standard error, is kept");
  settings_.add("ready-file", options_.ready_file, "Written as JSON when the master has welcomed the worker",
                "FILE");
  settings_.add("log-level", log_level_, "debug, info, warn, error or off", "LEVEL");
  settings_.add(
      "python", options_.python,
      "The interpreter of Python functions, 3.6 or newer: [programs.NAME] python = \"module:function\"",
      "PROGRAM");
  settings_.add_section("programs", [this](const ConfigEntry& entry) { return take_program(entry); });
}

// [programs.NAME] with `command = ["program", "argument", …]`, or `python = "module:function"` and perhaps
// `initializer = "module:function"`; for both perhaps `cwd = "…"` and `max_tasks_per_child = N`.
Result<void> Configuration::take_program(const ConfigEntry& entry) {
  if (entry.section.size() != 2)
    return fail(Errc::invalid_argument, "a program stands in a section of its own, [programs.NAME]");
  const std::string& name = entry.section.back();
  auto program = std::ranges::find(options_.programs, name, &ProgramSetting::name);
  if (program == options_.programs.end())
    program = options_.programs.insert(program, ProgramSetting{.name = name});
  if (entry.name == "cwd") {
    program->cwd = entry.text;
  } else if (entry.name == "command") {
    if (entry.elements.empty() || entry.elements.front().empty())
      return fail(Errc::invalid_argument, "it is an array: the program and its arguments");
    program->command = entry.elements;
  } else if (entry.name == "python" || entry.name == "initializer") {
    (entry.name == "python" ? program->python : program->initializer) = entry.text;
    return check_python_name(entry.text);
  } else if (entry.name == "max_tasks_per_child") {
    const char* const end = entry.text.data() + entry.text.size();
    const auto [at, error] = std::from_chars(entry.text.data(), end, program->max_tasks_per_child);
    if (error != std::errc{} || at != end)
      return fail(Errc::invalid_argument, "it is a whole number, 0 (no limit) or more");
  } else {
    return fail(Errc::invalid_argument,
                "a program has a command, or python and initializer, and cwd and max_tasks_per_child");
  }
  return {};
}

// What is to be started is known only when everything has been read.
Result<void> Configuration::complete_programs(Options& options) {
  for (ProgramSetting& program : options.programs) {
    if (program.command.empty() && program.python.empty())
      return fail(Errc::invalid_argument,
                  "[programs.{}] has nothing to run: give it python = \"module:function\" or command = "
                  "[\"program\", \"argument\", …]",
                  program.name);
    if (!program.command.empty() && !program.python.empty())
      return fail(Errc::invalid_argument, "[programs.{}] has both a command and a Python function",
                  program.name);
    if (program.python.empty() && !program.initializer.empty())
      return fail(Errc::invalid_argument, "[programs.{}]: only Python functions have an initializer",
                  program.name);
    if (!program.python.empty())
      program.command = python_command(options.python, {program.python, program.initializer});
  }
  return {};
}

Result<Options> Configuration::options() {
  Options options = options_;
  auto master = parse_endpoint(master_, native_port_default);
  if (!master) return fail(master.error());
  options.master = std::move(*master);
  if (auto good = check_pool(options); !good) return fail(good.error());
  if (auto good = check_labels(options); !good) return fail(good.error());
  if (auto good = complete_programs(options); !good) return fail(good.error());
  if (options.name.empty()) options.name = fmt::format("{}-{}", host_name(), ::getpid());
  authkey_.on_loopback = is_loopback(options.master);
  auto key = find_authkey(authkey_);
  if (!key) return fail(key.error());
  options.authkey = std::move(key->key);
  return options;
}

Result<void> Configuration::check_pool(Options& options) const {
  if (pool_ != "thread" && pool_ != "process")
    return fail(Errc::invalid_argument, "--pool is 'thread' or 'process', not '{}'", pool_);
  options.pool = pool_ == "thread" ? PoolKind::thread : PoolKind::process;
  if (options.pool == PoolKind::thread && (!options.initializer.empty() || options.max_tasks_per_child != 0))
    return fail(Errc::invalid_argument, "--initializer and --max-tasks-per-child need --pool process");
  if (options.slots == 0) options.slots = usable_cores();
  if (options.slots > slots_max) return fail(Errc::invalid_argument, "--slots is at most {}", slots_max);
  return {};
}

Result<void> Configuration::check_labels(Options& options) const {
  for (const auto& label : labels_) {
    const auto equals = label.find('=');
    if (equals == 0 || equals == std::string::npos)
      return fail(Errc::invalid_argument, "a label is NAME=VALUE, not '{}'", label);
    options.labels.emplace_back(label.substr(0, equals), label.substr(equals + 1));
  }
  return {};
}

}  // namespace reeve::worker
