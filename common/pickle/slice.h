// Cutting values out of a scanned pickle.
#pragma once

#include "common/pickle/fragment.h"
#include "common/pickle/scan.h"

namespace reeve::pickle {

// The fragment of an entry, into `out`, whose memory is used again. Definitions that lie outside of the entry are
// copied in where they are first referred to. limit_reached: they make it too big.
Result<void> slice(Scan& scan, std::uint32_t entry, Fragment& out);

// What a RebuildProxy knows of its object: the entry of the tuple (type of the object, address, ident). Pre: `proxy` is a
// REDUCE.
std::optional<std::uint32_t> token_state(const Scan& scan, std::uint32_t proxy);
// The ident in it.
std::optional<std::string_view> token_ident(const Scan& scan, std::uint32_t proxy);

}  // namespace reeve::pickle
