#include "master/net/native_proof.h"

#include <algorithm>
#include <utility>

#include "common/base/assert.h"

namespace reeve::master {

Result<void> NativeProof::feed(std::string_view bytes, std::string& out) {
  ASSERT(bytes.size() <= wants() && handshake_.wants() <= bytes_.size());
  std::ranges::copy(bytes, bytes_.begin() + static_cast<std::ptrdiff_t>(got_));
  got_ += bytes.size();
  if (got_ < handshake_.wants()) {
    if (!said_hello_ && !may_be_hello({bytes_.data(), got_}))
      return fail(Errc::protocol_error, "does not speak reeve's protocol");
    return {};
  }
  said_hello_ = true;
  return handshake_.feed({bytes_.data(), std::exchange(got_, 0)}, out);
}

}  // namespace reeve::master
