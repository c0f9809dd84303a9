// Network: two network namespaces with a cable between them, made and removed by the test. Programs run in one of
// them (prefix of ClusterOptions), and the cable can be pulled: then nothing arrives, and nobody is told.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace reeve::testing {

// Owner: a test.
class Network {
 public:
  enum class Side : std::uint8_t { left, right };

  Network();
  ~Network();
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  // Why there can be none; empty: there is one. Namespaces need rights that not every machine gives.
  const std::string& missing() const { return missing_; }

  std::vector<std::string> prefix(Side side) const;  // of a command that is to run there
  static std::string address(Side side) { return side == Side::left ? "10.213.7.1" : "10.213.7.2"; }

  void pull_the_cable();
  void plug_it_in();

 private:
  bool ip(const std::vector<std::string>& words);
  std::string name(Side side) const { return names_[static_cast<std::size_t>(side)]; }

  std::array<std::string, 2> names_;
  std::string missing_;
};

}  // namespace reeve::testing
