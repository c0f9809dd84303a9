#include "worker/runners/command_runner.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <span>

#include "common/base/assert.h"
#include "worker/runners/capture.h"

namespace reeve::worker {
namespace {

constexpr std::size_t scratch_bytes = std::size_t{64} << 10;  // what a pipe usually holds

// As shells have them.
constexpr int exit_code_not_found = 127;
constexpr int exit_code_not_run = 126;

struct Pipe {
  Descriptor read, write;
};

std::expected<Pipe, int> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return std::unexpected(errno);
  return Pipe{Descriptor{ends[0]}, Descriptor{ends[1]}};
}

std::expected<Descriptor, int> file_of(std::string_view bytes) {
  Descriptor file{::memfd_create("stdin", MFD_CLOEXEC)};
  if (!file) return std::unexpected(errno);
  for (std::size_t at = 0; at < bytes.size();) {
    const ssize_t written =
        ::pwrite(file.get(), bytes.data() + at, bytes.size() - at, static_cast<off_t>(at));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return std::unexpected(errno);
    at += static_cast<std::size_t>(written);
  }
  return file;
}

std::string_view input_of(const Work& work) {
  const Command& command = work.spec->command;
  return command.payload_to_stdin ? work.payload : command.stdin_bytes;
}

// One program from its start to its end.
class Supervision {
 public:
  Supervision(ProcessGroup group, Capture& out, Capture& err, StopSignal& stop, const CommandOptions& options,
              std::span<char> scratch)
      : group_(std::move(group)),
        out_(out),
        err_(err),
        stop_(stop),
        options_(options),
        scratch_(scratch),
        next_(stop.deadline()) {}

  ExitStatus run() {
    while (!over()) {
      wait();
      decide();
    }
    const ExitStatus status = group_.end();
    take_what_is_left();
    return status;
  }

  // Why it was told to end, if it was.
  StopReason stopped() const { return stopped_; }
  bool timed_out() const { return timed_out_; }

 private:
  enum class Phase : std::uint8_t { running, told_to_end, killed };

  bool over() const { return ended_ && (phase_ == Phase::killed || !capturing()); }
  bool capturing() const { return out_.open() || err_.open(); }

  void wait() {
    pollfd watched[] = {{.fd = ended_ ? -1 : group_.fd(), .events = POLLIN, .revents = 0},
                        out_.watched(),
                        err_.watched(),
                        {.fd = stop_.fd(), .events = POLLIN, .revents = 0}};
    if (poll(watched) <= 0) return;
    out_.take(watched[1].revents, scratch_);
    err_.take(watched[2].revents, scratch_);
    if (watched[3].revents != 0) stop_.drain();
    if (watched[0].revents == 0) return;
    ended_ = true;
    out_.program_ended();
    err_.program_ended();
    if (phase_ == Phase::running && capturing()) next_ = mono_now() + options_.output_patience;
  }

  int poll(std::span<pollfd> watched) const {
    if (next_ == TimePoint::max()) return ::ppoll(watched.data(), watched.size(), nullptr, nullptr);
    const Duration left = std::max(next_ - mono_now(), Duration::zero());
    const auto seconds = std::chrono::floor<std::chrono::seconds>(left);
    const timespec timeout{.tv_sec = seconds.count(),
                           .tv_nsec = std::chrono::nanoseconds(left - seconds).count()};
    return ::ppoll(watched.data(), watched.size(), &timeout, nullptr);
  }

  void decide() {
    if (phase_ == Phase::running && stop_.stopped()) {
      if (ended_) return kill();  // the program has made it; this is about what it left behind
      stopped_ = stop_.reason();
      return tell_to_end();
    }
    if (next_ == TimePoint::max() || mono_now() < next_) return;
    if (ended_ || phase_ != Phase::running) return kill();
    timed_out_ = true;
    tell_to_end();
  }

  void tell_to_end() {
    group_.signal(SIGTERM);
    group_.signal(SIGCONT);  // a program that stands still would not notice
    phase_ = Phase::told_to_end;
    next_ = mono_now() + options_.kill_grace;
  }

