#include "tests/fault/network.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>

#include "tests/integration/process.h"

namespace reeve::testing {

namespace {

std::string ip_program() {
  for (const char* path : {"/usr/sbin/ip", "/sbin/ip", "/usr/bin/ip", "/bin/ip"})
    if (std::filesystem::exists(path)) return path;
  return {};
}

}  // namespace

Network::Network() {
  static int networks = 0;
  ++networks;
  names_ = {fmt::format("reeve-{}-{}a", ::getpid(), networks),
            fmt::format("reeve-{}-{}b", ::getpid(), networks)};
  if (ip_program().empty()) {
    missing_ = "there is no program 'ip' (package iproute2)";
    return;
  }
  const auto side = [this](Side which) {
    const std::string there = name(which);
    return ip({"netns", "add", there}) && ip({"-n", there, "link", "set", "lo", "up"});
  };
  const auto end = [this](Side which) {
    const std::string there = name(which);
    return ip({"-n", there, "address", "add", address(which) + "/24", "dev", "cable"}) &&
           ip({"-n", there, "link", "set", "cable", "up"});
  };
  const bool made = side(Side::left) && side(Side::right) &&
                    ip({"-n", name(Side::left), "link", "add", "cable", "type", "veth", "peer", "name",
                        "cable", "netns", name(Side::right)}) &&
                    end(Side::left) && end(Side::right);
  if (!made) missing_ = "network namespaces cannot be made here (ip netns, ip link add type veth)";
}

Network::~Network() {
  if (ip_program().empty()) return;
  for (const auto& name : names_) ip({"netns", "delete", name});
}

bool Network::ip(const std::vector<std::string>& words) {
  std::vector<std::string> all{ip_program()};
  all.insert(all.end(), words.begin(), words.end());
  return Process{all, {}, {}}.wait() == 0;
}

std::vector<std::string> Network::prefix(Side side) const {
  return {ip_program(), "netns", "exec", name(side)};
}

// The far end goes down: what either side sends is lost on the way.
void Network::pull_the_cable() { ip({"-n", name(Side::right), "link", "set", "cable", "down"}); }
void Network::plug_it_in() { ip({"-n", name(Side::right), "link", "set", "cable", "up"}); }

}  // namespace reeve::testing
