#include "master/store/draft_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <random>
#include <utility>

namespace reeve::master {
namespace {

std::string directory_of(const std::string& file) {
  const auto parent = std::filesystem::path{file}.parent_path();
  return parent.empty() ? "." : parent.string();
}

Result<void> flush_path(const std::string& path, int flags) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC);
  const bool flushed = fd >= 0 && ::fsync(fd) == 0;
  const int why = errno;
  if (fd >= 0) ::close(fd);
  if (flushed) return {};
  return fail(Errc::storage_failed, "cannot flush {}: {}", path, std::strerror(why));
}

}  // namespace

Result<void> flush_directory(const std::string& dir) { return flush_path(dir, O_RDONLY | O_DIRECTORY); }

Result<DraftFile> DraftFile::make(std::string file) {
  std::error_code error;
  if (std::filesystem::exists(std::filesystem::symlink_status(file, error)))
    return fail(Errc::already_exists, "{} is there already; choose another name", file);
  // Not the process's number: in a container it is the same after each start, and so would be what a killed one left.
  std::random_device random;
  std::string draft = fmt::format("{}.{:08x}{:08x}.part", file, random(), random());
  const int fd = ::open(draft.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return fail(Errc::storage_failed, "cannot write {}: {}", draft, std::strerror(errno));
  ::close(fd);
  return DraftFile{std::move(file), std::move(draft)};
}

Result<void> DraftFile::flush() const { return flush_path(draft_, O_RDWR); }

Result<void> DraftFile::publish() {
  if (auto flushed = flush(); !flushed) return flushed;
  if (::link(draft_.c_str(), file_.c_str()) != 0) {  // unlike rename, it never replaces a file
    if (errno == EEXIST) return fail(Errc::already_exists, "{} is there already; choose another name", file_);
    return fail(Errc::storage_failed, "cannot make {}: {}", file_, std::strerror(errno));
  }
  ::unlink(std::exchange(draft_, "").c_str());
  return flush_directory(directory_of(file_));
}

DraftFile::DraftFile(DraftFile&& other) noexcept
    : file_{std::move(other.file_)}, draft_{std::exchange(other.draft_, "")} {}

DraftFile::~DraftFile() {
  if (draft_.empty()) return;
  for (const char* ending : {"", "-journal", "-wal", "-shm"}) ::unlink((draft_ + ending).c_str());
}

}  // namespace reeve::master
