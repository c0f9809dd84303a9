#include "common/app/ready.h"

#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace reeve {

Result<void> write_ready_file(const std::string& path, std::string_view text) {
  const std::string draft = fmt::format("{}.{}", path, getpid());
  std::FILE* file = std::fopen(draft.c_str(), "we");
  const bool written = file != nullptr && std::fwrite(text.data(), 1, text.size(), file) == text.size();
  const bool closed = file != nullptr && std::fclose(file) == 0;
  if (!written || !closed || std::rename(draft.c_str(), path.c_str()) != 0) {
    const int error = errno;
    std::remove(draft.c_str());
    return fail(Errc::unavailable, "cannot write the ready file {}: {}", path, std::strerror(error));
  }
  return {};
}

void notify_ready(std::string_view status) {
  sd_notifyf(0, "READY=1\nSTATUS=%.*s", static_cast<int>(status.size()), status.data());
}

void notify_stopping() { sd_notify(0, "STOPPING=1"); }

}  // namespace reeve
