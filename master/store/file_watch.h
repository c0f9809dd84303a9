// FileWatch: whether files are still where they were opened.
//
// A file that was removed or moved away can be written as before; the system keeps it until it is closed, and then
// it is gone, with everything that was acknowledged meanwhile.
//
// Owner: SqliteStore.  Thread: one at a time.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "common/base/result.h"

namespace reeve::master {

class FileWatch {
 public:
  // From now on it should be this file.
  Result<void> add(std::string path);
  // Error: storage_failed, with the path that is not what it was.
  Result<void> check() const;

 private:
  struct Watched {
    std::string path;
    dev_t device;
    ino_t inode;
  };
  std::vector<Watched> files_;
};

}  // namespace reeve::master
