#include "client/cli/input.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace reeve::cli {

namespace {

constexpr std::size_t chunk_bytes = 64u << 10;

std::string reason(int error) { return std::generic_category().message(error); }

Errc code_of(int error) {
  if (error == ENOENT || error == ENOTDIR) return Errc::not_found;
  if (error == EACCES || error == EPERM) return Errc::permission_denied;
  return Errc::invalid_argument;
}

}  // namespace

Result<Input> Input::open(const std::string& path) {
  if (path == "-") return Input(STDIN_FILENO, "standard input");
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fail(code_of(errno), "cannot open {}: {}", path, reason(errno));
  Input input(fd, path);
  struct stat info{};
  if (::fstat(fd, &info) == 0 && S_ISDIR(info.st_mode))
    return fail(Errc::invalid_argument, "{} is a directory", path);
  return input;
}

Input Input::of(std::string bytes) {
  Input input(-1, "text");
  input.chunk_ = std::move(bytes);
  return input;
}

Input::Input(int fd, std::string name) : fd_(fd), name_(std::move(name)) {}

Input::Input(Input&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      given_(other.given_),
      name_(std::move(other.name_)),
      chunk_(std::move(other.chunk_)) {}

Input& Input::operator=(Input&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(given_, other.given_);
  std::swap(name_, other.name_);
  std::swap(chunk_, other.chunk_);
  return *this;
}

Input::~Input() {
  if (fd_ > STDERR_FILENO) ::close(fd_);
}

Result<std::string_view> Input::read() {
  if (fd_ < 0) return std::exchange(given_, true) ? std::string_view{} : std::string_view{chunk_};
  chunk_.resize(chunk_bytes);
  for (;;) {
    const ssize_t got = ::read(fd_, chunk_.data(), chunk_.size());
    if (got >= 0) return std::string_view{chunk_.data(), static_cast<std::size_t>(got)};
    if (errno != EINTR) return fail(Errc::invalid_argument, "cannot read {}: {}", name_, reason(errno));
  }
}

Result<std::string> Input::read_all(std::size_t bytes_max) {
  std::string all;
  for (;;) {
    const Result<std::string_view> chunk = read();
    if (!chunk) return fail(chunk.error());
    if (chunk->empty()) return all;
    if (chunk->size() > bytes_max - all.size())
      return fail(Errc::too_large, "{} holds more than {} bytes", name_, bytes_max);
    all.append(*chunk);
  }
}

}  // namespace reeve::cli
