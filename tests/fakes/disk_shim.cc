#include "tests/fakes/disk_shim.h"

#include <atomic>
#include <new>

namespace reeve {

// SQLite allocates szOsFile bytes: this, and behind it the real layer's file.
struct DiskShim::File {
  sqlite3_file base;
  DiskShim* disk;
  std::string* path;
  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

struct DiskShim::Methods {
  static File& file(sqlite3_file* f) { return *reinterpret_cast<File*>(f); }
  static sqlite3_file* real(sqlite3_file* f) { return file(f).real(); }

  static int open(sqlite3_vfs* vfs, sqlite3_filename name, sqlite3_file* f, int flags, int* out_flags) {
    auto* disk = static_cast<DiskShim*>(vfs->pAppData);
    File& self = *new (f) File{{nullptr}, disk, nullptr};
    // The real layer keeps the pointer: it looks for parameters behind the name.
    const int rc = name == nullptr ? disk->real_->xOpen(disk->real_, name, self.real(), flags, out_flags)
                                   : disk->open(name, self.real(), flags, out_flags);
    if (rc != SQLITE_OK) return rc;
    self.path = new std::string{name != nullptr ? name : ""};
    self.base.pMethods = &table;
    return SQLITE_OK;
  }
  static int remove(sqlite3_vfs* vfs, const char* path, int and_sync_directory) {
    return static_cast<DiskShim*>(vfs->pAppData)->remove(path, and_sync_directory);
  }
  static int close(sqlite3_file* f) {
    delete file(f).path;
    return real(f)->pMethods->xClose(real(f));
  }
  static int write(sqlite3_file* f, const void* bytes, int count, sqlite3_int64 offset) {
    return file(f).disk->write(*file(f).path, real(f), bytes, count, offset);
  }
  static int truncate(sqlite3_file* f, sqlite3_int64 size) {
    return file(f).disk->truncate(*file(f).path, real(f), size);
  }
  static int sync(sqlite3_file* f, int flags) { return file(f).disk->sync(*file(f).path, real(f), flags); }
  static int shm_lock(sqlite3_file* f, int offset, int n, int flags) {
    return file(f).disk->lock_index(real(f), offset, n, flags);
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
  static void shm_barrier(sqlite3_file* f) { real(f)->pMethods->xShmBarrier(real(f)); }
  static int shm_unmap(sqlite3_file* f, int erase) { return real(f)->pMethods->xShmUnmap(real(f), erase); }

  static constexpr sqlite3_io_methods table{
      2,       close,  read,   write,   truncate, sync,        size,      lock,    unlock, reserved,
      control, sector, traits, shm_map, shm_lock, shm_barrier, shm_unmap, nullptr, nullptr};
};

DiskShim::DiskShim(const std::string& name) : real_{sqlite3_vfs_find(nullptr)}, vfs_{*real_} {
  static std::atomic<int> made{0};
  name_ = name + "-" + std::to_string(++made);
  vfs_.zName = name_.c_str();
  vfs_.pNext = nullptr;
  vfs_.szOsFile = static_cast<int>(sizeof(File)) + real_->szOsFile;
  vfs_.pAppData = this;
  vfs_.xOpen = &Methods::open;
  vfs_.xDelete = &Methods::remove;
  // The other functions of the unix layer do not look at the vfs they are called with.
  sqlite3_vfs_register(&vfs_, 0);
}

DiskShim::~DiskShim() { sqlite3_vfs_unregister(&vfs_); }

int DiskShim::open(sqlite3_filename path, sqlite3_file* real, int flags, int* out_flags) {
  return real_->xOpen(real_, path, real, flags, out_flags);
}

int DiskShim::write(const std::string&, sqlite3_file* real, const void* bytes, int count,
                    std::int64_t offset) {
  return real->pMethods->xWrite(real, bytes, count, offset);
}

int DiskShim::truncate(const std::string&, sqlite3_file* real, std::int64_t size) {
  return real->pMethods->xTruncate(real, size);
}

int DiskShim::sync(const std::string&, sqlite3_file* real, int flags) {
  return real->pMethods->xSync(real, flags);
}

int DiskShim::remove(const std::string& path, int and_sync_directory) {
  return real_->xDelete(real_, path.c_str(), and_sync_directory);
}

int DiskShim::lock_index(sqlite3_file* real, int slot, int count, int flags) {
  return real->pMethods->xShmLock(real, slot, count, flags);
}

}  // namespace reeve
