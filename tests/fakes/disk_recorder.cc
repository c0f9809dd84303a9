#include "tests/fakes/disk_recorder.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace reeve {
namespace {

std::string name_in(const std::string& path) { return std::filesystem::path{path}.filename().string(); }

void put(std::string& content, std::size_t offset, std::string_view bytes) {
  if (content.size() < offset + bytes.size()) content.resize(offset + bytes.size());
  content.replace(offset, bytes.size(), bytes);
}

void write_file(const std::string& path, const std::string& content) {
  std::ofstream file{path, std::ios::binary | std::ios::trunc};
  if (!file.write(content.data(), static_cast<std::streamsize>(content.size())).flush())
    throw std::runtime_error("cannot write " + path);
}

// Calls take(offset, bytes) for each piece of a write that lies within one sector of the disk.
void each_sector(const DiskEvent& write, auto&& take) {
  std::string_view rest = write.bytes;
  auto offset = static_cast<std::size_t>(write.offset);
  while (!rest.empty()) {
    const std::size_t count =
        std::min(rest.size(), DiskImage::sector_bytes - offset % DiskImage::sector_bytes);
    take(offset, rest.substr(0, count));
    offset += count;
    rest.remove_prefix(count);
  }
}

}  // namespace

// ---------------------------------------------------------------- recording

std::size_t DiskRecorder::position() const {
  const std::lock_guard lock{mutex_};
  return events_.size();
}

// The unix layer flushes the directory with the first flush of a log that it may have made.
int DiskRecorder::open(sqlite3_filename path, sqlite3_file* real, int flags, int* out_flags) {
  const std::lock_guard lock{mutex_};
  const int rc = DiskShim::open(path, real, flags, out_flags);
  const bool is_log = (flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL)) != 0;
  if (rc == SQLITE_OK && is_log && (flags & SQLITE_OPEN_CREATE) != 0) new_logs_.insert(real);
  return rc;
}

int DiskRecorder::write(const std::string& path, sqlite3_file* real, const void* bytes, int count,
                        std::int64_t offset) {
  const std::lock_guard lock{mutex_};
  const int rc = DiskShim::write(path, real, bytes, count, offset);
  if (rc == SQLITE_OK)
    events_.push_back({.kind = DiskEvent::Kind::write,
                       .file = name_in(path),
                       .offset = offset,
                       .bytes{static_cast<const char*>(bytes), static_cast<std::size_t>(count)}});
  return rc;
}

int DiskRecorder::truncate(const std::string& path, sqlite3_file* real, std::int64_t size) {
  const std::lock_guard lock{mutex_};
  const int rc = DiskShim::truncate(path, real, size);
  if (rc == SQLITE_OK)
    events_.push_back(
        {.kind = DiskEvent::Kind::truncate, .file = name_in(path), .offset = size, .bytes = {}});
  return rc;
}

// The real file is not flushed: what is tested is the record, and that is in memory.
int DiskRecorder::sync(const std::string& path, sqlite3_file* real, int) {
  if (!lies_about_.empty() && path.ends_with(lies_about_)) return SQLITE_OK;
  const std::lock_guard lock{mutex_};
  events_.push_back({.kind = DiskEvent::Kind::sync,
                     .file = name_in(path),
                     .bytes = {},
                     .with_directory = new_logs_.erase(real) > 0});
  return SQLITE_OK;
}

int DiskRecorder::remove(const std::string& path, int and_sync_directory) {
  const std::lock_guard lock{mutex_};
  const int rc = DiskShim::remove(path, and_sync_directory);
  if (rc == SQLITE_OK)
    events_.push_back({.kind = DiskEvent::Kind::remove,
                       .file = name_in(path),
                       .bytes = {},
                       .with_directory = and_sync_directory != 0});
  return rc;
}

// ---------------------------------------------------------------- playing

void DiskImage::load(const std::string& path) {
  std::ostringstream content;
  content << std::ifstream{path, std::ios::binary}.rdbuf();
  File& file = files_[name_in(path)];
  file.now = file.flushed = content.str();
  file.is_there = file.was_there = true;
}

void DiskImage::play(const DiskEvent& event) {
  File& file = files_[event.file];
  switch (event.kind) {
    case DiskEvent::Kind::write:
      put(file.now, static_cast<std::size_t>(event.offset), event.bytes);
      file.is_there = true;
      file.unflushed.push_back(&event);
      break;
    case DiskEvent::Kind::truncate:
      file.now.resize(static_cast<std::size_t>(event.offset));
      file.unflushed.push_back(&event);
      break;
    case DiskEvent::Kind::sync:
      file.flush();
      break;
    case DiskEvent::Kind::remove:
      file.now.clear();
      file.is_there = false;
      file.unflushed.push_back(&event);
      break;
  }
  if (event.with_directory) flush_directory();
}

// Which files there are is on the disk for certain, though not what is in new ones.
void DiskImage::flush_directory() {
  for (auto& [name, file] : files_) {
    const auto removed = std::ranges::find(file.unflushed.rbegin(), file.unflushed.rend(),
                                           DiskEvent::Kind::remove, &DiskEvent::kind);
    if (removed != file.unflushed.rend()) {
      file.unflushed.erase(file.unflushed.begin(), removed.base());
      file.flushed.clear();
    }
    file.was_there = file.is_there;
  }
}

void DiskImage::lay_out(const std::string& directory) const {
  for (const auto& [name, file] : files_)
    if (file.is_there) write_file(directory + "/" + name, file.now);
}

void DiskImage::lay_out_torn(const std::string& directory, const DiskEvent& last, std::size_t sectors) const {
  lay_out(directory);
  const auto found = files_.find(last.file);
  std::string content = found == files_.end() ? "" : found->second.now;
  each_sector(last, [&](std::size_t offset, std::string_view bytes) {
    if (sectors == 0) return;
    --sectors;
    put(content, offset, bytes);
  });
  write_file(directory + "/" + last.file, content);
}

void DiskImage::lay_out_unflushed(const std::string& directory, std::mt19937& random,
                                  double probability) const {
  std::bernoulli_distribution reached_the_disk{probability};
  for (const auto& [name, file] : files_) {
    std::string content = file.flushed;
    bool is_there = file.was_there;
    for (const DiskEvent* event : file.unflushed) {
      switch (event->kind) {
        case DiskEvent::Kind::write:
          each_sector(*event, [&](std::size_t offset, std::string_view bytes) {
            if (reached_the_disk(random)) put(content, offset, bytes), is_there = true;
          });
          break;
        case DiskEvent::Kind::truncate:
          if (reached_the_disk(random)) content.resize(static_cast<std::size_t>(event->offset));
          break;
        case DiskEvent::Kind::remove:
          if (reached_the_disk(random)) content.clear(), is_there = false;
          break;
        case DiskEvent::Kind::sync:
          break;
      }
    }
    if (is_there) write_file(directory + "/" + name, content);
  }
}

}  // namespace reeve
