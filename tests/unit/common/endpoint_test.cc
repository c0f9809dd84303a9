#include "common/net/endpoint.h"

#include <gtest/gtest.h>

namespace reeve {
namespace {

TEST(EndpointTest, HostAndPortAreRead) {
  EXPECT_EQ(parse_endpoint("example.org:80", 7733), (Endpoint{"example.org", 80}));
  EXPECT_EQ(parse_endpoint("10.0.0.1:0", 7733), (Endpoint{"10.0.0.1", 0}));
}
TEST(EndpointTest, AnAddressWithoutAPortGetsTheDefault) {
  EXPECT_EQ(parse_endpoint("box", 7733), (Endpoint{"box", 7733}));
  EXPECT_EQ(parse_endpoint("[::1]", 7733), (Endpoint{"::1", 7733}));
}
TEST(EndpointTest, APortAloneIsOnLoopback) {
  EXPECT_EQ(parse_endpoint(":81", 7733), (Endpoint{"127.0.0.1", 81}));
}
TEST(EndpointTest, Ipv6AddressesStandInBrackets) {
  EXPECT_EQ(parse_endpoint("[fe80::1]:82", 7733), (Endpoint{"fe80::1", 82}));
  EXPECT_EQ(to_string(Endpoint{"fe80::1", 82}), "[fe80::1]:82");
  EXPECT_FALSE(parse_endpoint("fe80::1", 7733));
}
TEST(EndpointTest, WhatIsNoAddressIsRefused) {
  for (const auto* text : {"", "a:", "a:b", "a:65536", "a:-1", "a:1x", "[::1", "[::1]x", "[::1]:"})
    EXPECT_FALSE(parse_endpoint(text, 7733)) << text;
}
TEST(EndpointTest, OnlyThisMachineIsLoopback) {
  EXPECT_TRUE(is_loopback({"127.0.0.1", 1}));
  EXPECT_TRUE(is_loopback({"127.9.9.9", 1}));
  EXPECT_TRUE(is_loopback({"::1", 1}));
  EXPECT_TRUE(is_loopback({"localhost", 1}));
  EXPECT_FALSE(is_loopback({"0.0.0.0", 1}));
  EXPECT_FALSE(is_loopback({"::", 1}));
  EXPECT_FALSE(is_loopback({"example.org", 1}));
}

}  // namespace
}  // namespace reeve
