// What the managers listener can be told, with the defaults. The settings of reeve-master carry the same
// names, with "managers-" in front.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "common/net/endpoint.h"

namespace reeve::master::managers {

inline constexpr std::uint16_t managers_port_default = 5000;

struct ObjectLimits {
  std::size_t objects_max = 100'000;             // that clients made and still hold, in memory
  std::uint64_t objects_max_bytes = 4ull << 30;  // values in them and in declared ones, all together
  std::size_t declared_items_max = 1'000'000;    // in one object of the configuration
  std::size_t list_items_max = 1'000'000;   // in a list, dict, Array, Namespace: to look at all takes 0.2 s
  std::size_t call_elements_max = 200'000;  // that one call adds one by one, keys and values each: 0.2 s
};

struct Options {
  bool enabled = true;
  Endpoint listen{"127.0.0.1", managers_port_default};
  bool listen_is_explicit = true;  // not: it is no reason to fail when somebody else has the port
  std::optional<bool> legacy_md5;  // none: on a loopback address yes, elsewhere no
  bool allow_shutdown = false;
  std::size_t connections_max = 20'000;    // authenticated or not
  std::size_t unauthenticated_max = 1024;  // the oldest goes first
  std::chrono::milliseconds handshake_deadline = std::chrono::seconds{10};
  std::size_t message_max_bytes = 1u << 30;
  // Requests that are not carried out yet and answers that are not taken yet, of all connections together.
  std::uint64_t buffered_max_bytes = 4ull << 30;
  ObjectLimits objects;

  bool admits_legacy_md5() const { return legacy_md5.value_or(is_loopback(listen)); }
};

}  // namespace reeve::master::managers
