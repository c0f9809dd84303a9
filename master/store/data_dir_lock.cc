#include "master/store/data_dir_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <utility>

#include "master/store/draft_file.h"

namespace reeve::master {
namespace {

pid_t pid_in(int fd) {
  std::array<char, 32> text{};
  const ssize_t got = pread(fd, text.data(), text.size(), 0);
  pid_t pid = 0;
  if (got > 0) std::from_chars(text.data(), text.data() + got, pid);
  return pid;
}

Result<void> make_private(const std::string& dir) {
  std::error_code error;
  if (std::filesystem::is_directory(dir, error)) return {};
  std::filesystem::create_directories(std::filesystem::path{dir}.parent_path(), error);
  if (mkdir(dir.c_str(), 0700) != 0 && errno != EEXIST)
    return fail(Errc::storage_failed, "cannot make the data directory {}: {}", dir, std::strerror(errno));
  return {};
}

// A power cut must not take away the directory with what will be acknowledged in it, whoever made it a moment ago.
// Those above may be closed to us; then others made them.
void keep_name(const std::string& dir) {
  std::error_code error;
  for (auto above = std::filesystem::absolute(dir, error);;) {
    above = above.parent_path();
    if (!flush_directory(above.string()) || above == above.root_path()) return;
  }
}

}  // namespace

Result<DataDirLock> DataDirLock::take(const std::string& dir) {
  if (auto made = make_private(dir); !made) return fail(made.error());
  keep_name(dir);
  const std::string path = dir + "/lock";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return fail(Errc::storage_failed, "cannot open {}: {}", path, std::strerror(errno));
  DataDirLock lock{fd};
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK)
      return fail(Errc::storage_failed, "cannot lock {}: {}", path, std::strerror(errno));
    const pid_t holder = pid_in(fd);
    const std::string who = holder > 0 ? fmt::format(" (pid {})", holder) : "";
    return fail(Errc::already_exists, "another reeve-master{} is using the data directory {}", who, dir);
  }
  const std::string pid = fmt::format("{}\n", getpid());
  // The pid is a courtesy to whoever comes second: on a full disk it is missing, and the lock still holds.
  [[maybe_unused]] const bool told = ftruncate(fd, 0) == 0 && pwrite(fd, pid.data(), pid.size(), 0) > 0;
  return lock;
}

std::optional<pid_t> DataDirLock::holder(const std::string& dir) {
  const int fd = ::open((dir + "/lock").c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  const DataDirLock looked_at{fd};  // closes it, and with it the lock that nobody else held
  if (flock(fd, LOCK_SH | LOCK_NB) == 0 || errno != EWOULDBLOCK) return std::nullopt;
  return pid_in(fd);
}

DataDirLock::DataDirLock(DataDirLock&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}

DataDirLock& DataDirLock::operator=(DataDirLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

DataDirLock::~DataDirLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace reeve::master
