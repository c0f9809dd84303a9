// Where a master is: a host name or address, and a port.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace reeve {

inline constexpr std::uint16_t native_port_default = 7733;

struct Endpoint {
  std::string host;
  std::uint16_t port = 0;
  bool operator==(const Endpoint&) const = default;
};

// "host:port", "[::1]:7733", ":7733" (loopback), "host" with `default_port`. Error: invalid_argument.
Result<Endpoint> parse_endpoint(std::string_view text, std::uint16_t default_port);
std::string to_string(const Endpoint& endpoint);

// Whether only this machine can reach it: 127.0.0.0/8, ::1 or "localhost".
bool is_loopback(const Endpoint& endpoint);

}  // namespace reeve
