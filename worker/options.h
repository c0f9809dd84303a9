// Options: what a worker is told, checked. How it is told: configuration.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/task.h"
#include "common/base/time.h"
#include "common/net/endpoint.h"

namespace reeve::worker {

enum class PoolKind : std::uint8_t { thread, process };

// A long-lived program that runs the tasks of the function `name` (runners/program_line.h).
struct ProgramSetting {
  std::string name;
  std::vector<std::string> command;       // empty: a Python function
  std::string python, initializer;        // "module:function"
  std::string cwd;                        // empty: the worker's
  std::uint64_t max_tasks_per_child = 0;  // then another one takes its place; 0: never
};

struct Options {
  Endpoint master;
  std::string authkey;
  std::string name;
  std::vector<std::string> queues;  // empty: all
  Pairs labels;
  unsigned slots = 0;  // how many tasks run at once
  PoolKind pool = PoolKind::thread;
  std::uint32_t prefetch_max = 4096;
  Duration stop_grace = std::chrono::seconds{30};  // for running tasks, after SIGTERM
  Duration kill_grace = std::chrono::seconds{5};   // for a program, between SIGTERM and SIGKILL
  std::size_t output_max_bytes = 1u << 20;  // kept of a command's standard output, and of its standard error
  bool allow_exec = true;
  std::vector<std::string> plugins;
  std::vector<ProgramSetting> programs;
  std::string python = "python3";         // the interpreter of Python functions
  std::string initializer;                // of pool children: a function; empty: none
  std::uint64_t max_tasks_per_child = 0;  // 0: no limit
  std::string ready_file;                 // empty: none
};

std::string host_name();

}  // namespace reeve::worker
