#include "tests/fakes/faulty_disk.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <stdexcept>

namespace reeve {

void FaultyDisk::fail_writes_with(int rc) {
  const std::lock_guard lock{mutex_};
  write_rc_ = rc;
  writes_left_ = -1;
}

void FaultyDisk::fail_flushes_with(int rc) {
  const std::lock_guard lock{mutex_};
  flush_rc_ = rc;
}

void FaultyDisk::fill_up_after(std::int64_t count) {
  const std::lock_guard lock{mutex_};
  writes_left_ = count;
}

std::int64_t FaultyDisk::flushes() const {
  const std::lock_guard lock{mutex_};
  return flushes_;
}

int FaultyDisk::write(const std::string& path, sqlite3_file* real, const void* bytes, int count,
                      std::int64_t offset) {
  {
    const std::lock_guard lock{mutex_};
    if (write_rc_ != SQLITE_OK) return write_rc_;
    if (writes_left_ == 0) return SQLITE_FULL;
    if (writes_left_ > 0) --writes_left_;
  }
  note_unflushed(path, real, offset, count);
  return DiskShim::write(path, real, bytes, count, offset);
}

int FaultyDisk::truncate(const std::string& path, sqlite3_file* real, std::int64_t size) {
  sqlite3_int64 before = 0;
  real->pMethods->xFileSize(real, &before);
  if (size < before) note_unflushed(path, real, size, before - size);
  return DiskShim::truncate(path, real, size);
}

int FaultyDisk::sync(const std::string& path, sqlite3_file* real, int flags) {
  {
    const std::lock_guard lock{mutex_};
    if (flush_rc_ != SQLITE_OK) return flush_rc_;
  }
  const int rc = DiskShim::sync(path, real, flags);
  const std::lock_guard lock{mutex_};
  if (rc == SQLITE_OK) ++flushes_, unflushed_.erase(path);
  return rc;
}

void FaultyDisk::note_unflushed(const std::string& path, sqlite3_file* real, std::int64_t offset,
                                std::int64_t bytes) {
  sqlite3_int64 size = 0;
  real->pMethods->xFileSize(real, &size);
  Undo undo{.offset = offset, .before = {}, .size = size};
  if (offset < size) {
    undo.before.resize(static_cast<std::size_t>(std::min<std::int64_t>(bytes, size - offset)));
    real->pMethods->xRead(real, undo.before.data(), static_cast<int>(undo.before.size()), offset);
  }
  const std::lock_guard lock{mutex_};
  unflushed_[path].push_back(std::move(undo));
}

void FaultyDisk::copy_as_after_power_cut(const std::string& from, const std::string& to) const {
  namespace fs = std::filesystem;
  const std::lock_guard lock{mutex_};
  for (const auto& entry : fs::directory_iterator(from)) {
    if (entry.path().filename().string().ends_with("-shm")) continue;  // lives in memory
    const fs::path copy = fs::path{to} / entry.path().filename();
    fs::copy_file(entry.path(), copy, fs::copy_options::overwrite_existing);
    const auto undone = unflushed_.find(entry.path().string());
    if (undone == unflushed_.end()) continue;
    const int fd = ::open(copy.c_str(), O_RDWR | O_CLOEXEC);
    for (auto undo = undone->second.rbegin(); undo != undone->second.rend(); ++undo) {
      const auto wrote = ::pwrite(fd, undo->before.data(), undo->before.size(), undo->offset);
      if (wrote < 0 || ::ftruncate(fd, undo->size) != 0) throw std::runtime_error("cannot undo writes");
    }
    ::close(fd);
  }
}

}  // namespace reeve
