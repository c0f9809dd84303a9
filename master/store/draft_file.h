// DraftFile: a database that gets its name only when it is whole.
#pragma once

#include <string>

#include "common/base/result.h"

namespace reeve::master {

// Owner: whoever makes the file.  Thread: any one.
// Always: nothing that was there is replaced; without publish() nothing is left behind, unless the process is killed:
// then FILE.RANDOM.part is.
class DraftFile {
 public:
  // Beside `file`, empty, mode 0600. Errors: already_exists, invalid_argument (the directory), storage_failed.
  static Result<DraftFile> make(std::string file);
  ~DraftFile();
  DraftFile(DraftFile&& other) noexcept;
  DraftFile& operator=(DraftFile&&) = delete;

  const std::string& path() const { return draft_; }
  // What is in it so far is on stable storage.
  Result<void> flush() const;
  // On stable storage, under its name. Pre: nobody has it open. Errors as make.
  Result<void> publish();

 private:
  DraftFile(std::string file, std::string draft) : file_{std::move(file)}, draft_{std::move(draft)} {}
  std::string file_, draft_;  // draft_ empty: there is none any more
};

// The names in this directory are on stable storage.
Result<void> flush_directory(const std::string& dir);

}  // namespace reeve::master
