#include "common/net/endpoint.h"

#include <boost/asio/ip/address.hpp>
#include <charconv>

namespace reeve {
namespace {

Result<std::uint16_t> parse_port(std::string_view text, std::string_view whole) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size())
    return fail(Errc::invalid_argument, "'{}' is no address: '{}' is no port from 0 to 65535", whole, text);
  return port;
}

}  // namespace

Result<Endpoint> parse_endpoint(std::string_view text, std::uint16_t default_port) {
  std::string_view host = text;
  std::string_view rest;
  if (text.starts_with('[')) {
    const auto bracket = text.find(']');
    if (bracket == text.npos) return fail(Errc::invalid_argument, "'{}' is no address: ']' is missing", text);
    host = text.substr(1, bracket - 1);
    rest = text.substr(bracket + 1);
    if (!rest.empty() && rest.front() != ':')
      return fail(Errc::invalid_argument, "'{}' is no address: ':PORT' is expected after ']'", text);
  } else if (const auto colon = text.find(':'); colon != text.npos) {
    if (text.find(':', colon + 1) != text.npos)
      return fail(Errc::invalid_argument, "'{}' is no address: write an IPv6 address as [ADDRESS]:PORT",
                  text);
    host = text.substr(0, colon);
    rest = text.substr(colon);
  }
  if (text.empty()) return fail(Errc::invalid_argument, "the address is empty: HOST:PORT is expected");

  Endpoint endpoint{host.empty() ? "127.0.0.1" : std::string{host}, default_port};
  if (!rest.empty()) {
    const auto port = parse_port(rest.substr(1), text);
    if (!port) return fail(port.error());
    endpoint.port = *port;
  }
  return endpoint;
}

std::string to_string(const Endpoint& endpoint) {
  const bool ipv6 = endpoint.host.find(':') != std::string::npos;
  return ipv6 ? fmt::format("[{}]:{}", endpoint.host, endpoint.port)
              : fmt::format("{}:{}", endpoint.host, endpoint.port);
}

bool is_loopback(const Endpoint& endpoint) {
  if (endpoint.host == "localhost") return true;
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(endpoint.host, error);
  return !error && address.is_loopback();
}

}  // namespace reeve
