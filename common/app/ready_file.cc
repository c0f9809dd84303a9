#include "common/app/ready_file.h"

#include <unistd.h>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>

namespace reeve {

Result<void> write_ready_file(const std::string& file,
                              const std::vector<std::pair<std::string, std::string>>& fields) {
  boost::json::object content;
  for (const auto& [name, value] : fields) content[name] = value;
  content["pid"] = ::getpid();

  const std::string draft = fmt::format("{}.{}", file, ::getpid());
  std::ofstream out{draft, std::ios::trunc};
  out << boost::json::serialize(content) << '\n';
  out.close();
  if (out.fail() || std::rename(draft.c_str(), file.c_str()) != 0) {
    const int error = errno;
    std::remove(draft.c_str());
    return fail(Errc::unavailable, "cannot write the ready file {}: {}", file, std::strerror(error));
  }
  return {};
}

}  // namespace reeve