  void kill() {
    group_.signal(SIGKILL);
    phase_ = Phase::killed;
    next_ = TimePoint::max();
  }

  // Everything in the group is dead; but a process outside of it may go on writing.
  void take_what_is_left() {
    for (int reads = 0; capturing() && reads < last_reads_max; ++reads) {
      pollfd watched[] = {out_.watched(), err_.watched()};
      if (::poll(watched, std::size(watched), 0) <= 0) return;
      out_.take(watched[0].revents, scratch_);
      err_.take(watched[1].revents, scratch_);
    }
  }

  static constexpr int last_reads_max = 16;  // a pipe holds at most 1 MiB, unless root made it larger

  ProcessGroup group_;
  Capture& out_;
  Capture& err_;
  StopSignal& stop_;
  const CommandOptions& options_;
  const std::span<char> scratch_;

  Phase phase_ = Phase::running;
  bool ended_ = false;  // the program itself
  TimePoint next_;      // the time limit, the end of the grace, the end of the wait for what is left
  StopReason stopped_ = StopReason::none;
  bool timed_out_ = false;
};

}  // namespace

CommandRunner::CommandRunner(CommandOptions options, std::atomic<pid_t>* entry)
    : options_(options),
      spawner_(entry, options.descriptors),
      null_(::open("/dev/null", O_RDWR | O_CLOEXEC)),
      scratch_(std::make_unique_for_overwrite<char[]>(scratch_bytes)) {
  ASSERT(null_, "/dev/null: {}", std::strerror(errno));
}

void CommandRunner::run(const Work& work, StopSignal& stop, Outcome& outcome) {
  if (stop.stopped()) return set_stopped(outcome, stop.reason());
  Result<Running> running = start(work, outcome);
  if (!running) {
    outcome.exit_code = running.error().code == Errc::not_found ? exit_code_not_found : exit_code_not_run;
    return set_failed(outcome, std::move(running.error().detail));
  }
  Supervision supervision{std::move(running->group),      running->out, running->err, stop, options_,
                          {scratch_.get(), scratch_bytes}};
  const ExitStatus status = supervision.run();
  outcome.exit_code = status.code;
  outcome.signal = static_cast<std::uint32_t>(status.signal);
  if (supervision.stopped() != StopReason::none) return set_stopped(outcome, supervision.stopped());
  if (supervision.timed_out()) return set_timed_out(outcome, work.spec->time_limit);
  if (status.signal != 0 || status.code != 0) set_failed(outcome, describe(status));
}

Result<CommandRunner::Running> CommandRunner::start(const Work& work, Outcome& outcome) {
  if (Result<void> ready = command_.prepare(work); !ready) return fail(std::move(ready.error()));
  const Command& command = work.spec->command;
  const auto cannot = [&](int error) {
    return fail(Errc::unavailable, "cannot run '{}': {}", command.args[0], std::strerror(error));
  };
  std::expected<Pipe, int> out = make_pipe();
  if (!out) return cannot(out.error());
  std::expected<Pipe, int> err = make_pipe();
  if (!err) return cannot(err.error());
  Descriptor input;
  if (const std::string_view bytes = input_of(work); !bytes.empty()) {
    std::expected<Descriptor, int> file = file_of(bytes);
    if (!file) return cannot(file.error());
    input = std::move(*file);
  }

  const Streams streams{
      .in = input ? input.get() : null_.get(), .out = out->write.get(), .err = err->write.get()};
  auto group = spawner_.start(command_.program(), streams);
  if (!group && command_.try_differently(group.error(), work.payload))
    group = spawner_.start(command_.program(), streams);
  if (!group)
    return fail(group.error().error == ENOENT ? Errc::not_found : Errc::unavailable, "{}",
                describe(group.error(), command.args[0].c_str(), command.cwd.c_str()));
  return Running{.group = std::move(*group),
                 .out = {std::move(out->read), std::move(out->write), options_.output_max_bytes, outcome.out,
                         outcome.out_cut},
                 .err = {std::move(err->read), std::move(err->write), options_.output_max_bytes, outcome.err,
                         outcome.err_cut}};
}

}  // namespace reeve::worker
