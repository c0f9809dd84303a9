// DataDirLock: only one master works on a data directory.
//
// The kernel releases the lock when the process ends, however it ends.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "common/base/result.h"

namespace reeve::master {

class DataDirLock {
 public:
  // Makes the directory when there is none (mode 0700). Errors: already_exists, naming the holder's pid.
  static Result<DataDirLock> take(const std::string& dir);
  // Whether a master holds it, and its pid, 0 if that is not known. Changes nothing.
  static std::optional<pid_t> holder(const std::string& dir);

  DataDirLock(DataDirLock&& other) noexcept;
  DataDirLock& operator=(DataDirLock&& other) noexcept;
  ~DataDirLock();

 private:
  explicit DataDirLock(int fd) : fd_{fd} {}
  int fd_ = -1;  // of DATA_DIR/lock, which holds the pid
};

}  // namespace reeve::master
