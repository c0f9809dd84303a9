#include "master/managers/python_proof.h"

namespace reeve::master::managers {

Result<void> PythonProof::feed(std::string_view bytes, std::string& out) {
  reader_.feed(bytes);
  while (!challenge_.done()) {
    std::string_view message;
    Error broken;
    const auto next = reader_.next(message, broken);
    if (next == MessageReader::Next::incomplete) break;
    if (next == MessageReader::Next::broken) {
      if (may_be_hello(reader_.buffered()))
        return fail(Errc::protocol_error,
                    "this is a reeve client or worker, which belongs to the port of --listen");
      return fail(broken);
    }
    if (auto fed = challenge_.feed(message, out); !fed) return fed;
  }
  return {};
}

}  // namespace reeve::master::managers
