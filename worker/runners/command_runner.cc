#include "worker/runners/command_runner.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include "common/base/assert.h"

namespace reeve::worker {
namespace {

constexpr std::size_t buffer_bytes = 64u << 10;  // what a pipe holds
constexpr std::string_view default_path = "/usr/local/bin:/usr/bin:/bin";
constexpr int exit_code_not_found = 127;  // as in shells
constexpr int exit_code_not_executable = 126;

struct Pipe {
  Descriptor read, write;
};

Result<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return fail(Errc::unavailable, "cannot make a pipe: {}", std::strerror(errno));
  return Pipe{Descriptor{ends[0]}, Descriptor{ends[1]}};
}

std::string signal_name(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name != nullptr ? fmt::format("SIG{}", name) : fmt::format("signal {}", signal);
}

void explain(const Spawner::Failure& failure, const Command& command, Outcome& outcome) {
  const char* const reason = std::strerror(failure.error);
  outcome.exit_code = failure.error == ENOENT ? exit_code_not_found : exit_code_not_executable;
  switch (failure.stage) {
    case Spawner::Stage::start:
      return set_failed(outcome, fmt::format("cannot start a process: {}", reason));
    case Spawner::Stage::change_directory:
      return set_failed(outcome, fmt::format("cannot change to the directory '{}': {}", command.cwd, reason));
    case Spawner::Stage::execute:
      return set_failed(outcome, fmt::format("cannot run '{}': {}", command.args.front(), reason));
  }
}

void replace_braces(std::string_view text, std::string_view payload, std::string& out) {
  constexpr std::string_view braces = "{}";
  out.clear();
  for (;;) {
    const auto at = text.find(braces);
    out += text.substr(0, at);
    if (at == std::string_view::npos) return;
    out += payload;
    text.remove_prefix(at + braces.size());
  }
}

}  // namespace

// Running: one program from its start to its end.
class CommandRunner::Running {
 public:
  Running(const CommandRunner& runner, StopSignal& stop, Outcome& outcome, Spawner::Process process,
          Descriptor out, Descriptor err)
      : runner_(runner),
        stop_(stop),
        outcome_(outcome),
        pid_(process.pid),
        pidfd_(process.pidfd),
        out_{std::move(out), outcome.out, outcome.out_cut},
        err_{std::move(err), outcome.err, outcome.err_cut} {}

  void see_to_its_end(Duration time_limit) {
    while (!ended_ || out_.pipe || err_.pipe) {
      if (!wait_for_something()) break;
    }
    finish(time_limit);
  }

 private:
  struct Stream {
    Descriptor pipe;
    std::string& kept;
    bool& cut;
  };
  enum class Ending { natural, stopped, timed_out };

  bool wait_for_something() {
    std::array<pollfd, 4> fds{
        {{.fd = out_.pipe.get(), .events = POLLIN, .revents = 0},
         {.fd = err_.pipe.get(), .events = POLLIN, .revents = 0},
         {.fd = ended_ ? -1 : pidfd_.get(), .events = POLLIN, .revents = 0},
         {.fd = ending_ == Ending::natural ? stop_.fd() : -1, .events = POLLIN, .revents = 0}}};
    const TimePoint until = next_deadline();
    timespec timeout{};
    if (until != TimePoint::max()) {
      const auto left = std::max(Duration::zero(), until - mono_now());
      const auto seconds = std::chrono::floor<std::chrono::seconds>(left);
      timeout = {.tv_sec = seconds.count(), .tv_nsec = std::chrono::nanoseconds(left - seconds).count()};
    }
    const int ready =
        ::ppoll(fds.data(), fds.size(), until == TimePoint::max() ? nullptr : &timeout, nullptr);
    if (ready > 0) {
      if (fds[0].revents != 0) take_output(out_);
      if (fds[1].revents != 0) take_output(err_);
      if (fds[2].revents != 0) program_ended();
      if (fds[3].revents != 0) stop_.drain();
    }
    return on_time();
  }

