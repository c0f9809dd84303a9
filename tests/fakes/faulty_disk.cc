#include "tests/fakes/faulty_disk.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <new>
#include <stdexcept>

namespace reeve {

// SQLite allocates szOsFile bytes: this, and behind it the real layer's file.
struct FaultyDisk::File {
  sqlite3_file base;
  FaultyDisk* disk;
  std::string* path;
  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

struct FaultyDisk::Methods {
  static File& file(sqlite3_file* f) { return *reinterpret_cast<File*>(f); }
  static sqlite3_file* real(sqlite3_file* f) { return file(f).real(); }

  static int open(sqlite3_vfs* vfs, sqlite3_filename name, sqlite3_file* f, int flags, int* out_flags) {
    auto* disk = static_cast<FaultyDisk*>(vfs->pAppData);
    File& self = *new (f) File{{nullptr}, disk, nullptr};
    const int rc = disk->real_->xOpen(disk->real_, name, self.real(), flags, out_flags);
    if (rc != SQLITE_OK) return rc;
    self.path = new std::string{name != nullptr ? name : ""};
    self.base.pMethods = &table;
    return SQLITE_OK;
  }
  static int close(sqlite3_file* f) {
    delete file(f).path;
    return real(f)->pMethods->xClose(real(f));
  }
  static int write(sqlite3_file* f, const void* bytes, int count, sqlite3_int64 offset) {
    File& self = file(f);
    if (const int rc = self.disk->before_write(*self.path, self.real(), offset, count); rc != SQLITE_OK)
      return rc;
    return real(f)->pMethods->xWrite(real(f), bytes, count, offset);
  }
  static int truncate(sqlite3_file* f, sqlite3_int64 size) {
    sqlite3_int64 before = 0;
    real(f)->pMethods->xFileSize(real(f), &before);
    if (size < before) file(f).disk->note_unflushed(*file(f).path, real(f), size, before - size);
    return real(f)->pMethods->xTruncate(real(f), size);
  }
  static int sync(sqlite3_file* f, int flags) {
    File& self = file(f);
    if (const int rc = self.disk->before_flush(*self.path); rc != SQLITE_OK) return rc;
    const int rc = real(f)->pMethods->xSync(real(f), flags);
    if (rc == SQLITE_OK) self.disk->flushed(*self.path);
    return rc;
  }
  static int read(sqlite3_file* f, void* to, int count, sqlite3_int64 offset) {
    return real(f)->pMethods->xRead(real(f), to, count, offset);
  }
  static int size(sqlite3_file* f, sqlite3_int64* out) { return real(f)->pMethods->xFileSize(real(f), out); }
  static int lock(sqlite3_file* f, int level) { return real(f)->pMethods->xLock(real(f), level); }
  static int unlock(sqlite3_file* f, int level) { return real(f)->pMethods->xUnlock(real(f), level); }
  static int reserved(sqlite3_file* f, int* out) {
    return real(f)->pMethods->xCheckReservedLock(real(f), out);
  }
  static int control(sqlite3_file* f, int op, void* arg) {
    return real(f)->pMethods->xFileControl(real(f), op, arg);
  }
  static int sector(sqlite3_file* f) { return real(f)->pMethods->xSectorSize(real(f)); }
  static int traits(sqlite3_file* f) { return real(f)->pMethods->xDeviceCharacteristics(real(f)); }
  static int shm_map(sqlite3_file* f, int page, int size, int extend, void volatile** out) {
    return real(f)->pMethods->xShmMap(real(f), page, size, extend, out);
  }
  static int shm_lock(sqlite3_file* f, int offset, int n, int flags) {
    return real(f)->pMethods->xShmLock(real(f), offset, n, flags);
  }
  static void shm_barrier(sqlite3_file* f) { real(f)->pMethods->xShmBarrier(real(f)); }
  static int shm_unmap(sqlite3_file* f, int erase) { return real(f)->pMethods->xShmUnmap(real(f), erase); }

  static constexpr sqlite3_io_methods table{
      2,       close,  read,   write,   truncate, sync,        size,      lock,    unlock, reserved,
      control, sector, traits, shm_map, shm_lock, shm_barrier, shm_unmap, nullptr, nullptr};
};

FaultyDisk::FaultyDisk() : real_{sqlite3_vfs_find(nullptr)}, vfs_{*real_} {
  static std::atomic<int> made{0};
  name_ = "faulty-" + std::to_string(++made);
  vfs_.zName = name_.c_str();
  vfs_.pNext = nullptr;
  vfs_.szOsFile = static_cast<int>(sizeof(File)) + real_->szOsFile;
  vfs_.pAppData = this;
  vfs_.xOpen = &Methods::open;
  // The other functions of the unix layer do not look at the vfs they are called with, but for its pAppData
  // in xOpen.
  sqlite3_vfs_register(&vfs_, 0);
}

FaultyDisk::~FaultyDisk() { sqlite3_vfs_unregister(&vfs_); }

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

int FaultyDisk::before_write(const std::string& path, sqlite3_file* real, std::int64_t offset, int bytes) {
  {
    const std::lock_guard lock{mutex_};
    if (write_rc_ != SQLITE_OK) return write_rc_;
    if (writes_left_ == 0) return SQLITE_FULL;
    if (writes_left_ > 0) --writes_left_;
  }
  note_unflushed(path, real, offset, bytes);
  return SQLITE_OK;
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

int FaultyDisk::before_flush(const std::string&) {
  const std::lock_guard lock{mutex_};
  return flush_rc_;
}

void FaultyDisk::flushed(const std::string& path) {
  const std::lock_guard lock{mutex_};
  ++flushes_;
  unflushed_.erase(path);
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
