#include "common/app/ready_file.h"

#include <unistd.h>

#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>

namespace reeve {

Result<void> write_ready_file(const std::string& file,
                              const std::vector<std::pair<std::string, std::string>>& fields) {
  // One line, spaced as people write it: shell scripts read it too.
  std::string content = "{";
  for (const auto& [name, value] : fields)
    content += fmt::format("{}: {}, ", boost::json::serialize(boost::json::string{name}),
                           boost::json::serialize(boost::json::string{value}));
  content += fmt::format("\"pid\": {}}}\n", ::getpid());

  const std::string draft = fmt::format("{}.{}", file, ::getpid());
  std::ofstream out{draft, std::ios::trunc};
  out << content;
  out.close();
  if (out.fail() || std::rename(draft.c_str(), file.c_str()) != 0) {
    const int error = errno;
    std::remove(draft.c_str());
    return fail(Errc::unavailable, "cannot write the ready file {}: {}", file, std::strerror(error));
  }
  return {};
}

}  // namespace reeve