  TimePoint next_deadline() const {
    if (ended_) return leave_at_;
    if (ending_ != Ending::natural) return kill_at_;
    return stop_.stopped() ? TimePoint{} : stop_.deadline();
  }

  // What is due now, besides what was waited for. False: do not wait any more.
  bool on_time() {
    if (ended_) {
      if (!out_.pipe && !err_.pipe) return false;
      return mono_now() < leave_at_;
    }
    if (ending_ == Ending::natural) {
      if (stop_.stopped())
        terminate(Ending::stopped);
      else if (stop_.past_deadline())
        terminate(Ending::timed_out);
    } else if (kill_at_ != TimePoint::max() && mono_now() >= kill_at_) {
      kill_at_ = TimePoint::max();
      ::kill(-pid_, SIGKILL);
    }
    return true;
  }

  void terminate(Ending why) {
    ending_ = why;
    kill_at_ = mono_now() + runner_.options_.kill_grace;
    ::kill(-pid_, SIGTERM);
    ::kill(-pid_, SIGCONT);  // a program that stands still would not notice
  }

  void program_ended() {
    ended_ = true;
    const TimePoint now = mono_now();
    leave_at_ = now + runner_.options_.output_patience;
    // What was told to end with it has the same grace to do so.
    if (kill_at_ != TimePoint::max()) leave_at_ = std::max(now, kill_at_);
  }

  void take_output(Stream& stream) {
    const auto got = ::read(stream.pipe.get(), runner_.buffer_.get(), buffer_bytes);
    if (got < 0 && errno == EINTR) return;
    if (got <= 0) return stream.pipe.reset();
    const std::string_view bytes{runner_.buffer_.get(), static_cast<std::size_t>(got)};
    const std::size_t room = runner_.options_.output_max_bytes - stream.kept.size();
    stream.kept += bytes.substr(0, room);
    stream.cut |= bytes.size() > room;
  }

  // The program is a zombie still, so that nobody else can have its process group's number.
  void finish(Duration time_limit) {
    ::kill(-pid_, SIGKILL);
    if (runner_.group_ != nullptr) runner_.group_->store(0, std::memory_order_relaxed);
    siginfo_t info{};
    while (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED) != 0 && errno == EINTR) {
    }
    if (info.si_code == CLD_EXITED) {
      outcome_.exit_code = info.si_status;
      if (info.si_status != 0) set_failed(outcome_, fmt::format("exited with code {}", info.si_status));
    } else {
      outcome_.signal = static_cast<std::uint32_t>(info.si_status);
      set_failed(outcome_, fmt::format("killed by {}", signal_name(info.si_status)));
    }
    if (ending_ == Ending::timed_out) set_timed_out(outcome_, time_limit);
    if (ending_ == Ending::stopped) set_stopped(outcome_, stop_.reason());
  }

  const CommandRunner& runner_;
  StopSignal& stop_;
  Outcome& outcome_;
  const pid_t pid_;
  Descriptor pidfd_;
  Stream out_, err_;
  bool ended_ = false;
  Ending ending_ = Ending::natural;
  TimePoint kill_at_ = TimePoint::max();   // once it was told to end
  TimePoint leave_at_ = TimePoint::max();  // once it has ended
};

CommandRunner::CommandRunner(CommandOptions options, std::atomic<pid_t>* group)
    : options_(options),
      group_(group),
      null_(::open("/dev/null", O_RDONLY | O_CLOEXEC)),
      buffer_(std::make_unique<char[]>(buffer_bytes)) {
  ASSERT(null_, "/dev/null: {}", std::strerror(errno));
}

void CommandRunner::run(const Work& work, StopSignal& stop, Outcome& outcome) {
  prepare(work);
  if (auto filled = fill_arguments(work); !filled) return set_failed(outcome, filled.error().detail);
  auto in = open_input(work);
  if (!in) return set_failed(outcome, in.error().detail);
  auto out = make_pipe();
  if (!out) return set_failed(outcome, out.error().detail);
  auto err = make_pipe();
  if (!err) return set_failed(outcome, err.error().detail);

  const auto process = spawn(work, *in ? in->get() : null_.get(), out->write.get(), err->write.get());
  if (!process) return explain(process.error(), work.spec->command, outcome);
  in->reset();
  out->write.reset();
  err->write.reset();
  Running{*this, stop, outcome, *process, std::move(out->read), std::move(err->read)}.see_to_its_end(
      work.spec->time_limit);
}

