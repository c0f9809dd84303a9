#include "worker/runners/program_errors.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "common/app/log.h"

namespace reeve::worker {
namespace {

constexpr std::size_t read_bytes = 16u << 10;
constexpr std::size_t pipe_bytes = 64u << 10;  // what a pipe holds
constexpr Duration second = std::chrono::seconds{1};

// Takes the priority off the line.
log::Level take_level(std::string& line) {
  if (line.size() < 3 || line[0] != '<' || line[1] < '0' || line[1] > '7' || line[2] != '>')
    return log::Level::info;
  const char priority = line[1];
  line.erase(0, 3);
  if (priority <= '3') return log::Level::error;
  if (priority == '4') return log::Level::warn;
  return priority == '7' ? log::Level::debug : log::Level::info;
}

// For poll(): not too early.
int milliseconds_until(TimePoint until) {
  if (until == TimePoint::max()) return -1;
  const auto left = std::max(Duration::zero(), until - mono_now());
  return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(left).count());
}

// A terminal or a log reader must not take orders from a program.
char printable(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c; }

}  // namespace

// ---------------------------------------------------------------- ErrorLines

void ErrorLines::add(std::string_view bytes, TimePoint now) {
  while (!bytes.empty()) {
    const std::size_t end = std::min(bytes.find('\n'), bytes.size());
    const std::size_t room = error_line_max_bytes + 1 - line_.size();
    for (const char c : bytes.substr(0, std::min(end, room))) line_ += printable(c);
    if (end == bytes.size()) return;
    end_line(now);
    bytes.remove_prefix(end + 1);
  }
}

TimePoint ErrorLines::next_tick() const {
  return std::min(left_out_ > 0 ? second_ + second : TimePoint::max(),
                  repeated_ > 0 ? error_told_ + same_error_pause : TimePoint::max());
}

void ErrorLines::tick(TimePoint now) {
  if (now - error_told_ >= same_error_pause && repeated_ > 0) {
    tell_repeated();
    error_told_ = now;
  }
  if (now - second_ < second) return;
  tell_left_out();
  second_ = now;
  lines_ = 0;
}

void ErrorLines::end_line(TimePoint now) {
  tick(now);
  if (line_.size() > error_line_max_bytes) line_.replace(error_line_max_bytes, 1, "…");
  log_line(now);
  line_.clear();
}

void ErrorLines::log_line(TimePoint now) {
  const log::Level level = take_level(line_);
  const bool is_error = level == log::Level::error;
  if (is_error && was_just_told(now)) return;
  if (++lines_ > error_lines_per_second_max) {
    ++left_out_;
  } else if (!line_.empty()) {
    if (is_error) tell_repeated();
    sink_(level, line_);
    if (!is_error) return;
    last_error_ = line_;
    error_told_ = now;
  }
}

bool ErrorLines::was_just_told(TimePoint now) {
  if (line_ != last_error_ || now - error_told_ >= same_error_pause) return false;
  ++repeated_;
  return true;
}

void ErrorLines::tell_left_out() {
  if (left_out_ > 0)
    sink_(log::Level::info, fmt::format("({} lines left out: more than {} within a second)", left_out_,
                                        error_lines_per_second_max));
  left_out_ = 0;
}

void ErrorLines::tell_repeated() {
  if (repeated_ > 0) sink_(log::Level::error, fmt::format("{} (repeats: {})", last_error_, repeated_));
  repeated_ = 0;
}

void ErrorLines::finish() {
  if (!line_.empty()) end_line(second_);
  tell_left_out();
  tell_repeated();
}

// ---------------------------------------------------------------- ProgramErrors

ProgramErrors::ProgramErrors(std::string name) : name_(std::move(name)) {
  int ends[2];
  over_.reset(::eventfd(0, EFD_CLOEXEC));
  if (!over_ || ::pipe2(ends, O_CLOEXEC) != 0) {
    log::error("program {}: its errors are not logged: {}", name_, std::strerror(errno));
    return;
  }
  from_.reset(ends[0]);
  to_.reset(ends[1]);
  ::fcntl(from_.get(), F_SETFL, ::fcntl(from_.get(), F_GETFL) | O_NONBLOCK);
  reader_ = std::jthread([this] { read(); });
}

ProgramErrors::~ProgramErrors() {
  // The end of the pipe alone would not do: a process that the program left behind may hold it.
  const std::uint64_t one = 1;
  if (over_) (void)!::write(over_.get(), &one, sizeof one);
}

void ProgramErrors::read() {
  ErrorLines lines{
      [this](log::Level level, const std::string& line) { log::at(level, "program {}: {}", name_, line); }};
  std::array<char, read_bytes> bytes{};
  for (bool over = false; !over;) {
    std::array<pollfd, 2> fds{{{.fd = from_.get(), .events = POLLIN, .revents = 0},
                               {.fd = over_.get(), .events = POLLIN, .revents = 0}}};
    ::poll(fds.data(), fds.size(), milliseconds_until(lines.next_tick()));
    lines.tick(mono_now());
    over = fds[1].revents != 0;
    // In the end what is in the pipe, but not what somebody goes on writing into it.
    for (std::size_t reads = over ? pipe_bytes / read_bytes : 1; reads > 0; --reads) {
      const auto got = ::read(from_.get(), bytes.data(), bytes.size());
      if (got <= 0) break;
      lines.add({bytes.data(), static_cast<std::size_t>(got)}, mono_now());
    }
  }
  lines.finish();
}

}  // namespace reeve::worker
