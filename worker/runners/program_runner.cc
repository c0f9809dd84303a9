#include "worker/runners/program_runner.h"

#include <fcntl.h>
#include <signal.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "common/app/log.h"
#include "worker/runners/prepared_command.h"
#include "worker/runners/program_line.h"

namespace reeve::worker {
namespace {

constexpr Duration end_of_input_patience = std::chrono::seconds{1};

}  // namespace

ProgramRunner::ProgramRunner(ProgramOptions options, std::atomic<pid_t>* group,
                             std::optional<rlimit> descriptors)
    : options_(std::move(options)), spawner_(group, descriptors), errors_(options_.name) {
  if (auto started = start(); !started) log::error("program {}: {}", options_.name, started.error().detail);
}

ProgramRunner::~ProgramRunner() {
  if (program_) program_->finish(end_of_input_patience);
}

Result<void> ProgramRunner::start() {
  int to[2], from[2];
  if (::pipe2(to, O_CLOEXEC) != 0)
    return fail(Errc::unavailable, "cannot make a pipe: {}", std::strerror(errno));
  const Descriptor its_input{to[0]};
  Descriptor our_output{to[1]};
  if (::pipe2(from, O_CLOEXEC) != 0)
    return fail(Errc::unavailable, "cannot make a pipe: {}", std::strerror(errno));
  Descriptor our_input{from[0]};
  const Descriptor its_output{from[1]};

  std::vector<std::string> arguments = options_.command;
  std::vector<char*> argv;
  for (auto& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  std::vector<std::string> variables = task_environment();
  std::vector<char*> envp;
  for (auto& variable : variables) envp.push_back(variable.data());
  envp.push_back(nullptr);
  const char* const cwd = options_.cwd.empty() ? nullptr : options_.cwd.c_str();
  const char* const search_path = std::getenv("PATH");
  const auto path =
      find_program(arguments.front(), search_path != nullptr ? search_path : "/usr/bin:/bin", options_.cwd);
  if (!path)
    return fail(Errc::not_found, "cannot run '{}': {}", arguments.front(), std::strerror(path.error()));
  auto process =
      spawner_.start({.path = path->c_str(), .argv = argv.data(), .envp = envp.data(), .cwd = cwd},
                     {.in = its_input.get(), .out = its_output.get(), .err = errors_.descriptor()});
  if (!process)
    return fail(Errc::unavailable, "{}", describe(process.error(), arguments.front().c_str(), cwd));
  program_ = std::make_unique<LongLived>(std::move(*process), std::move(our_output), std::move(our_input));
  has_answered_ = false;
  tasks_ = 0;
  return {};
}

// Its input ends, so that it can end in its own way.
void ProgramRunner::retire() {
  program_->finish(end_of_input_patience);
  program_.reset();
}

void ProgramRunner::run(const Work& work, StopSignal& stop, Outcome& outcome) {
  const auto request = program_request(work, options_.reads_pickles);
  if (!request) return set_failed(outcome, request.error().detail);
  bool was_there = false;
  LongLived::Exchange exchange;
  do {
    was_there = program_ && program_->alive();
    if (auto ready = was_there ? Result<void>{} : start_anew(stop); !ready) {
      if (stop.stopped()) return set_stopped(outcome, stop.reason());
      if (stop.past_deadline()) return set_timed_out(outcome, work.spec->time_limit);
      return set_failed(outcome, ready.error().detail);
    }
    exchange = program_->exchange(*request, stop, manners(stop));
  } while (was_there && left_before(exchange, work));
  settle(exchange, work, stop, outcome);
  prepare_for_the_next();
}

// Whether a program that was there before the task was on its way out, or is out of step with the task before: this
// one has not begun then, and goes to another program. One that was started for the task has no such excuse.
bool ProgramRunner::left_before(const LongLived::Exchange& exchange, const Work& work) {
  if (!exchange.unread || exchange.asked_to_end != LongLived::Asked::nothing) return false;
  log::info("program {}: {} before it had read the task {}, which another one gets", options_.name,
            exchange.too_early ? "it wrote something" : describe(*exchange.ended), work.fence.task);
  program_.reset();
  if (!has_answered_) put_off_the_start();
  return true;
}

void ProgramRunner::prepare_for_the_next() {
  if (program_) {
    has_answered_ = true;
    failures_ = 0;
    if (options_.tasks_max == 0 || ++tasks_ < options_.tasks_max) return;
    retire();
  }
  if (!has_answered_) return put_off_the_start();
  failures_ = 0;
  if (auto started = start(); !started) log::error("program {}: {}", options_.name, started.error().detail);
}

void ProgramRunner::put_off_the_start() {
  start_after_ = mono_now() + options_.restart.after(++failures_, random_);
}

// Sets program_ to null when it must not be used any more.
void ProgramRunner::settle(const LongLived::Exchange& exchange, const Work& work, const StopSignal& stop,
                           Outcome& outcome) {
  if (exchange.asked_to_end != LongLived::Asked::nothing) {
    has_answered_ = true;  // it did not fail by itself
    program_.reset();
    if (exchange.asked_to_end == LongLived::Asked::late) return set_timed_out(outcome, work.spec->time_limit);
    return set_stopped(outcome, stop.reason());
  }
  if (exchange.answer) {
    const auto understood = read_program_answer(*exchange.answer, work, outcome);
    if (understood && program_->quiet()) return;
    if (understood) {  // the next task would take it for its own
      log::warn("program {}: more than one line for one task; it is started again", options_.name);
      has_answered_ = true;
      program_.reset();
      return;
    }
    program_.reset();
    return set_failed(
        outcome, fmt::format("the program {} is out of step: {}", options_.name, understood.error().detail));
  }
  program_.reset();
  if (exchange.too_long)
    return set_failed(outcome, fmt::format("the program {} answered with more than {} bytes", options_.name,
                                           options_.answer_max_bytes));
  if (exchange.too_early)
    return set_failed(outcome,
                      fmt::format("the program {} is out of step: it wrote something before it had read "
                                  "the task; each task wants one line, and nothing else does",
                                  options_.name));
  outcome.exit_code = exchange.ended->code;
  outcome.signal = static_cast<std::uint32_t>(exchange.ended->signal);
  set_failed(outcome, fmt::format("the program {} {}{} without an answer", options_.name,
                                  exchange.ended->signal != 0 ? "was " : "", describe(*exchange.ended)));
}

Result<void> ProgramRunner::start_anew(StopSignal& stop) {
  program_.reset();
  stop.wait_until(start_after_);
  if (stop.stopped() || stop.past_deadline()) return fail(Errc::cancelled, "the task ended before it began");
  auto started = start();
  if (!started) put_off_the_start();
  return started;
}

LongLived::Manners ProgramRunner::manners(const StopSignal& stop) const {
  return {.answer_bytes =
              [seen = std::size_t{0}](std::string_view received) mutable {
                const auto end = received.find('\n', seen);
                seen = received.size();
                return end == std::string_view::npos ? 0 : end + 1;
              },
          .answer_max_bytes = options_.answer_max_bytes,
          .ask_to_end =
              [this] {
                program_->signal(SIGTERM);
                program_->signal(SIGCONT);
              },
          .stop_grace = options_.kill_grace,
          .late_grace = options_.kill_grace,
          .deadline = stop.deadline()};
}

}  // namespace reeve::worker
