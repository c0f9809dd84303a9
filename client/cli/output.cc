#include "client/cli/output.h"

#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "client/cli/terminal.h"
#include "reeve/errors.h"

namespace reeve::cli {

void Output::flush() {
  const std::string bytes = std::exchange(buffer_, {});
  if (write_all(fd_, bytes)) return;
  throw_error({Errc::internal, "cannot write the output: " + std::generic_category().message(errno)});
}

void Output::flush_if_possible() noexcept { (void)write_all(fd_, std::exchange(buffer_, {})); }

}  // namespace reeve::cli
