#include "master/managers/python_proof.h"

namespace reeve::master::managers {

Result<void> PythonProof::feed(std::string_view bytes, std::string& out) {
  reader_.feed(bytes);
  while (!challenge_.done()) {
    std::string_view message;
    Error broken;
    const auto next = reader_.next(message, broken);
    if (next == MessageReader::Next::incomplete) break;
    if (next == MessageReader::Next::broken) return fail(broken);
    if (auto fed = challenge_.feed(message, out); !fed) return fed;
  }
  return {};
}

}  // namespace reeve::master::managers
