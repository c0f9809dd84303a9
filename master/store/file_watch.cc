#include "master/store/file_watch.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>

namespace reeve::master {

Result<void> FileWatch::add(std::string path) {
  struct stat now{};
  if (::stat(path.c_str(), &now) != 0)
    return fail(Errc::storage_failed, "cannot find {}: {}", path, std::strerror(errno));
  files_.push_back({.path = std::move(path), .device = now.st_dev, .inode = now.st_ino});
  return {};
}

Result<void> FileWatch::check() const {
  for (const Watched& file : files_) {
    struct stat now{};
    if (::stat(file.path.c_str(), &now) != 0)
      return fail(Errc::storage_failed,
                  "{} is gone ({}): put it back, or restart the master with what there is", file.path,
                  std::strerror(errno));
    if (now.st_dev != file.device || now.st_ino != file.inode)
      return fail(Errc::storage_failed,
                  "{} was replaced while it was in use: put it back, or restart the master with the new one",
                  file.path);
  }
  return {};
}

}  // namespace reeve::master
