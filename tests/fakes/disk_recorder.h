// What a disk holds when the power goes: DiskRecorder writes down what SQLite does to its files, DiskImage plays it
// up to any moment and lays out the files as a disk could hold them then.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/fakes/disk_shim.h"

namespace reeve {

struct DiskEvent {
  enum class Kind { write, truncate, sync, remove };
  Kind kind = Kind::write;
  std::string file;             // its name in the directory
  std::int64_t offset = 0;      // write: where; truncate: the new size
  std::string bytes;            // write
  bool with_directory = false;  // sync, remove: the directory was flushed as well
};

// Operations happen one at a time, so that their order in the record is their order on the disk.
class DiskRecorder final : public DiskShim {
 public:
  DiskRecorder() : DiskShim("recorder") {}
  ~DiskRecorder() override = default;

  // From now on flushes of files whose names end so are claimed and do not happen.
  void lie_about(std::string ending) { lies_about_ = std::move(ending); }

  std::size_t position() const;  // how much has happened so far
  // Pre: nobody uses the disk any more.
  const std::vector<DiskEvent>& events() const { return events_; }

 private:
  int open(sqlite3_filename path, sqlite3_file* real, int flags, int* out_flags) override;
  int write(const std::string& path, sqlite3_file* real, const void* bytes, int count,
            std::int64_t offset) override;
  int truncate(const std::string& path, sqlite3_file* real, std::int64_t size) override;
  int sync(const std::string& path, sqlite3_file* real, int flags) override;
  int remove(const std::string& path, int and_sync_directory) override;

  std::string lies_about_;  // empty: none
  mutable std::mutex mutex_;
  std::vector<DiskEvent> events_;
  std::set<sqlite3_file*> new_logs_;  // opened, and not flushed since
};

// The events outlive the image.
class DiskImage {
 public:
  static constexpr std::size_t sector_bytes = 512;  // what a disk writes as a whole or not at all

  // A file that was there before, on the disk for certain.
  void load(const std::string& path);
  // The next event of the record happens.
  void play(const DiskEvent& event);

  // Everything that happened is on the disk.
  void lay_out(const std::string& directory) const;
  // Of `last`, which was under way, the first `sectors` are on the disk as well. Pre: a write.
  void lay_out_torn(const std::string& directory, const DiskEvent& last, std::size_t sectors) const;
  // What was flushed is on the disk; of the rest each sector with this probability, in no order.
  void lay_out_unflushed(const std::string& directory, std::mt19937& random, double probability) const;

 private:
  struct File {
    std::string now;                           // as programs see it
    std::string flushed;                       // as the disk has it for certain
    bool is_there = false, was_there = false;  // likewise
    void flush() { flushed = now, was_there = is_there, unflushed.clear(); }
    std::vector<const DiskEvent*> unflushed;
  };
  void flush_directory();

  std::map<std::string, File> files_;
};

// A disk that claims to flush and does not wait for it: for reading what a DiskImage has laid out.
class CarelessDisk final : public DiskShim {
 public:
  CarelessDisk() : DiskShim("careless") {}
  ~CarelessDisk() override = default;

 private:
  int sync(const std::string&, sqlite3_file*, int) override { return SQLITE_OK; }
};

}  // namespace reeve