void CommandRunner::prepare(const Work& work) {
  if (work.spec == spec_) return;
  spec_ = work.spec;
  environment_.prepare(*spec_);
  path_.clear();
}

Result<void> CommandRunner::fill_arguments(const Work& work) {
  const Command& command = work.spec->command;
  if (command.payload_to_args && work.payload.contains('\0'))
    return fail(Errc::invalid_argument, "the payload has a zero byte and cannot be part of an argument");
  arguments_.resize(command.args.size());
  argv_.resize(command.args.size() + 1);
  for (std::size_t i = 0; i < command.args.size(); ++i) {
    if (i > 0 && command.payload_to_args)
      replace_braces(command.args[i], work.payload, arguments_[i]);
    else
      arguments_[i] = command.args[i];
    argv_[i] = arguments_[i].data();
  }
  argv_.back() = nullptr;
  return {};
}

// As execvp would find it. A name that is not found is returned as it is: running it says what is wrong.
std::string CommandRunner::find_program(const std::string& name) const {
  if (name.contains('/')) return name;
  std::string_view path = environment_.find("PATH");
  if (path.empty()) path = default_path;
  std::string denied;
  while (true) {
    const auto colon = path.find(':');
    const std::string_view directory = path.substr(0, colon);
    std::string candidate = fmt::format("{}/{}", directory.empty() ? "." : directory, name);
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
    if (errno == EACCES && denied.empty()) denied = std::move(candidate);
    if (colon == std::string_view::npos) break;
    path.remove_prefix(colon + 1);
  }
  // Without a slash it would be looked for in the working directory.
  return denied.empty() ? "/nonexistent/" + name : denied;
}

// A file in memory: a program that does not read its input cannot keep us waiting. An empty Descriptor: no
// input.
Result<Descriptor> CommandRunner::open_input(const Work& work) const {
  const Command& command = work.spec->command;
  std::string_view input = command.payload_to_stdin ? work.payload : command.stdin_bytes;
  if (input.empty()) return Descriptor{};
  Descriptor file{::memfd_create("stdin", MFD_CLOEXEC)};
  if (!file) return fail(Errc::unavailable, "cannot hold the standard input: {}", std::strerror(errno));
  for (off_t at = 0; !input.empty();) {
    const auto written = ::pwrite(file.get(), input.data(), input.size(), at);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0)
      return fail(Errc::unavailable, "cannot hold the standard input: {}", std::strerror(errno));
    at += written;
    input.remove_prefix(static_cast<std::size_t>(written));
  }
  return file;
}

std::expected<Spawner::Process, Spawner::Failure> CommandRunner::spawn(const Work& work, int in, int out,
                                                                       int err) {
  const Command& command = work.spec->command;
  const bool remembered = !path_.empty();
  if (!remembered) path_ = find_program(command.args.front());
  Spawner::Plan plan{.path = path_.c_str(),
                     .argv = argv_.data(),
                     .envp = environment_.for_attempt(work),
                     .cwd = command.cwd.empty() ? nullptr : command.cwd.c_str(),
                     .in = in,
                     .out = out,
                     .err = err,
                     .group = group_};
  auto process = spawner_.spawn(plan);
  if (process || process.error().stage != Spawner::Stage::execute) return process;
  if (process.error().error == ENOEXEC) {  // a script that does not say what runs it
    std::string shell = "/bin/sh";
    std::vector<char*> argv{shell.data(), path_.data()};
    argv.insert(argv.end(), argv_.begin() + 1, argv_.end());
    plan.path = shell.c_str();
    plan.argv = argv.data();
    return spawner_.spawn(plan);
  }
  if (!remembered) return process;
  path_.clear();  // it may have moved since
  return spawn(work, in, out, err);
}

}  // namespace reeve::worker
