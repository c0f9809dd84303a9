// What a Python client asks for: (ident, method, args, kwds), each argument as a fragment.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/pickle/fragment.h"
#include "common/pickle/scan.h"

namespace reeve::pickle {

struct Request {
  std::optional<std::string_view> ident;  // none: the server itself is addressed
  std::string_view method;
  std::vector<Fragment> args;
  std::vector<std::pair<std::string_view, Fragment>> kwds;
  Reader reader = Reader::python3;  // how to answer

  const Fragment* keyword(std::string_view name) const {
    for (const auto& [known, value] : kwds)
      if (known == name) return &value;
    return nullptr;
  }
};

// RequestParser reads requests one after the other and keeps its tables in between.
//
// Owner: the listener or the loop; one serves all connections.  Thread: the loop thread.
class RequestParser {
 public:
  explicit RequestParser(const Limits& limits = {}) : scan_(limits) {}

  // Views in the request are into `payload`. `out` is overwritten, and its memory used again.
  // protocol_error, limit_reached: answer with #TRACEBACK; nothing in `out` is of use then, except that `out.reader`
  // is set whenever the pickle says its protocol.
  Result<void> parse(std::string_view payload, Request& out);

 private:
  Result<void> pick(Request& out);
  Result<void> pick_keywords(const Entry& kwds, Request& out);

  Scan scan_;
};

// The convenient form, for tests and for what is not in a hurry. `payload` outlives the request, which points into it.
Result<Request> parse_request(std::string_view payload, const Limits& limits = {});

}  // namespace reeve::pickle
