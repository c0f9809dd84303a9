// Values of Python clients for what does not read pickles.
#pragma once

#include <optional>
#include <string>

#include "common/pickle/payload.h"
#include "worker/work.h"

namespace reeve::worker {

// The JSON of a pickled payload. None: it is no pickle, or it has no JSON form and is passed on as it is, for who gets it
// to say that it cannot read it.
inline std::optional<std::string> json_form(const Work& work) {
  if (work.spec->encoding != Encoding::pickle) return std::nullopt;
  Result<std::string> json = pickle::json_of_pickle(work.payload);
  if (!json) return std::nullopt;
  return std::move(*json);
}

}  // namespace reeve::worker
